"""Add photos to a dataset: its next version, without known photos, and the old version unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from core import settings
from core.datasets import manifest, store
from core.datasets.editing import edits, history
from core.datasets.importing import extending
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.errors import NotFound, UserError
from tests.datasets import made

SIZES = {"Crow": 8, "Jay": 8}


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    return importing.run_import(
        ImportSource("folder", made.class_folders(tmp_path / "photos", SIZES)), "Birds"
    )


@pytest.fixture
def more(tmp_path: Path, version: store.Version) -> Path:
    """Three new crows, four photos of a new class, two known photos (one with another label), a
    duplicate and a broken photo."""
    folder = made.class_folders(tmp_path / "more", {"Crow": 3, "Owl": 4})
    shutil.copyfile(tmp_path / "photos" / "Crow" / "000.jpg", folder / "Crow" / "known.jpg")
    shutil.copyfile(tmp_path / "photos" / "Jay" / "000.jpg", folder / "Crow" / "jay.jpg")
    shutil.copyfile(folder / "Owl" / "000.jpg", folder / "Owl" / "again.jpg")
    (folder / "Owl" / "broken.jpg").write_text("words")
    return folder


def rows(version: store.Version) -> dict[str, tuple[str, str]]:
    return {
        row["path"]: (row["label"], row["split"])
        for row in store.manifest_of(version).to_dict("records")
    }


def test_new_photos_join_train_and_known_ones_come_once(
    version: store.Version, more: Path, tmp_path: Path
) -> None:
    grown = extending.run_extension(ImportSource("folder", more), version, into_own_folder=True)
    assert (grown.id, grown.parent) == ("v2", "v1")
    before, after = rows(version), rows(grown)
    assert {path: after[path] for path in before} == before
    new = {path: value for path, value in after.items() if path not in before}
    assert sorted(new.values()) == [("Crow", "train")] * 3 + [("Owl", "train")] * 4
    assert all(path.startswith("added/") and (tmp_path / "photos" / path).is_file() for path in new)
    assert grown.classes == ("Crow", "Jay", "Owl")
    said = " ".join(grown.report["warnings"])
    for words in (
        "already in the dataset: 2.",
        "which is kept: 1.",
        "added once: 1.",
        'New classes: "Owl"',
    ):
        assert words in said
    assert grown.report["bad_count"] == 1
    assert history.diff(version, grown).summary() == "7 added"
    assert grown.split["added"] == 7
    manifest.validate(store.manifest_of(grown))


def test_an_import_of_known_photos_is_refused(
    version: store.Version, more: Path, tmp_path: Path
) -> None:
    grown = extending.run_extension(ImportSource("folder", more), version, into_own_folder=True)
    folders = sorted((tmp_path / "photos" / "added").iterdir())
    with pytest.raises(UserError, match="No new photos"):
        extending.run_extension(ImportSource("folder", more), grown, into_own_folder=True)
    assert sorted((tmp_path / "photos" / "added").iterdir()) == folders
    assert len(store.versions(version.dataset_id)) == 2


def test_photos_put_into_the_datasets_own_folder_stay_where_they_are(
    version: store.Version, tmp_path: Path
) -> None:
    made.photo(tmp_path / "photos" / "Jay" / "new.jpg", seed=77)
    (tmp_path / "photos" / "Crow" / "001.jpg").write_bytes(
        (tmp_path / "photos" / "Jay" / "new.jpg").read_bytes() + b"changed"
    )
    grown = extending.run_extension(ImportSource("folder", tmp_path / "photos"), version)
    new = set(rows(grown)) - set(rows(version))
    assert new == {"Jay/new.jpg"}
    assert any("whose rows are unchanged: 1" in warning for warning in grown.report["warnings"])
    assert not (tmp_path / "photos" / "added").exists()


def test_a_persons_own_folder_needs_permission(
    version: store.Version, more: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="your own folder") as refusal:
        extending.run_extension(ImportSource("folder", more), version)
    assert refusal.value.field == "own_folder"
    assert not (tmp_path / "photos" / "added").exists()


def test_an_archive_into_a_dataset_that_fieldmark_keeps(
    version: store.Version, more: Path, tmp_path: Path, home: Path
) -> None:
    for name, folder in (("first", tmp_path / "photos"), ("second", more)):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for path in sorted(folder.rglob("*.jpg")):
                archive.write(path, path.relative_to(folder))
    kept = importing.run_import(ImportSource("archive", tmp_path / "first.zip"), "Kept")
    grown = extending.run_extension(
        ImportSource("archive", tmp_path / "second.zip"), kept, join="shared"
    )
    root = store.dataset(kept.dataset_id).root
    assert root.is_relative_to(home)
    assert all((root / path).is_file() for path in rows(grown))
    assert not [path for path in (home / "datasets").iterdir() if path.name.startswith(".staging")]
    owls = [split for label, split in rows(grown).values() if label == "Owl"]
    assert sorted(owls) == ["test", "train", "train", "validation"]


def test_new_photos_may_wait_unused(version: store.Version, more: Path) -> None:
    grown = extending.run_extension(
        ImportSource("folder", more), version, join="unused", into_own_folder=True
    )
    assert grown.classes == version.classes
    assert grown.split_counts()["unused"] == 7


def test_excluded_photos_are_known_too(version: store.Version, tmp_path: Path) -> None:
    out = edits.make(version, [edits.leave_out(["Crow/000.jpg"], "blurred")])
    made.photo(tmp_path / "photos" / "Jay" / "new.jpg", seed=77)
    grown = extending.run_extension(ImportSource("folder", tmp_path / "photos"), out)
    frame = store.manifest_of(grown).set_index("path")
    assert frame.loc["Crow/000.jpg", "problem"] == "left out: blurred"


@pytest.mark.parametrize("name", ["crow", "CROW "])
def test_class_names_that_clash_are_refused_and_nothing_is_copied(
    name: str, version: store.Version, tmp_path: Path
) -> None:
    folder = made.class_folders(tmp_path / "clash", {name: 3, "Owl": 3})
    with pytest.raises(UserError, match="differ only"):
        extending.run_extension(ImportSource("folder", folder), version, into_own_folder=True)
    assert not (tmp_path / "photos" / "added").exists()


def test_a_stop_while_copying_leaves_nothing(
    version: store.Version, more: Path, tmp_path: Path
) -> None:
    added = tmp_path / "photos" / "added"
    with pytest.raises(UserError, match="stopped"):
        extending.run_extension(
            ImportSource("folder", more), version, should_stop=added.exists, into_own_folder=True
        )
    assert not list(added.iterdir())
    assert len(store.versions(version.dataset_id)) == 1


HALF_COPIED = """
import sys, time
from pathlib import Path
import pandas as pd
from core.datasets.importing import extending
def tell(done, total):
    print("copying", flush=True)
    time.sleep(60)
