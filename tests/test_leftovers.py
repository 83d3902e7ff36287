"""What killed processes leave is gone after the next start; what somebody alive owns stays."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.backends.local import leftovers
from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.errors import FieldmarkError
from core.io import files
from core.jobs import inbox, locks, tasks
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import ImportSpec
from core.jobs.store import State, Status
from core.models import store as models
from tests.datasets import made
from tests.patience import PATIENCE
from ui.shell import routes

# Each makes something in the home and then waits to be killed.
MAKERS = {
    "a file": "with files.atomic(settings.home() / 'x.json') as file: wait()",
    "a task": "with files.scratch('task'): wait()",
    "a dataset": "with staging.stage('Birds') as staged: staged.images.mkdir(); wait()",
    "a job": "(settings.jobs_dir() / '.making-fm-import-x').mkdir(); wait()",
    "an upload": "sources.keep_archive(io.BytesIO(b'zip'), 3); wait()",
    "photos": "sources.keep_uploads([('a.jpg', io.BytesIO(b'x'))]); wait()",
    "a review": "lock = review._locked(); lock.__enter__(); (review._home() / '.new-x').mkdir(); wait()",
}
PROGRAM = """
import io, time
from core.io import files
from core.datasets.editing import review
from core import settings
from core.datasets import staging
from core.batch import sources
def wait():
    print("made", flush=True)
    time.sleep(600)
