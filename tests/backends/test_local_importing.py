"""Import jobs create a complete dataset, or nothing."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from PIL import Image

from core import settings
from core.backends import LOCAL
from core.datasets import staging, store
from core.errors import FieldmarkError, UserError
from core.jobs import stopping
from core.jobs import store as jobs
from core.jobs.specs import ImportSpec
from core.jobs.stopping import Stopped
from core.jobs.store import State
from tests import shapes
from tests.backends.watching import ended, gone, until, worker_of

if TYPE_CHECKING:
    from core.jobs.worker import Worker


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    return shapes.draw(tmp_path / "shapes", per_class=6)


def uploaded(photos: Path) -> Path:
    """Return the photos as an uploaded archive."""
    return Path(shutil.make_archive(str(settings.uploads_dir() / "1a2b3c"), "zip", photos))


def test_a_folder_becomes_a_dataset(photos: Path) -> None:
    job = ended(LOCAL, LOCAL.import_dataset(ImportSpec("Shapes", "folder", str(photos))))
    assert job.state is State.COMPLETED, job.status.reason
    version = store.version(job.status.progress["dataset_id"], job.status.progress["version_id"])
    assert sum(version.split_counts().values()) == 18
    assert store.dataset(version.dataset_id).name == "Shapes"
    gone(job)


def test_an_upload_becomes_a_dataset_and_is_removed(photos: Path) -> None:
    archive = uploaded(photos)
    job = ended(
        LOCAL,
        LOCAL.import_dataset(
            ImportSpec("Shapes", "archive", str(archive), shown="../../etc/my shapes.zip")
        ),
    )
    assert job.state is State.COMPLETED, job.status.reason
    assert not archive.exists()


def test_fault_06_an_upload_that_is_refused_says_why_and_is_removed(home: Path) -> None:
    archive = settings.uploads_dir() / "1a2b3c.zip"
    archive.write_bytes(b"Rar!\x1a\x07\x00 named zip")
    job = ended(
        LOCAL,
        LOCAL.import_dataset(ImportSpec("Shapes", "archive", str(archive), shown="birds.zip")),
    )
    assert job.state is State.FAILED
    assert job.status.reason
    assert "Traceback" not in LOCAL.log(job).text
    assert not archive.exists()
    assert store.datasets() == []


def test_fault_10_a_folder_outside_the_import_roots_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app's import roots apply in its worker, too."""
    (tmp_path / "allowed").mkdir()
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path / "allowed"))
    job = ended(LOCAL, LOCAL.import_dataset(ImportSpec("Shapes", "folder", str(photos))))
    assert job.state is State.FAILED
    assert "outside the folders" in job.status.reason
    assert store.datasets() == []


def test_fault_30_an_import_that_is_stopped_leaves_nothing(photos: Path) -> None:
    archive = uploaded(photos)
    job = LOCAL.import_dataset(ImportSpec("Shapes", "archive", str(archive)))
    LOCAL.stop(job)
    assert ended(LOCAL, job).state is State.STOPPED
    assert store.datasets() == []
    assert not archive.exists()


def test_fault_27_an_import_that_is_killed_leaves_no_half_dataset(photos: Path) -> None:
    job = LOCAL.import_dataset(ImportSpec("Shapes", "folder", str(photos)))
    until(lambda: LOCAL.refresh(job).state is not State.PENDING, "its beginning")
    worker_of(job).kill()
    assert ended(LOCAL, job).state in (State.FAILED, State.COMPLETED)
    assert not [found for found in store.datasets() if isinstance(found, store.Unreadable)]
    gone(job)


def test_a_stop_ends_an_import_that_large_photos_hold_up(photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (7000, 7000)).save(photos / "circle" / "heavy.png", compress_level=1)
    for number in range(80):
        os.link(photos / "circle" / "heavy.png", photos / "circle" / f"heavy{number}.png")
    job = LOCAL.import_dataset(ImportSpec("Shapes", "folder", str(photos)))
    until(
        lambda: LOCAL.refresh(jobs.read(job.id)).status.progress.get("phase") == "Reading photos",
        "the first photos",
    )
    asked = time.monotonic()
    LOCAL.stop(job)
    assert ended(LOCAL, job).state is State.STOPPED
    assert time.monotonic() - asked < 15  # 5 s on a machine that does nothing else
    jobs.delete(job.id)
    assert list(settings.datasets_dir().iterdir()) == []


def test_work_that_never_answers_is_given_up_by_a_stop(home: Path) -> None:
    """The unfinished dataset is removed."""

    class Asked:
        stopping = True

    def work() -> None:
        with staging.stage("Birds") as staged:
            (staged.folder / "half").write_text("x")
            threading.Event().wait()

    with pytest.raises(Stopped):
        stopping.unless_stopped(cast("Worker", Asked()), work)
    assert list(settings.datasets_dir().iterdir()) == []


def test_work_that_ends_gives_its_result_or_its_error(home: Path) -> None:
    class Unasked:
        stopping = False

    def fail() -> None:
        raise UserError("in words")

    assert stopping.unless_stopped(cast("Worker", Unasked()), lambda: 7) == 7
    with pytest.raises(UserError, match="in words"):
        stopping.unless_stopped(cast("Worker", Unasked()), fail)


def test_an_upload_that_cannot_be_submitted_is_removed(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulate a full disk."""
    archive = uploaded(photos)
    shutil.rmtree(settings.home() / "jobs", ignore_errors=True)
    (settings.home() / "jobs").write_text("no folder")
    with pytest.raises((FieldmarkError, OSError)):
        LOCAL.import_dataset(ImportSpec("Shapes", "archive", str(archive)))
    assert not archive.exists()
    assert (photos / "circle").is_dir()
