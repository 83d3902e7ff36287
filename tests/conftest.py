"""What every test gets: a home of its own, no process left behind, and real photos where the machine has them."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil
import pytest

from core.backends import LOCAL
from core.datasets.importing import run as importing
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec
from core.models import store as models
from tests import shapes, skips
from tests.patience import PATIENCE
from tests.ui.browsing import browser, page

__all__ = ["browser", "page"]

ENV_BIRDS = "FIELDMARK_BIRDS"
# A secret of the app that is planted where jobs could find it.
CANARY = "canary-that-no-job-may-see"
SMALL = {"preset": "fast", "arch": "lite0@64", "precision": "exact", "weight_decay": "0.01"}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run in which a test was skipped for a reason that is not listed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and skips.unlisted(reporter.stats.get("skipped", [])):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = skips.unlisted(terminalreporter.stats.get("skipped", []))
    if found:
        terminalreporter.section("skipped for a reason that tests/skips.py does not list")
        terminalreporter.write_line("\n".join(found))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty FIELDMARK_HOME; what was started under it (trainers, workers, servers) is killed when the test ends."""
    path = tmp_path / "home"
    monkeypatch.setenv("FIELDMARK_HOME", str(path))
    monkeypatch.delenv("FIELDMARK_IMPORT_ROOTS", raising=False)
    # Seconds of both cores at every start of an app, for a job that most tests never run.
    monkeypatch.setenv("FIELDMARK_PREPARE", "0")
    yield path
    kill_processes_of(path)


@pytest.fixture(scope="session", autouse=True)
def nothing_runs_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set up first and so ended last: whatever still works in the folders of this run is killed, also where a test was interrupted."""
    yield
    kill_processes_of(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def birds() -> Path:
    """The folder of real photos in the CUB-200-2011 layout (12 species, 715 photos, official split 360/355)."""
    given = os.environ.get(ENV_BIRDS)
    if not given:
        pytest.skip(
            f"{ENV_BIRDS} is not set: it names a folder of photos in the CUB-200-2011 layout"
        )
    folder = Path(given).resolve()
    if not (folder / "images.txt").is_file():
        pytest.skip(
            f"{ENV_BIRDS}={given} holds no images.txt: it has to be a folder in the CUB-200-2011 layout"
        )
    return folder


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one small dataset and one model trained on it, made once. Tests copy it (`small_model`) and leave it as it is."""
    folder = tmp_path_factory.mktemp("trained")
    photos = shapes.draw(folder / "shapes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(folder / "home"))
        patch.setenv("FIELDMARK_IMPORT_ROOTS", str(folder))
        patch.setenv("FIELDMARK_PREPARE", "0")
        version = importing.run_import(importing.ImportSource("folder", photos), "Shapes")
        job = LOCAL.train(TrainingSpec("Small", version.dataset_id, version.id, SMALL))
        while not (job := LOCAL.refresh(job)).state.is_finished:
            time.sleep(0.05)
        assert job.state is jobs.State.COMPLETED, (
            f"{job.status.reason}\n{job.folder.log.read_text()}"
        )
    yield folder / "home"
    kill_processes_of(folder)


@pytest.fixture
def small_model(home: Path, trained_home: Path) -> models.Model:
    """A real model in this test's home, with its dataset, its job and its cached features: three classes of shapes, 64 pixels."""
    for part in ("datasets", "jobs"):
        shutil.copytree(trained_home / part, home / part, dirs_exist_ok=True)
    # An app that runs over this home already has made the folder, still empty.
    if (home / "features").is_dir():
        (home / "features").rmdir()
    (home / "features").symlink_to(trained_home / "features")
    return models.listing()[-1]


@pytest.fixture(scope="session")
def heated_home(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> Iterator[Path]:
    """A copy of `trained_home` with a warm process that has imported everything, as the app has one some seconds after its start."""
    home = tmp_path_factory.mktemp("heated") / "home"
    shutil.copytree(trained_home, home, ignore=shutil.ignore_patterns("features"))
    # An app that runs over this home already has made the folder, still empty.
    if (home / "features").is_dir():
        (home / "features").rmdir()
    (home / "features").symlink_to(trained_home / "features")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(home))
        patch.setenv("FIELDMARK_PREPARE", "0")
        patch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        process = LOCAL.warm_up()
        while process.poll() is None and "ready" not in (home / "warm.log").read_text():
            time.sleep(0.05)
    yield home
    LOCAL.cool_down(process)
    kill_processes_of(home)


@pytest.fixture
def heated(heated_home: Path, monkeypatch: pytest.MonkeyPatch) -> models.Model:
    """The small model in a home that all tests share which ask for this: its jobs start warm, so real ones take a second."""
    monkeypatch.setenv("FIELDMARK_HOME", str(heated_home))
    return models.listing()[-1]


def kill_processes_of(home: Path, but: Collection[int] = ()) -> None:
    """Kill every process whose environment, working folder or command line names `home`, and waits
    until none of them runs.

    Those whose pids are in `but` are left alone.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents()), *but}
    found = [
        process
        for process in psutil.process_iter()
        if process.pid not in spared and _belongs_to(process, str(home))
    ]
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    until = time.monotonic() + PATIENCE
    while alive := [process for process in found if _runs(process)]:
        assert time.monotonic() < until, f"still running long after SIGKILL: {alive}"
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _belongs_to(process: psutil.Process, home: str) -> bool:
    try:
        with process.oneshot():
            named = [process.environ().get("FIELDMARK_HOME", ""), process.cwd(), *process.cmdline()]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    # `pytest-1` is not `pytest-12`, which may run at the same time.
    path = re.compile(rf"{re.escape(home)}(?![\w.-])")
    return any(path.search(text) for text in named)
