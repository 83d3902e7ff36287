"""Export: an export can be imported again unchanged, and SageMaker can read it."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.backends import LOCAL
from core.datasets import export, store
from core.datasets.editing import edits
from core.datasets.importing import run as importing
from core.errors import FieldmarkError, UserError
from core.jobs.specs import ExportSpec
from core.jobs.store import State
from tests.datasets import made
from ui.datasets import export_routes

SIZES = {"Crow": 8, "Jay": 8, "Eichelhäher": 8}


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = made.class_folders(tmp_path / "photos", SIZES)
    return importing.run_import(importing.ImportSource("folder", folder), "Birds")


def test_folders_can_be_imported_again_and_are_the_same(
    version: store.Version, tmp_path: Path
) -> None:
    out = store.manifest_of(version).iloc[0]["path"]
    mended = edits.make(version, [edits.leave_out([out])])
    seen: list[tuple[int, int]] = []
    path = export.folders(
        mended, tmp_path / "out.zip", lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (23, 23)
    again = importing.run_import(importing.ImportSource("archive", path), "Again")
    columns = ["image_id", "label", "split"]
    exported = export.used(mended)[columns].sort_values("image_id").reset_index(drop=True)
    back = (
        store.manifest_of(again)
        .assign(split=lambda rows: rows["official"])[columns]
        .sort_values("image_id")
        .reset_index(drop=True)
    )
    assert exported.equals(back)
    assert not list(tmp_path.glob(".out*"))


def test_files_of_one_name_in_a_class_do_not_replace_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    for label in ("Crow", "Jay"):
        # A class folder is known by the photos that lie directly in it.
        made.photo(tmp_path / "photos" / label / "1.jpg", seed=made.seed_of(label))
        for part in ("a", "b", "c"):
            for name in ("1.jpg", "2.JPG"):
                made.photo(
                    tmp_path / "photos" / label / part / name,
                    seed=made.seed_of(label + part + name),
                )
    version = importing.run_import(importing.ImportSource("folder", tmp_path / "photos"), "Birds")
    with zipfile.ZipFile(export.folders(version, tmp_path / "out.zip")) as archive:
        names = [name for name in archive.namelist() if name != "manifest.csv"]
    assert len({name.casefold() for name in names}) == 14


def test_the_table_has_every_row_and_column(version: store.Version) -> None:
    read = pd.read_csv(io.StringIO(export.table(version)), keep_default_na=False)
    assert list(read["path"]) == list(store.manifest_of(version)["path"])
    assert set(read["label"]) == set(SIZES)


def test_the_table_has_no_formulas_unless_it_is_exact(version: store.Version) -> None:
    path = store.manifest_of(version, filters=[("split", "==", "train")]).iloc[0]["path"]
    hostile = edits.make(version, [edits.relabel([path], "=HYPERLINK(1)")])
    client = TestClient(Starlette(routes=export_routes.ROUTES))
    address = f"/{export_routes.address(hostile, 'table.csv')}"
    for query, expected in {"": "'=HYPERLINK(1)", "?exact=1": "=HYPERLINK(1)"}.items():
        read = pd.read_csv(io.BytesIO(client.get(address + query).content), keep_default_na=False)
        assert read.set_index("path")["label"][path] == expected


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


def test_a_missing_photo_is_named_and_leaves_no_partial_archive(
    version: store.Version, tmp_path: Path
) -> None:
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


def test_a_streamed_zip_holds_what_the_file_holds(version: store.Version, tmp_path: Path) -> None:
    pieces = list(export.stream(version))
    assert len(pieces) > 24
    with (
        zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as streamed,
        zipfile.ZipFile(export.folders(version, tmp_path / "out.zip")) as whole,
    ):
        assert streamed.testzip() is None
        assert {name: streamed.read(name) for name in streamed.namelist()} == {
            name: whole.read(name) for name in whole.namelist()
        }


def test_a_stream_names_a_missing_photo_before_it_starts(
    version: store.Version, tmp_path: Path
) -> None:
    (tmp_path / "photos" / export.used(version).iloc[3]["path"]).unlink()
    with pytest.raises(FieldmarkError, match="is missing"):
        export.stream(version)


def test_a_copy_in_a_folder_can_be_imported_again(version: store.Version, tmp_path: Path) -> None:
    target = export.into_folder(version, tmp_path / "copies")
    again = importing.run_import(importing.ImportSource("folder", target), "Again")
    assert set(store.manifest_of(again)["image_id"]) == set(store.manifest_of(version)["image_id"])
    assert again.split["kind"] == "official"
    with pytest.raises(UserError, match="there already"):
        export.into_folder(version, target)
    with pytest.raises(UserError, match="does not exist"):
        export.into_folder(version, tmp_path / "no" / "where")


def test_a_copy_that_fails_leaves_nothing(version: store.Version, tmp_path: Path) -> None:
    (tmp_path / "photos" / export.used(version).iloc[20]["path"]).unlink()
    with pytest.raises(FieldmarkError, match="can't be read"):
        export.into_folder(version, tmp_path / "copies")
    assert sorted(path.name for path in tmp_path.iterdir() if "copies" in path.name) == []


def test_an_export_job_copies_and_reports(version: store.Version, tmp_path: Path) -> None:
    job = LOCAL.export(
        ExportSpec("Birds", version.dataset_id, version.id, str(tmp_path / "copies"))
    )
    while not (job := LOCAL.refresh(job)).state.is_finished:
        time.sleep(0.05)
    assert job.state is State.COMPLETED, job.status.reason
    assert len(list((tmp_path / "copies").rglob("*.jpg"))) == 24
    with pytest.raises(UserError, match="outside"):
        LOCAL.export(ExportSpec("Birds", version.dataset_id, version.id, "/etc/birds"))


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=export_routes.ROUTES))


def test_the_routes_serve_all_three_formats(client: TestClient, version: store.Version) -> None:
    photos = client.get("/" + export_routes.address(version, "photos.zip"))
    assert zipfile.ZipFile(io.BytesIO(photos.content)).testzip() is None
    disposition = photos.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=\"birds-v1.zip\"; filename*=UTF-8''")
    assert client.get("/" + export_routes.address(version, "table.csv")).text == export.table(
        version
    )
    manifest = client.get(
        "/" + export_routes.address(version, "test.manifest"), params={"prefix": "s3://b/p"}
    )
    assert manifest.text == export.augmented(version, "s3://b/p", "test")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{dataset}/v9/photos.zip", "no such version"),
        ("nothing/v1/table.csv", "nothing"),
        ("..%2f..%2fetc/v1/table.csv", ""),
        ("{dataset}/v1/test.manifest?prefix=http://x", "S3 address"),
        ("{dataset}/v1/passwd.manifest?prefix=s3://b/p", "passwd"),
    ],
)
def test_a_failed_export_says_why(
    client: TestClient, version: store.Version, path: str, words: str
) -> None:
    answer = client.get("/downloads/datasets/" + path.format(dataset=version.dataset_id))
    assert answer.status_code == 404
    assert words in answer.text


@pytest.mark.parametrize(
    "name", ["V\u00f6gel", "\u9ce5\u985e \U0001f426", 'a "b" / c; d', "x" * 80]
)
def test_a_download_has_the_dataset_s_name_in_any_script(name: str) -> None:
    header = export_routes.attachment(name, "-v1.csv")["Content-Disposition"]
    assert header.isascii()
    short, _, whole = header.partition("; filename*=UTF-8''")
    assert re.fullmatch(r'attachment; filename="[a-z0-9-]+-v1\.csv"', short)
    assert unquote(whole) == re.sub(r'[/"]', "_", name) + "-v1.csv"
