"""How long a person waits for a job to begin: from the submission to the first line of the real training script's log.

The seconds are printed (`pytest -rP`), not judged: benchmarks/job_start.py does that on a quiet machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core import jobs, metrics, models, settings
from core.backends import LOCAL
from core.backends.local import warm
from core.jobs import Job, State
from core.models import Model
from core.specs import TrainingSpec
from tests.backends.watching import ended, until
from tests.conftest import SMALL, kill_processes_of


@pytest.fixture(scope="module")
def warm_home(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A home with a warm process that has imported everything, as the app has one some seconds after its start."""
    home = tmp_path_factory.mktemp("warm") / "home"
    shutil.copytree(trained_home, home, ignore=shutil.ignore_patterns("features"))
    (home / "features").symlink_to(trained_home / "features")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(home))
        process = LOCAL.warm_up()
        seconds = until(lambda: "ready" in (home / "warm.log").read_text(), "the warm process")
        print(f"\nthe warm process is ready after {seconds:.2f} s")
        yield home, process
        LOCAL.cool_down(process)
        assert not warm.socket_path().exists()
    kill_processes_of(home)


@pytest.fixture
def heated(warm_home: tuple[Path, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[bytes]:
    monkeypatch.setenv("FIELDMARK_HOME", str(warm_home[0]))
    return warm_home[1]


def submitted(model: Model, hyperparameters: dict[str, str]) -> tuple[Job, float, float]:
    """The ended job, and the seconds to its first log line and to its first epoch."""
    begun = time.monotonic()
    job = LOCAL.train(TrainingSpec("Start", model.dataset_id, model.version_id, hyperparameters))
    until(lambda: "Fieldmark training starts" in LOCAL.log(job).text, "the first line")
    line = time.monotonic() - begun
    until(lambda: metrics.epochs(metrics.MetricLog(job.folder.log).refresh()), "the first epoch")
    return ended(LOCAL, job), line, time.monotonic() - begun


def test_a_warm_start_and_a_cold_one(heated: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]) -> None:
    """They differ in nothing but the time they take."""
    (model,) = models.listing()
    job, line, epoch = submitted(model, SMALL)
    assert job.state is State.COMPLETED, job.status.reason
    assert heated.poll() is None
    for split in settings.SPLITS:
        assert models.of_job(job).metrics(split) == pytest.approx(model.metrics(split), abs=1e-6)
    assert models.of_job(job).description["hyperparameters"] == model.description["hyperparameters"]
    print(f"\nwarm: {line:.2f} s from submission to the first log line, {epoch:.2f} s to the first epoch")


def test_openvino_works_in_a_fork(heated: subprocess.Popen[bytes]) -> None:
    """The fork makes new features with the precision that is used by default; a thread of the warm process would hang it here."""
    model = models.listing()[-1]
    job, _, _ = submitted(model, {**SMALL, "precision": "auto", "image_size": "32"})
    assert job.state is State.COMPLETED, job.status.reason


def test_the_warm_process_starts_no_thread_and_keeps_no_dead_children(heated: subprocess.Popen[bytes]) -> None:
    """What another thread holds when a fork happens is never given back. Numpy's own are there from its import on, and know forks."""
    process = psutil.Process(heated.pid)
    count = "import numpy, psutil; print(psutil.Process().num_threads())"
    alone = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=True)
    assert process.num_threads() == int(alone.stdout)
    until(lambda: not process.children(), "the end of its workers", 10)


def test_a_cold_start(small_model: Model) -> None:
    job, line, epoch = submitted(small_model, SMALL)
    assert job.state is State.COMPLETED
    assert jobs.read(job.id).status.pid
    print(f"\ncold: {line:.2f} s from submission to the first log line, {epoch:.2f} s to the first epoch")
