"""How long a person waits for a job to begin: from the submission to the first line of the real training script's log.

The seconds are printed (`pytest -rP`), not judged: benchmarks/training/job_start.py does that on a quiet machine.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from core import settings
from core.backends import LOCAL
from core.jobs.specs import TrainingSpec
from core.jobs.store import Job, State
from core.models import store as models
from core.models.store import Model
from core.training import metrics
from tests.backends.watching import ended, trainer_of, until, worker_of
from tests.conftest import SMALL


def submitted(model: Model, hyperparameters: dict[str, str]) -> tuple[Job, float, float]:
    """Return the ended job, and the seconds to its first log line and to its first epoch."""
    begun = time.monotonic()
    job = LOCAL.train(TrainingSpec("Start", model.dataset_id, model.version_id, hyperparameters))
    until(lambda: "Fieldmark training starts" in LOCAL.log(job).text, "the first line")
    line = time.monotonic() - begun
    until(lambda: metrics.epochs(metrics.MetricLog(job.folder.log).refresh()), "the first epoch")
    return ended(LOCAL, job), line, time.monotonic() - begun


def warm_process(home: Path) -> psutil.Process:
    """Return the tests' own child that keeps that home warm."""

    def is_it(process: psutil.Process) -> bool:
        try:
            return "prefork.serve()" in str(process.cmdline()) and process.environ()[
                "FIELDMARK_HOME"
            ] == str(home)
        except psutil.Error:
            return False

    (found,) = filter(is_it, psutil.Process().children())
    return found


def test_a_warm_start(heated: Model) -> None:
    """It differs from the cold start of the small model in nothing but the time it takes."""
    job, line, epoch = submitted(heated, SMALL)
    assert job.state is State.COMPLETED, job.status.reason
    for split in settings.SPLITS:
        assert models.of_job(job).metrics(split) == pytest.approx(heated.metrics(split), abs=1e-6)
    assert {**models.of_job(job).description["hyperparameters"], "name": ""} == {
        **heated.description["hyperparameters"],
        "name": "",
    }
    print(
        f"\nwarm: {line:.2f} s from submission to the first log line, {epoch:.2f} s to the first epoch"
    )


def test_openvino_works_in_a_fork(heated: Model) -> None:
    """The fork makes new features with the precision that is used by default; a thread of the warm process would hang it here."""
    job, _, _ = submitted(heated, {**SMALL, "precision": "auto", "image_size": "32"})
    assert job.state is State.COMPLETED, job.status.reason


def test_the_warm_process_has_one_thread_and_keeps_no_dead_children(
    heated: Model, heated_home: Path
) -> None:
    """What another thread holds when a fork happens is never given back."""
    process = warm_process(heated_home)
    assert process.num_threads() == 1
    until(lambda: not process.children(), "the end of its workers")


# So that the script still runs when it is looked at.
LONG_ENOUGH = {"weight_decay": "0.01", "optimizer": "adamw", "epochs": "2000"}


def test_a_worker_has_one_thread_when_it_forks_its_script(heated: Model) -> None:
    """Reading a manifest starts threads; a worker that had them would start the script anew, seconds slower."""
    job = LOCAL.train(
        TrainingSpec("Start", heated.dataset_id, heated.version_id, {**SMALL, **LONG_ENOUGH})
    )
    until(lambda: worker_of(job).children() or LOCAL.refresh(job).state.is_finished, "its script")
    assert "prefork.serve()" in str(trainer_of(job).cmdline()), (
        "forked, so it has the command line of the warm process"
    )
    assert worker_of(job).num_threads() == 1
    LOCAL.stop(job)
    assert ended(LOCAL, job).state is State.STOPPED


def test_a_cold_start(small_model: Model) -> None:
    job, line, epoch = submitted(small_model, SMALL)
    assert job.state is State.COMPLETED, job.status.reason
    print(
        f"\ncold: {line:.2f} s from submission to the first log line, {epoch:.2f} s to the first epoch"
    )