"""


def everything() -> set[Path]:
    """Return all that lies in the home but the folders it always has."""
    usual = {
        "bin",
        "datasets",
        "jobs",
        "tmp",
        "uploads",
        "features",
        "review",
        "thumbnails",
        "weights",
    }
    found = settings.home().rglob("*")
    return {path for path in found if path.relative_to(settings.home()).as_posix() not in usual}


def grow_old() -> None:
    """As if all had been made a while ago: the youngest are left alone."""
    for path in everything():
        os.utime(path, (1, 1))


@pytest.mark.parametrize("what", MAKERS)
def test_what_a_killed_process_was_making_is_swept_and_what_is_being_made_is_not(
    home: Path, what: str
) -> None:
    command = [sys.executable, "-c", f"{PROGRAM}\n{MAKERS[what]}"]
    maker = subprocess.Popen(command, cwd=settings.PROJECT, stdout=subprocess.PIPE, text=True)
    assert maker.stdout
    assert maker.stdout.readline() == "made\n"
    before = everything()
    assert before
    if what not in ("a review", "a job"):  # whose sweep waits for the lock; a moment, unheld
        grow_old()
        leftovers.sweep()
        assert everything() == before
    maker.kill()
    maker.wait()
    grow_old()
    leftovers.sweep()
    assert everything() == set()


def test_what_a_killed_deletion_left_is_swept(home: Path) -> None:
    for parent in (settings.jobs_dir(), settings.datasets_dir()):
        (parent / ".deleted-x" / "inside").mkdir(parents=True)
    leftovers.sweep()
    assert everything() == set()


def test_a_dead_job_keeps_what_it_made_and_loses_what_was_half_made(home: Path) -> None:
    job, lock = jobs.create(jobs.new_id("training"), "training", "Birds", "local", {})
    assert lock is not None
    folder = job.folder
    (folder.temporary / "fieldmark-x").mkdir(parents=True)
    (folder.path / ".status.json.x.tmp").touch()
    (folder.path / ".fetch-x").mkdir()
    (folder.checkpoints / "checkpoint-000001.pt").touch()
    grow_old()
    leftovers.sweep()
    assert folder.temporary.exists(), "its process lives"
    os.close(lock)
    leftovers.sweep()
    assert not [path for path in folder.path.glob(".*") if path.name != ".lock"]
    assert not folder.temporary.exists()
    assert (folder.checkpoints / "checkpoint-000001.pt").exists()


def test_an_upload_stays_while_a_job_may_read_it(home: Path) -> None:
    upload = settings.uploads_dir() / "0011223344556677-1-1.archive"
    upload.touch()
    spec = {"path": str(upload)}
    job, lock = jobs.create(jobs.new_id("import"), "import", "Birds", "local", spec)
    assert lock is not None
    inbox.sweep()
    assert upload.exists()
    jobs.write_status(job.folder, Status(State.FAILED))
    os.close(lock)
    inbox.sweep()
    assert not upload.exists()


@pytest.mark.parametrize("take_away", [jobs.delete, jobs.move_to_bin])
def test_an_upload_goes_with_the_killed_job_that_left_it(
    home: Path, take_away: Callable[[str], object]
) -> None:
    archive, photos = inbox.new_archive(), inbox.new_folder()
    archive.touch()
    for path, stays in ((archive, False), (photos, True)):
        spec = {"path": str(path)}
        job, lock = jobs.create(jobs.new_id("import"), "import", "Birds", "local", spec)
        assert lock is not None
        jobs.write_status(job.folder, Status(State.FAILED))
        os.close(lock)
        take_away(job.id)
        assert path.exists() == stays


def test_an_import_that_is_killed_leaves_nothing_after_the_next_start(home: Path) -> None:
    """The upload of an import whose worker dies, through the real backend."""
    archive = inbox.new_archive()
    with zipfile.ZipFile(archive, "w") as packed:
        for label in ("cat", "dog"):
            for number in range(40):
                buffer = io.BytesIO()
                made.pixels(number + len(label), (640, 480)).save(buffer, "PNG")
                packed.writestr(f"{label}/{number}.png", buffer.getvalue())
    job = LOCAL.import_dataset(ImportSpec("Birds", "archive", path=str(archive), shown="x.zip"))
    until = time.monotonic() + 60
    while not (pid := jobs.read(job.id).status.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert pid
    os.kill(pid, 9)
    while locks.is_locked(job.folder.lock):
        time.sleep(0.01)
    assert LOCAL.refresh(job).state is State.FAILED
    grow_old()
    leftovers.sweep()
    assert list(settings.uploads_dir().iterdir()) == []
    assert list(settings.datasets_dir().iterdir()) == []
    assert list(settings.temporary_dir().iterdir()) == []
    assert not job.folder.temporary.exists()


def test_a_refused_archive_leaves_nothing(home: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv(settings.ENV_IMPORT_ROOTS, str(tmp_path))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        packed.writestr("../out.jpg", b"x")
    with pytest.raises(FieldmarkError):
        importing.run_import(ImportSource("archive", tmp_path / "bad.zip"), "Bad")
    assert everything() == set()
    assert store.datasets() == []


def test_a_task_that_is_ended_leaves_nothing(small_model: models.Model, tmp_path: Path) -> None:
    temporary = set(Path("/tmp").glob("fieldmark-*"))
    photo = made.photo(tmp_path / "one.jpg")
    out = tmp_path / "out.npy"
    folder = str(small_model.folder.model)
    with pytest.raises(FieldmarkError):
        tasks.run("embed", [folder, str(photo), str(out)], seconds=1.0)
    assert list(settings.temporary_dir().iterdir()) == []
    assert set(Path("/tmp").glob("fieldmark-*")) <= temporary


def test_a_big_home_is_swept_in_seconds(home: Path) -> None:
    for number in range(300):
        folder = RunFolder.of(f"fm-training-20260101t000000-{number:06x}")
        for part in (folder.input, folder.model, folder.checkpoints, folder.output):
            part.mkdir(parents=True)
        folder.lock.touch()
        files.write_json(folder.spec, {})
    begun = time.process_time()
    leftovers.sweep()
    assert time.process_time() - begun < 1.0


def test_an_app_that_starts_sweeps(home: Path) -> None:
    (settings.jobs_dir() / ".deleted-x").mkdir()
    half = settings.temporary_dir() / ".status.json.x.tmp"
    half.touch()
    grow_old()

    async def start() -> None:
        tidying = asyncio.create_task(routes._tidy())
        while everything() and not tidying.done():
            await asyncio.sleep(0.05)
        tidying.cancel()

    # In a thread of its own: a browser of an earlier test keeps the main thread's loop running.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, asyncio.wait_for(start(), PATIENCE)).result()
    assert everything() == set()
