"""From the click on Train to the job's first log line and first figures, beside the same script started from a shell.

The features are cached before the clock starts, so that what is measured is starting, not training.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import harness
from benchmarks.harness import Outcome, Row
from benchmarks.photos import photos
from benchmarks.trainer import Training, train
from core import backends, metrics, settings
from core.jobs import Job, State
from core.specs import TrainingSpec

REPEATS = 5
LIMIT_SECONDS = 1.0
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Start:
    """Seconds after the click at which a job said something, reported its first figures, and was Completed."""

    first_line: float
    first_metrics: float
    completed: float


def run() -> Outcome:
    starts = [start() for _ in range(REPEATS + 1)][1:]
    by_hand = [train(photos(), settings.features_dir(), label="from a shell", preset="fast") for _ in range(3)]
    line, figures, done = (statistics.median(getattr(s, name) for s in starts) for name in ("first_line", "first_metrics", "completed"))
    return Outcome(
        "job_start",
        "s",
        Row("ours: click to first log line", line, note=f"median of {REPEATS}; to stay under {LIMIT_SECONDS:g} s"),
        Row("peer: the script from a shell", statistics.median(first_line(training) for training in by_hand), note="to its first line"),
        None,
        by_hand[0].n,
        others=(
            Row("ours: click to first figures", figures, compared=False),
            Row("ours: click to Completed", done, by_hand[0].accuracy, "features cached", compared=False),
        ),
        extra={"limit": LIMIT_SECONDS, "first_metrics": round(figures, 3), "completed": round(done, 3)},
    )


def start() -> Start:
    """Submits a job as the Train page does and watches it to its end."""
    version = photos().version
    spec = TrainingSpec("benchmark", version.dataset_id, version.id, {"preset": "fast"})
    clicked = time.perf_counter()
    job = backends.LOCAL.train(spec)
    said = wait_for(lambda: "\n" in log(job), clicked)
    figures = wait_for(lambda: any(metrics.parse(text) for text in log(job).splitlines()), clicked)
    completed = wait_for(lambda: backends.LOCAL.refresh(job).state.is_finished, clicked)
    ended = backends.LOCAL.refresh(job)
    if ended.state is not State.COMPLETED:
        raise harness.BenchmarkError(f"the job ended as {ended.state}: {ended.status.reason}")
    return Start(said, figures, completed)


def log(job: Job) -> str:
    return backends.LOCAL.log(job).text


def wait_for(happened: Callable[[], bool], clicked: float) -> float:
    """Seconds from the click until it happened."""
    while not happened():
        if time.perf_counter() - clicked > PATIENCE_SECONDS:
            raise harness.BenchmarkError(f"the job said nothing new for {PATIENCE_SECONDS} s")
        time.sleep(0.005)
    return time.perf_counter() - clicked


def first_line(training: Training) -> float:
    return training.run.lines[0][0]
