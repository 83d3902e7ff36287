"""What a job goes through: lists in bounded pieces, labels from folders, refusals, uploads."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from core import settings
from core.batch import items, lineage, sources
from core.batch.items import Item
from core.errors import NotFound, UserError
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from core.models.store import Model


def quiet(_phase: str, _done: int, _total: int) -> None: ...


def collect(spec: TransformSpec, folder: RunFolder, classes: tuple[str, ...] = ()) -> list[Item]:
    sources.collect(spec, folder, classes, quiet, lambda: False)
    return [item for batch in items.batches(sources.list_of(folder), 7) for item in batch]


def test_a_list_comes_back_in_pieces_from_any_row_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "ROW_GROUP", 10)
    written = [Item(f"{number}.jpg", f"shown {number}", "", "cat") for number in range(25)]
    assert items.write(written, tmp_path / "list.parquet") == 25
    assert items.count(tmp_path / "list.parquet") == 25
    for start in (0, 3, 10, 24, 25, 40):
        batches = list(items.batches(tmp_path / "list.parquet", 4, start))
        assert [item for batch in batches for item in batch] == written[start:]
        assert all(len(batch) <= 4 for batch in batches)
    assert items.files_of(tmp_path / "list.parquet", [24, 0, 10, 0]) == [
        "24.jpg",
        "0.jpg",
        "10.jpg",
        "0.jpg",
    ]


def test_a_list_that_is_gone_or_damaged_says_so(tmp_path: Path) -> None:
    (tmp_path / "list.parquet").write_bytes(b"PAR1")
    for path in (tmp_path / "list.parquet", tmp_path / "missing"):
        with pytest.raises(NotFound, match="list of photos"):
            items.count(path)


def test_a_folder_is_walked_by_name_and_what_is_no_photo_is_counted(
    tmp_path: Path, folder: RunFolder
) -> None:
    photos = tmp_path / "photos"
    for name in (
        "b/2.JPG",
        "b/1.png",
        "a.webp",
        "notes.txt",
        ".hidden.jpg",
        "__MACOSX/x.jpg",
        "c/deep/er/3.gif",
    ):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(b"x")
    (photos / "link.jpg").symlink_to("/etc/hostname")
    spec = TransformSpec("Folder", "m", "folder", path=str(photos))
    source = sources.collect(spec, folder, (), quiet, lambda: False)
    assert [item.path for item in collect(spec, folder)] == [
        "a.webp",
        "b/1.png",
        "b/2.JPG",
        "c/deep/er/3.gif",
    ]
    assert source.total == 4
    assert sum(source.ignored.values()) == 4


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("cat/1.jpg", "cat"),
        ("2024/cat/june/1.jpg", "cat"),
        ("dog/cat/1.jpg", "cat"),
        ("017.Fish_Crow/1.jpg", "Fish Crow"),
        ("cats/1.jpg", ""),
        ("cat.jpg", ""),
    ],
)
def test_labels_come_from_the_nearest_folder_with_a_class_name(
    tmp_path: Path, folder: RunFolder, path: str, label: str
) -> None:
    (tmp_path / "photos" / path).parent.mkdir(parents=True)
    (tmp_path / "photos" / path).write_bytes(b"x")
    (item,) = collect(
        TransformSpec("Folder", "m", "folder", path=str(tmp_path / "photos")),
        folder,
        ("cat", "dog", "Fish Crow"),
    )
    assert item.label == label


def test_listing_can_be_stopped(tmp_path: Path, folder: RunFolder) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="stopped"):
        sources.collect(
            TransformSpec("Folder", "m", "folder", path=str(tmp_path)),
            folder,
            (),
            quiet,
            lambda: True,
        )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"source": "cloud", "path": "/x"}, "source"),
        ({"source": "folder", "path": " "}, "path"),
        ({"source": "split", "split": "half"}, "split"),
        ({"source": "folder", "path": "/x", "name": "a\nb"}, "name"),
    ],
)
def test_a_spec_that_can_not_run_is_refused_naming_the_field(
    fields: dict[str, str], field: str
) -> None:
    with pytest.raises(UserError) as refusal:
        TransformSpec(**{"name": "Batch", "model_id": "m", **fields})
    assert refusal.value.field == field


def test_an_upload_may_only_name_a_folder_of_uploads(tmp_path: Path, folder: RunFolder) -> None:
    (tmp_path / "1.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="not uploaded"):
        collect(TransformSpec("Upload", "m", "upload", path=str(tmp_path)), folder)
    assert (tmp_path / "1.jpg").exists()


def test_an_uploaded_archive_is_removed_once_it_is_unpacked_and_another_one_is_not(
    home: Path, tmp_path: Path
) -> None:
    kept = sources.keep_archive(io.BytesIO(b"zip"), 3)
    assert kept.parent == settings.uploads_dir()
    sources.release(TransformSpec("Archive", "m", "archive", path=str(kept)))
    assert not kept.exists()
    (tmp_path / "mine.zip").write_bytes(b"zip")
    sources.release(TransformSpec("Archive", "m", "archive", path=str(tmp_path / "mine.zip")))
    assert (tmp_path / "mine.zip").exists()


def test_what_a_model_learned_from_counts_the_refit(model: Model) -> None:
    ids = lineage.training_ids(model)
    assert ids is not None
    refitted = bool(model.description.get("refit"))
    expected = sum(
        model.metrics(split).get("n", 0)
        for split in (("train", "validation") if refitted else ("train",))
    )
    assert len(ids) == expected
    assert (ids[:-1] < ids[1:]).all()
