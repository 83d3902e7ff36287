"""Models: the artifact packed and unpacked, what is refused, and what is listed."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import BadArchive, NotFound
from core.io import files
from core.jobs import store as jobs
from core.jobs.store import State
from core.models import store as models
from core.models.store import Model

Change = Callable[[tarfile.TarFile], None]
INFO = {"format": models.FORMAT, "classes": ["cat", "dog"]}


def folder_of(root: Path, info: Any = INFO) -> Path:
    """A model folder in which only the names are right: what an archive is judged by before anything in it is read."""
    (root / "code").mkdir(parents=True)
    files.write_json(root / models.DESCRIPTION, info)
    (root / models.WEIGHTS).write_bytes(b"weights")
    (root / models.ENTRY).write_text(
        "raise RuntimeError('this code must not run when an archive is checked')"
    )
    return root


def archive_of(
    tmp_path: Path, change: Change | None = None, without: str = "", info: Any = INFO
) -> Path:
    folder, path = folder_of(tmp_path / "made", info), tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in (models.DESCRIPTION, models.WEIGHTS, models.ENTRY):
            if name != without:
                tar.add(folder / name, name)
        if change:
            change(tar)
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"x", link: str = ""
) -> Change:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = (
            kind,
            link,
            len(content) if kind == tarfile.REGTYPE else 0,
        )
        tar.addfile(info, io.BytesIO(content))

    return add


def refused(archive: Path, tmp_path: Path) -> str:
    """Why the archive is refused; nothing of it may be anywhere."""
    into = tmp_path / "deep" / "into"
    into.mkdir(parents=True)
    with pytest.raises(BadArchive) as refusal:
        models.unpack(archive, into)
    assert [
        path for path in (tmp_path / "deep").rglob("*") if path.is_file() or path.is_symlink()
    ] == []
    assert not (tmp_path / "evil").exists()
    return str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        member("../evil"),
        member("../../evil"),
        member("code/../../../evil"),
        member("/tmp/evil"),
        member("code/evil", tarfile.SYMTYPE, link="/etc/passwd"),
        member("code/evil", tarfile.SYMTYPE, link="inference.py"),
        member("code/evil", tarfile.LNKTYPE, link="../../evil"),
        member("code/evil", tarfile.FIFOTYPE),
        member("code/evil", tarfile.CHRTYPE),
    ],
    ids=[
        "up",
        "up twice",
        "in and up",
        "absolute",
        "link out",
        "link inside",
        "hard link",
        "pipe",
        "device",
    ],
)
def test_fault_42_an_archive_that_leads_out_is_refused_whole(
    tmp_path: Path, change: Change
) -> None:
    assert "evil" in refused(archive_of(tmp_path, change), tmp_path)


@pytest.mark.parametrize(
    "name",
    ["model.pt", "model.PTH", "code/x.pkl", "weights.bin", "a/b/c.pickle", "x.pt2", "x.joblib"],
)
def test_fault_42_a_kind_of_file_that_runs_code_is_refused(tmp_path: Path, name: str) -> None:
    assert name in refused(archive_of(tmp_path, member(name)), tmp_path)


@pytest.mark.parametrize("name", [models.DESCRIPTION, models.WEIGHTS, models.ENTRY])
def test_fault_42_an_archive_without_what_a_model_needs_is_refused(
    tmp_path: Path, name: str
) -> None:
    assert name in refused(archive_of(tmp_path, without=name), tmp_path)


@pytest.mark.parametrize(
    "info",
    [{}, [], {**INFO, "format": 2}, {"format": 1}, {**INFO, "classes": []}, {**INFO, "classes": ["cat"]}, {**INFO, "classes": [1, 2]},
     {**INFO, "classes": "catdog"}],
    ids=["nothing", "a list", "a newer format", "no classes", "empty classes", "one class", "numbers", "text"],
)  # fmt: skip
def test_fault_42_a_description_that_cannot_be_read_is_refused(tmp_path: Path, info: Any) -> None:
    archive, into = archive_of(tmp_path, info=info), tmp_path / "into"
    with pytest.raises(BadArchive, match=r"model\.json"):
        models.unpack(archive, into)


def damaged(content: bytes, how: str) -> bytes:
    if how == "truncated":
        return content[: len(content) // 2]
    if how == "flipped":
        middle = len(content) // 2
        return (
            content[:middle]
            + bytes(byte ^ 0xFF for byte in content[middle : middle + 50])
            + content[middle + 50 :]
        )
    return {
        "empty": b"",
        "text": b"not an archive",
        "zip": b"PK\x03\x04" + bytes(100),
        "gzip of text": gzip.compress(b"text"),
    }[how]


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty", "text", "zip", "gzip of text"])
def test_fault_42_a_damaged_archive_is_refused(tmp_path: Path, how: str) -> None:
    archive = archive_of(tmp_path, member("code/more.py", content=bytes(range(256)) * 100))
    archive.write_bytes(damaged(archive.read_bytes(), how))
    with pytest.raises(BadArchive, match=r"model\.tar\.gz"):
        models.unpack(archive, tmp_path / "into")


def test_fault_42_an_archive_that_unpacks_to_more_than_a_disk_is_refused_at_once(
    tmp_path: Path,
) -> None:
    """A member that says it has twenty gigabytes: it is refused at its header, and nothing behind that is looked for."""
    archive, buffer = archive_of(tmp_path), io.BytesIO()
    with tarfile.open(archive) as tar, tarfile.open(fileobj=buffer, mode="w") as made:
        for found in tar:
            made.addfile(found, tar.extractfile(found))
        bomb = tarfile.TarInfo("code/zeros")
        bomb.size = 20 * 2**30
        content = buffer.getvalue()[: made.offset] + bomb.tobuf() + bytes(2**20)
    archive.write_bytes(gzip.compress(content))
    start = time.process_time()
    assert "larger than a model may be" in refused(archive, tmp_path)
    assert time.process_time() - start < 10


def test_fault_42_an_archive_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MAX_MEMBERS", 5)

    def many(tar: tarfile.TarFile) -> None:
        for number in range(5):
            member(f"code/{number}.py")(tar)

    assert "5 files" in refused(archive_of(tmp_path, many), tmp_path)


def test_what_is_packed_is_what_is_unpacked_and_always_the_same_bytes(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    (folder / "code" / "__pycache__").mkdir()
    (folder / "code" / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    models.pack(folder, tmp_path / "one.tar.gz")
    time.sleep(1.1)
    (folder / models.WEIGHTS).touch()
    models.pack(folder, tmp_path / "two.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    assert models.unpack(tmp_path / "one.tar.gz", tmp_path / "into") == INFO
    unpacked = {
        path.relative_to(tmp_path / "into").as_posix(): path.read_bytes()
        for path in (tmp_path / "into").rglob("*")
        if path.is_file()
    }
    assert set(unpacked) == {models.DESCRIPTION, models.WEIGHTS, models.ENTRY}
    assert all((folder / name).read_bytes() == content for name, content in unpacked.items())


def test_a_real_model(small_model: Model, tmp_path: Path) -> None:
    assert models.listing() == [small_model]
    assert models.read(small_model.id) == small_model
    assert small_model.classes == ("circle", "square", "triangle")
    assert (small_model.dataset_id, small_model.version_id) == (
        small_model.job.spec["dataset_id"],
        "v1",
    )
    assert small_model.description["dataset"] == {"id": small_model.dataset_id, "version": "v1"}
    for split, size in {"train": 24, "validation": 6, "test": 6}.items():
        assert small_model.metrics(split)["n"] == size
        assert small_model.metrics(split)["top1"] == small_model.metrics(split)["correct"] / size
    assert small_model.metrics("unused") == {}
    assert len(small_model.predictions().label) == 36
    description = models.unpack(small_model.folder.artifact, tmp_path / "into")
    assert description == small_model.description
    assert not list((tmp_path / "into").rglob("*.pt")) + list((tmp_path / "into").rglob("*.pkl"))


def test_a_job_without_a_readable_model_is_not_a_model(small_model: Model) -> None:
    (small_model.folder.model / models.DESCRIPTION).write_text('{"format": 1')
    assert models.listing() == []
    with pytest.raises(NotFound, match="no readable model"):
        models.read(small_model.id)
    assert jobs.readable() == [small_model.job]


def test_a_job_that_has_not_ended_well_is_not_listed_as_a_model(small_model: Model) -> None:
    jobs.write_status(small_model.folder, replace(small_model.job.status, state=State.FAILED))
    assert models.listing() == []


def test_a_model_without_predictions_says_so(small_model: Model) -> None:
    small_model.folder.predictions.unlink()
    with pytest.raises(NotFound):
        small_model.predictions()
    (small_model.folder.model / models.DESCRIPTION).write_text(
        json.dumps({**small_model.description, "metrics": {}})
    )
    assert models.read(small_model.id).metrics("test") == {}
