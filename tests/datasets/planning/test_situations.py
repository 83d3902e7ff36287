"""Every situation of a folder gets the correct plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.datasets.planning import plan as plans
from core.errors import UserError
from tests.datasets.planning import folder_situations, package_situations, table_situations
from tests.datasets.planning.situation import Situation, numbered, planned, table, written

SITUATIONS = (
    *folder_situations.SITUATIONS,
    *table_situations.SITUATIONS,
    *package_situations.SITUATIONS,
)


def test_there_are_120_situations_with_distinct_names() -> None:
    names = [situation.name for situation in SITUATIONS]
    assert len(names) >= 120
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_situation(situation: Situation, tmp_path: Path) -> None:
    if situation.refused:
        with pytest.raises(UserError, match=situation.refused):
            planned(situation, tmp_path)
        return
    plan = planned(situation, tmp_path)
    if situation.classes is not None:
        assert {item.name: item.photos for item in plan.classes} == situation.classes
    assert plan.unlabelled == situation.unlabelled
    if situation.splits is not None:
        assert plan.splits == situation.splits
    if situation.boxes is not None:
        assert plan.boxes == situation.boxes
    if situation.groups is not None:
        assert plan.groups == situation.groups
    if situation.kept is not None:
        assert set(plan.kept) == set(situation.kept)
    if situation.left is not None:
        assert {left.reason: left.files for left in plan.left_out} == situation.left
    if situation.layout:
        assert situation.layout in plan.decisions.layout
    assert plan.error_count == situation.errors, plan.errors
    answers = {question.id: question.answer for question in plan.questions}
    for beginning, answer in situation.asks.items():
        found = {id_: given for id_, given in answers.items() if id_.startswith(beginning)}
        assert set(found.values()) == {answer}, answers
    assert situation.note in " ".join(plan.notes)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_every_file_is_a_photo_of_the_dataset_or_counted_with_an_example(
    situation: Situation, tmp_path: Path
) -> None:
    if situation.refused:
        pytest.skip("refused: nothing is imported")
    plan = planned(situation, tmp_path)
    total = sum(1 for path in tmp_path.rglob("*") if path.is_file())
    hidden = [left for left in plan.left_out if left.reason.startswith("hidden")]
    inside = sum(1 for path in tmp_path.rglob("*") if path.is_file() and _is_inside(path, tmp_path))
    counted = plan.photos + sum(left.files for left in plan.left_out if left not in hidden)
    assert counted == total - inside
    assert all(left.example for left in plan.left_out)


def _is_inside(path: Path, root: Path) -> bool:
    """Return whether a file is a system file, or inside a system folder, which counts once."""
    from core.io.archives import is_junk

    return any(map(is_junk, path.relative_to(root).parts))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_stored_plan_is_loaded_unchanged(situation: Situation, tmp_path: Path) -> None:
    if situation.refused:
        pytest.skip("refused: there is no plan")
    listing, plan = plans.make_plan(written(situation, tmp_path))
    stored = plans.from_dict(plan.as_dict())
    assert stored.decisions == plan.decisions
    assert plans.replan(listing, stored.decisions) == plan


@pytest.mark.parametrize(
    ("cell", "how"),
    [
        ("/home/other/images/{n}.jpg", "by the end of its path"),
        ("{n}.png", "with another suffix"),
        ("{n}.JPG", "with different upper or lower case"),
        ("{n}", "without its suffix"),
        ("images/{n}.jpg", ""),
    ],
)
def test_a_photo_that_with_another_name_is_reported(cell: str, how: str, tmp_path: Path) -> None:
    rows = [f"{cell.format(n=n)},{'owl' if n % 2 else 'crow'}" for n in range(6)]
    files = {**numbered("images", 6), "labels.csv": table("file,label", *rows)}
    plan = planned(Situation("said", files), tmp_path)
    said = [f"Table rows matched to a photo {how}: 6."] if how else []
    assert list(plan.notes) == said
