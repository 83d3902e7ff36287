"""Photos without a label: beside labelled ones and alone, in every step that knows labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.backends import LOCAL
from core.datasets import browse, manifest, store
from core.datasets.browse import Query
from core.datasets.editing import edits, history
from core.datasets.importing import extending
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.datasets.inspection import store as inspection
from core.errors import UserError
from core.jobs.specs import InspectSpec, TrainingSpec
from tests.datasets import made

RATIOS = {"train": 0.5, "validation": 0.25, "test": 0.25}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    return tmp_path / "in"


@pytest.fixture
def mixed(folder: Path) -> store.Version:
    """Two classes of eight, and four photos that nobody has named."""
    made.class_folders(folder, {"crow": 8, "owl": 8, "unlabeled": 4})
    return importing.run_import(ImportSource("folder", folder), "Mixed")


@pytest.fixture
def pile(folder: Path) -> store.Version:
    for number in range(6):
        made.photo(folder / f"{number}.jpg", seed=number)
    return importing.run_import(ImportSource("folder", folder), "Pile")


def splits_of(version: store.Version) -> dict[str, set[str]]:
    frame = store.manifest_of(version)
    return {
        label: set(rows["split"]) for label, rows in frame.groupby(frame["label"].replace("", "-"))
    }


def test_unlabelled_photos_are_in_no_split(mixed: store.Version) -> None:
    assert (mixed.classes, mixed.unlabelled, mixed.images) == (("crow", "owl"), 4, 20)
    assert "" not in mixed.counts
    assert splits_of(mixed)["-"] == {"unused"}
    assert mixed.report["unlabelled"] == 4
    assert mixed.report["left_out"] == []


def test_a_new_split_keeps_them(mixed: store.Version) -> None:
    how = {"kind": "stratified", "ratios": RATIOS, "seed": 1}
    again = history.resplit(mixed, how, ["crow", "owl"], "", None)
    assert (again.unlabelled, splits_of(again)["-"]) == (4, {"unused"})


def test_a_photo_that_gets_a_label_can_be_trained_on(mixed: store.Version) -> None:
    frame = store.manifest_of(mixed)
    path = frame.loc[frame["label"] == "", "path"].iloc[0]
    labelled = edits.make(mixed, [edits.relabel([path], "owl"), edits.move([path], "train")])
    assert labelled.unlabelled == 3
    assert labelled.counts["owl"]["train"] == mixed.counts["owl"]["train"] + 1


def test_an_unlabelled_row_in_use_is_refused(mixed: store.Version) -> None:
    frame = store.manifest_of(mixed)
    with pytest.raises(UserError, match="without a label is in use"):
        manifest.validate(frame.assign(split=frame["split"].mask(frame["label"] == "", "train")))


def test_unlabelled_photos_can_be_filtered(mixed: store.Version) -> None:
    assert browse.count(mixed.manifest_path, Query(unlabelled=True)) == 4
    assert browse.count(mixed.manifest_path, Query(unlabelled=True, split="train")) == 0


def test_an_inspection_skips_unlabelled_photos(mixed: store.Version) -> None:
    assert set(inspection.usable(mixed)["label"]) == {"crow", "owl"}


def test_a_dataset_without_labels_is_kept_and_not_inspected(pile: store.Version) -> None:
    assert (pile.classes, pile.unlabelled, pile.images) == ((), 6, 6)
    assert pile.split_counts()["train"] == 0
    with pytest.raises(UserError, match="has a label"):
        LOCAL.inspect(InspectSpec("Look", pile.dataset_id, pile.id))


def test_a_dataset_without_labels_cannot_be_trained_on(pile: store.Version) -> None:
    with pytest.raises(UserError, match="can't be trained on"):
        LOCAL.train(TrainingSpec("Learn", pile.dataset_id, pile.id, {}))


def test_a_dataset_without_labels_grows_and_gets_labels(
    pile: store.Version, tmp_path: Path
) -> None:
    more = made.class_folders(tmp_path / "more", {"crow": 3, "owl": 3})
    grown = extending.run_extension(ImportSource("folder", more), pile, into_own_folder=True)
    assert (grown.classes, grown.unlabelled) == (("crow", "owl"), 6)
    assert grown.split_counts()["train"] == 6
