"""One home for all tests of this folder, with a model and a process that has torch in memory: a transform job starts at once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import backends
from core.jobs import prefork
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from core.jobs.store import Job
from core.models import store as models
from tests.conftest import kill_processes_of
from tests.patience import PATIENCE


@pytest.fixture(scope="session")
def shared_home(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("transform") / "home"
    shutil.copytree(trained_home, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(folder))
        process = backends.LOCAL.warm_up()
        until(prefork.socket_path().exists, "the warm process")
        yield folder
        backends.LOCAL.cool_down(process)
    kill_processes_of(folder)


@pytest.fixture(autouse=True)
def home(shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders below the test's own may be read."""
    monkeypatch.setenv("FIELDMARK_HOME", str(shared_home))
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    return shared_home


@pytest.fixture
def model(home: Path) -> models.Model:
    return models.listing()[-1]


@pytest.fixture
def folder(home: Path) -> Iterator[RunFolder]:
    """A run folder that no job runs in."""
    job, lock = jobs.create(jobs.new_id("transform"), "transform", "By hand", "local", {})
    assert lock is not None
    yield job.folder
    os.close(lock)


def started(spec: TransformSpec) -> Job:
    return backends.LOCAL.transform(spec)


def ended(job: Job) -> Job:
    until(
        lambda: backends.LOCAL.refresh(job).state.is_finished,
        f"the end of {job.id}: {backends.LOCAL.log(job).text[-500:]}",
    )
    return backends.LOCAL.refresh(job)


def until(happened: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    start = time.monotonic()
    while not happened():
        assert time.monotonic() - start < seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.01)
