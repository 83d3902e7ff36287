"""Edits, drafts and history: edits create a version, record what, why and when, and can be reverted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import settings
from core.datasets import splits, store
from core.datasets.editing import drafts, edits, history
from core.datasets.editing.edits import Step
from core.errors import NotFound, UserError
from tests.datasets import made

HOW = {"kind": "stratified", "ratios": {"train": 0.7, "validation": 0.15, "test": 0.15}, "seed": 7}


@pytest.fixture
def first(tmp_path: Path) -> store.Version:
    frame = splits.apply(made.frame({"Crow": 20, "Jay": 20, "Owl": 20}), HOW)
    return store.add_dataset("Birds", tmp_path, "x", frame, {}, split=HOW)


def paths(version: store.Version, label: str, split: str, count: int) -> list[str]:
    rows = store.manifest_of(version, filters=[("label", "==", label), ("split", "==", split)])
    assert len(rows) >= count
    return rows["path"].head(count).tolist()


def row(version: store.Version, path: str) -> dict[str, object]:
    return dict(store.manifest_of(version, filters=[("path", "==", path)]).iloc[0])


def test_each_edit_makes_a_version_and_leaves_its_parent_alone(first: store.Version) -> None:
    before = first.manifest_path.read_bytes()
    wrong, blurred, leak = (
        paths(first, "Crow", "train", 2),
        paths(first, "Jay", "train", 1),
        paths(first, "Owl", "test", 1),
    )
    steps = [
        edits.relabel(wrong, "Jay", "looks like a jay"),
        edits.leave_out(blurred, "blurred"),
        edits.move(leak, "train", "a copy"),
    ]
    second = edits.make(first, steps)
    assert (second.id, second.parent, second.note) == (
        "v2",
        "v1",
        "2 relabelled, 1 left out, 1 moved",
    )
    assert [row(second, path)["label"] for path in wrong] == ["Jay", "Jay"]
    assert (row(second, blurred[0])["split"], row(second, blurred[0])["problem"]) == (
        "unused",
        "left out: blurred",
    )
    assert row(second, leak[0])["split"] == "train"
    assert second.split["moved"] == 1
    assert edits.steps_of(second) == steps
    assert first.manifest_path.read_bytes() == before


def test_photos_left_out_stay_out_of_later_splits_until_they_are_moved(
    first: store.Version,
) -> None:
    [path] = paths(first, "Crow", "train", 1)
    second = edits.make(first, [edits.leave_out([path], "not a crow")])
    third = history.resplit(second, HOW | {"seed": 9}, ["Crow", "Owl"], "another seed")
    assert row(third, path)["split"] == "unused"
    fourth = edits.make(third, [edits.move([path], "train")])
    assert (row(fourth, path)["split"], row(fourth, path)["problem"]) == ("train", "")
    assert history.diff(third, fourth).changes["what"].tolist() == [history.BACK]


def test_a_new_split_keeps_corrected_labels_and_can_return_a_class(
    first: store.Version,
) -> None:
    [path] = paths(first, "Crow", "train", 1)
    second = edits.make(first, [edits.relabel([path], "Owl")])
    third = history.resplit(second, HOW, ["Crow", "Owl"], "two classes")
    assert third.classes == ("Crow", "Owl")
    assert row(third, path)["label"] == "Owl"
    fourth = history.resplit(third, HOW, ["Crow", "Jay", "Owl"], "all again")
    assert fourth.images == 60
    assert row(fourth, path)["label"] == "Owl"


def test_copies_of_the_same_bytes_move_together_and_are_relabelled_one_by_one(
    tmp_path: Path,
) -> None:
    frame = made.frame({"Crow": 20, "Jay": 20})
    frame.loc[1, "image_id"] = frame.loc[0, "image_id"]
    version = store.add_dataset("Birds", tmp_path, "x", splits.apply(frame, HOW), {}, split=HOW)
    one, other = frame["path"][:2]
    moved = edits.make(version, [edits.move([one], "test")])
    assert {row(moved, one)["split"], row(moved, other)["split"]} == {"test"}
    named = edits.make(version, [edits.relabel([one], "Jay")])
    assert (row(named, one)["label"], row(named, other)["label"]) == ("Jay", "Crow")


def test_a_diff_has_what_why_and_when_with_the_last_reason(first: store.Version) -> None:
    path, other = paths(first, "Crow", "train", 2)
    second = edits.make(first, [edits.relabel([path, other], "Jay", "first thought")], "Pass one")
    third = edits.make(
        second, [edits.relabel([path], "Owl", "looked again"), edits.leave_out([other])], "Pass two"
    )
    found = history.diff(first, third)
    assert found.summary() == "2 relabelled, 1 left out"
    changes = {
        (change["path"], change["what"]): change for change in found.changes.to_dict("records")
    }
    relabelled = changes[path, history.LABEL]
    assert (
        relabelled["before"],
        relabelled["after"],
        relabelled["why"],
        relabelled["version"],
    ) == ("Crow", "Owl", "looked again", "v3")
    assert relabelled["when"].startswith(time.strftime("%Y-", time.gmtime()))
    assert changes[other, history.LABEL]["why"] == "first thought"
    assert changes[other, history.OUT]["why"] == "Pass two"
    assert history.diff(third, third).summary() == "nothing changed"
    back = history.diff(third, first)
    assert back.summary() == "2 relabelled, 1 brought back"
    assert set(back.changes["why"]) == {""}


def test_versions_of_two_datasets_are_not_compared(first: store.Version, tmp_path: Path) -> None:
    frame = splits.apply(made.frame({"Crow": 20, "Jay": 20}), HOW)
    with pytest.raises(UserError, match="two datasets"):
        history.diff(first, store.add_dataset("Other", tmp_path, "x", frame, {}, split=HOW))


def test_reverting_undoes_one_version_and_keeps_later_changes(
    first: store.Version,
) -> None:
    path, other = paths(first, "Crow", "train", 2)
    second = edits.make(first, [edits.relabel([path, other], "Jay")])
    third = edits.make(second, [edits.relabel([other], "Owl")])
    fourth = history.revert(second, third)
    assert (row(fourth, path)["label"], row(fourth, other)["label"]) == ("Crow", "Owl")
    assert (fourth.parent, fourth.note) == ("v3", "Reverted v2")
    with pytest.raises(UserError, match="no change is left"):
        history.revert(second, fourth)
    with pytest.raises(UserError, match="first version"):
        history.revert(first, fourth)
    plain = history.revert(third, third)
    assert store.manifest_of(plain).equals(store.manifest_of(second))


def test_reverting_a_change_of_classes_restores_the_rows(first: store.Version) -> None:
    second = history.resplit(first, HOW, ["Crow", "Owl"], "two classes")
    third = history.revert(second, second)
    assert store.manifest_of(third).equals(store.manifest_of(first))
    assert history.diff(second, third).summary() == "20 added"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda path: edits.relabel([path], "jay"), "differ only"),
        (lambda path: edits.relabel([path], "a\nb"), "invisible"),
        (lambda path: edits.relabel([path], "Crow"), "These edits change nothing"),
        (lambda path: edits.move([path], "dev"), "no split"),
        (lambda path: edits.move(["nowhere.jpg"], "test"), "not in this version"),
        (lambda path: edits.leave_out([]), "Choose the photos"),
        (lambda path: Step("paint", {path: "red"}), "no edit"),
    ],
)
def test_invalid_edits_are_refused_with_the_reason(
    first: store.Version, step: object, words: str
) -> None:
    assert callable(step)
    with pytest.raises(UserError, match=words):
        edits.make(first, [step(paths(first, "Crow", "train", 1)[0])])
    assert len(store.versions(first.dataset_id)) == 1


def test_a_class_must_keep_a_photo_in_train(first: store.Version) -> None:
    every = store.manifest_of(first, filters=[("label", "==", "Crow"), ("split", "==", "train")])[
        "path"
    ].tolist()
    with pytest.raises(UserError, match="Crow"):
        edits.make(first, [edits.leave_out(every)])
    with pytest.raises(UserError, match="The draft is empty"):
        edits.make(first, [])


def test_a_photo_that_cannot_be_used_stays_out(tmp_path: Path) -> None:
    frame = splits.apply(made.frame({"Crow": 20, "Jay": 20}).assign(problem=""), HOW)
    frame.loc[0, ["problem", "split"]] = ["damaged", "unused"]
    version = store.add_dataset("Birds", tmp_path, "x", frame, {}, split=HOW)
    with pytest.raises(UserError, match="damaged"):
        edits.make(version, [edits.move([frame["path"][0]], "train")])


def test_a_draft_collects_edits_undoes_them_and_becomes_a_version(first: store.Version) -> None:
    path, other = paths(first, "Crow", "train", 2)
    assert drafts.steps(first) == []
    drafts.add(first, edits.relabel([path], "Jay"))
    drafts.add(first, edits.leave_out([other], "dark"))
    drafts.add(first, edits.move([path], "test"))
    assert drafts.marks(drafts.steps(first)) == {path: "now Jay, to test", other: "left out"}
    assert edits.summary(drafts.undo(first)) == "1 relabelled, 1 left out"
    second = drafts.finish(first, "Corrected")
    assert (second.note, history.diff(first, second).summary()) == (
        "Corrected",
        "1 relabelled, 1 left out",
    )
    assert drafts.steps(first) == []
    drafts.add(second, edits.leave_out([path]))
    drafts.discard(second)
    drafts.discard(second)
    assert drafts.steps(second) == []
    assert drafts.undo(second) == []


def test_a_draft_refuses_an_invalid_edit_and_keeps_the_others(first: store.Version) -> None:
    drafts.add(first, edits.leave_out(paths(first, "Crow", "train", 1)))
    with pytest.raises(UserError):
        drafts.add(first, edits.relabel(paths(first, "Jay", "train", 1), "owl"))
    assert len(drafts.steps(first)) == 1


def test_sessions_that_edit_at_once_lose_nothing(first: store.Version) -> None:
    some = paths(first, "Crow", "train", 12)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda path: drafts.add(first, edits.leave_out([path])), some))
    assert sorted(path for step in drafts.steps(first) for path in step.values) == sorted(some)


@pytest.mark.parametrize(
    "content", ["", "{", '[{"action": "relabel"}]', '[{"action": "paint", "values": {"a": "b"}}]']
)
def test_a_damaged_draft_says_so_and_can_be_discarded(first: store.Version, content: str) -> None:
    drafts.add(first, edits.leave_out(paths(first, "Crow", "train", 1)))
    (settings.datasets_dir() / first.dataset_id / "drafts" / "v1.json").write_text(content)
    with pytest.raises(NotFound, match="Discard it"):
        drafts.steps(first)
    drafts.discard(first)
    assert drafts.steps(first) == []


def test_a_draft_of_a_deleted_dataset_makes_no_folder(first: store.Version) -> None:
    path = paths(first, "Crow", "train", 1)
    store.move_to_bin(first.dataset_id)
    with pytest.raises(NotFound, match="deleted meanwhile"):
        drafts.add(first, edits.leave_out(path))
    assert not (settings.datasets_dir() / first.dataset_id).exists()


@pytest.mark.slow
def test_a_million_rows_are_edited_and_compared_in_seconds(tmp_path: Path) -> None:
    frame = made.frame({f"Species {number:03d}": 5000 for number in range(200)})
    version = store.add_dataset("Many", tmp_path, "x", splits.apply(frame, HOW), {}, split=HOW)
    some = frame["path"].sample(1000, random_state=1).tolist()
    started = time.process_time()
    drafts.add(version, edits.relabel(some, "Species 000"))
    second = drafts.finish(version)
    assert len(history.diff(version, second).changes) >= 990
    assert time.process_time() - started < 120


def test_a_draft_lists_its_new_classes(first: store.Version) -> None:
    one, two = paths(first, "Crow", "train", 2)
    steps = [edits.relabel([one, two], "Jay"), edits.relabel([one], "Boboli")]
    assert edits.labels_of(steps) == {one: "Boboli", two: "Jay"}
    assert edits.new_classes(first, edits.labels_of(steps)) == ["Boboli"]
    assert edits.new_classes(first, edits.labels_of([*steps, edits.relabel([one], "Owl")])) == []