extending._copy(Path(sys.argv[1]), Path(sys.argv[2]), pd.Series(["a.jpg", "b.jpg"]), tell)
"""


def test_photos_that_a_killed_process_was_copying_are_swept(home: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        made.photo(tmp_path / "more" / name)
    root = tmp_path / "root"
    root.mkdir()
    command = [sys.executable, "-c", HALF_COPIED, str(root), str(tmp_path / "more")]
    copying = subprocess.Popen(command, cwd=settings.PROJECT, stdout=subprocess.PIPE)
    assert copying.stdout
    copying.stdout.readline()
    (half,) = (root / extending.ADDED).iterdir()
    os.utime(half, (1, 1))
    extending.sweep(root)
    assert half.exists(), "it is being copied"
    copying.kill()
    copying.wait()
    extending.sweep(root)
    assert list((root / extending.ADDED).iterdir()) == []


def test_photos_are_not_copied_into_a_dataset_that_was_deleted_meanwhile(tmp_path: Path) -> None:
    made.photo(tmp_path / "more" / "a.jpg")
    with pytest.raises(NotFound, match="deleted meanwhile"):
        extending._copy(tmp_path / "gone", tmp_path / "more", pd.Series(["a.jpg"]), print)
    assert not (tmp_path / "gone").exists()
