"""All that is known of one photo: its row, its copies, what happened to it, what models said of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.datasets import store
from core.datasets.editing import edits, history
from core.datasets.importing import run as importing
from core.errors import NotFound
from core.models import photo_record
from core.models.store import Model
from tests.datasets import made

SIZES = {"Crow": 8, "Jay": 8}


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = made.class_folders(tmp_path / "photos", SIZES)
    shutil.copyfile(folder / "Crow" / "003.jpg", folder / "Jay" / "copy.jpg")
    return importing.run_import(importing.ImportSource("folder", folder), "Birds")


def test_a_photo_is_found_by_its_path_and_by_its_bytes(version: store.Version) -> None:
    record = photo_record.find(version, "Jay/copy.jpg")
    assert (record.path, record.row["label"], record.copies) == (
        "Jay/copy.jpg",
        "Jay",
        ("Crow/003.jpg",),
    )
    assert photo_record.find(version, record.image_id).path == "Crow/003.jpg"
    assert record.issues.empty
    assert photo_record.neighbours(record) is None


@pytest.mark.parametrize("asked", ["Crow/999.jpg", "../../etc/passwd", "0" * 64, ""])
def test_a_photo_that_is_not_there_is_said(version: store.Version, asked: str) -> None:
    with pytest.raises(NotFound, match="Another version"):
        photo_record.find(version, asked)


def test_its_story_over_the_versions_has_what_why_and_when(version: store.Version) -> None:
    path = "Crow/001.jpg"
    relabelled = edits.make(version, [edits.relabel([path], "Jay", "it is one")])
    elsewhere = edits.make(relabelled, [edits.relabel(["Crow/002.jpg"], "Jay")])
    out = edits.make(elsewhere, [edits.leave_out([path], "too dark")])
    back = history.revert(out, out)
    story = photo_record.find(back, path).story
    assert list(story["version"]) == ["v1", "v2", "v4", "v5"]
    assert list(story["what"]) == [history.ADDED, history.LABEL, history.OUT, history.BACK]
    assert list(story["why"])[1:3] == ["it is one", "too dark"]
    assert tuple(story.iloc[1][["before", "after"]]) == ("Crow", "Jay")


def test_what_a_model_said_of_it(small_model: Model) -> None:
    predictions = small_model.predictions()
    row = int(predictions.of_split("test").path.size and (predictions.split == "test").argmax())
    found = photo_record.answer(predictions, str(predictions.image_id[row]))
    assert found is not None
    assert found.split == "test"
    assert found.predicted == predictions.names(predictions.predicted[row])
    assert found.is_right == bool(predictions.correct[row])
    assert photo_record.answer(predictions, "0" * 64) is None
