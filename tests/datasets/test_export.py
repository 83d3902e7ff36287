"""Export: what leaves can come back the same, and SageMaker can read it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from core.datasets import edits, export, importing, store
from core.errors import FieldmarkError, UserError
from tests.datasets import made

SIZES = {"Crow": 8, "Jay": 8, "Eichelhäher": 8}


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = made.class_folders(tmp_path / "photos", SIZES)
    return importing.run_import(importing.ImportSource("folder", folder), "Birds")


def test_folders_can_be_imported_again_and_are_the_same(version: store.Version, tmp_path: Path) -> None:
    out = store.manifest_of(version).iloc[0]["path"]
    mended = edits.make(version, [edits.leave_out([out])])
    seen: list[tuple[int, int]] = []
    path = export.folders(mended, tmp_path / "out.zip", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (23, 23)
    again = importing.run_import(importing.ImportSource("archive", path), "Again")
    columns = ["image_id", "label", "split"]
    exported = export.used(mended)[columns].sort_values("image_id").reset_index(drop=True)
    back = store.manifest_of(again).assign(split=lambda rows: rows["official"])[columns].sort_values("image_id").reset_index(drop=True)
    assert exported.equals(back)
    assert not list(tmp_path.glob(".out*"))


def test_files_of_one_name_in_a_class_do_not_replace_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    for label in ("Crow", "Jay"):
        # A class folder is known by the photos that lie directly in it.
        made.photo(tmp_path / "photos" / label / "1.jpg", seed=made.seed_of(label))
        for part in ("a", "b", "c"):
            for name in ("1.jpg", "2.JPG"):
                made.photo(tmp_path / "photos" / label / part / name, seed=made.seed_of(label + part + name))
    version = importing.run_import(importing.ImportSource("folder", tmp_path / "photos"), "Birds")
    with zipfile.ZipFile(export.folders(version, tmp_path / "out.zip")) as archive:
        names = [name for name in archive.namelist() if name != "manifest.csv"]
    assert len({name.casefold() for name in names}) == 14


def test_the_table_has_every_row_and_column(version: store.Version) -> None:
    read = pd.read_csv(io.StringIO(export.table(version)), keep_default_na=False)
    assert list(read["path"]) == list(store.manifest_of(version)["path"])
    assert set(read["label"]) == set(SIZES)


def test_an_augmented_manifest_is_a_json_object_per_photo(version: store.Version) -> None:
    lines = export.augmented(version, "s3://bucket/birds/", "train").splitlines()
    assert len(lines) == version.split_counts()["train"]
    first = json.loads(lines[0])
    assert first["source-ref"].startswith("s3://bucket/birds/")
    assert version.classes[first["label"]] == first["label-metadata"]["class-name"]
    assert first["label-metadata"]["type"] == "groundtruth/image-classification"


@pytest.mark.parametrize("prefix", ["", "bucket/birds", "s3://", "https://x/y"])
def test_a_prefix_that_is_no_address_is_refused(version: store.Version, prefix: str) -> None:
    with pytest.raises(UserError, match="S3 address"):
        export.augmented(version, prefix, "train")
    with pytest.raises(UserError, match="in unused"):
        export.augmented(version, "s3://bucket/x", "unused")


def test_a_photo_that_is_gone_is_named_and_leaves_no_half_archive(version: store.Version, tmp_path: Path) -> None:
    gone = export.used(version).iloc[3]["path"]
    (tmp_path / "photos" / gone).unlink()
    with pytest.raises(FieldmarkError, match="can't be read"):
        export.folders(version, tmp_path / "out.zip")
    assert not list(tmp_path.glob("*out.zip*"))


def test_a_class_that_cannot_be_a_folder_is_named(version: store.Version, tmp_path: Path) -> None:
    path = store.manifest_of(version, filters=[("split", "==", "train")]).iloc[0]["path"]
    slashed = edits.make(version, [edits.relabel([path], "a/b")])
    with pytest.raises(UserError, match="a/b"):
        export.folders(slashed, tmp_path / "out.zip")
