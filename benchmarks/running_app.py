"""Runs training jobs as a running app does: submitted to the local backend,
started by its warm process, watched to their end.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.harness import BenchmarkError
from benchmarks.photos import Photos
from core import settings
from core.backends import LOCAL
from core.jobs import prefork
from core.jobs.specs import TrainingSpec
from core.jobs.store import Job, State
from core.training import metrics

PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Watched:
    """Seconds from the click on Train until the first log line, the first metrics and Completed;
    test top-1."""

    first_line: float
    first_metrics: float
    completed: float
    accuracy: float


@contextmanager
def running() -> Iterator[None]:
    """Run the block with the warm process that an app has some seconds after its start."""
    process = LOCAL.warm_up()
    try:
        wait_for(prefork.socket_path().exists, time.perf_counter())
        wait_for(
            lambda: any((settings.features_dir() / "networks").glob("*/*.xml")), time.perf_counter()
        )
        yield
    finally:
        LOCAL.cool_down(process)


def train(photos: Photos, label: str, **hyperparameters: str) -> Watched:
    """Submit a job as the Train page does and wait for its end. Raises BenchmarkError if it is not
    Completed."""
    print(f"  ours: {label} ...", end="", file=sys.stderr, flush=True)
    spec = TrainingSpec("benchmark", photos.version.dataset_id, photos.version.id, hyperparameters)
    clicked = time.perf_counter()
    job = LOCAL.train(spec)
    first_line = wait_for(lambda: "\n" in _log(job), clicked)
    first_metrics = wait_for(
        lambda: any(metrics.parse(text) for text in _log(job).splitlines()), clicked
    )
    completed = wait_for(lambda: LOCAL.refresh(job).state.is_finished, clicked)
    print(f" {completed:.1f} s", file=sys.stderr, flush=True)
    ended = LOCAL.refresh(job)
    if ended.state is not State.COMPLETED:
        raise BenchmarkError(f"the job ended as {ended.state}: {ended.status.reason}")
    described = json.loads((job.folder.model / "model.json").read_bytes())
    return Watched(
        first_line, first_metrics, completed, float(described["metrics"]["test"]["top1"])
    )


def median(runs: list[Watched]) -> Watched:
    """Return the median of each figure; the accuracy is that of the run with the median time."""
    middle = sorted(runs, key=lambda run: run.completed)[len(runs) // 2]
    first_line, first_metrics = (
        statistics.median(getattr(run, name) for run in runs)
        for name in ("first_line", "first_metrics")
    )
    return Watched(first_line, first_metrics, middle.completed, middle.accuracy)


def wait_for(happened: Callable[[], bool], since: float) -> float:
    """Return the seconds from `since` until it happened."""
    while not happened():
        if time.perf_counter() - since > PATIENCE_SECONDS:
            raise BenchmarkError(f"nothing happened for {PATIENCE_SECONDS} s")
        time.sleep(0.005)
    return time.perf_counter() - since


def _log(job: Job) -> str:
    return LOCAL.log(job).text
