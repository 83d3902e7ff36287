"""From the click on Train to the job's first log line, first figures and end, beside the same script started from a shell.

The app is warm, as it is some seconds after its start, and the features are cached: what is measured is starting, not training.
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
from core import metrics, settings
from core.backends import LOCAL
from core.backends.local import warm
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
    by_hand = [train(photos(), settings.features_dir(), label="from a shell", preset="fast") for _ in range(REPEATS + 1)][1:]
    cold, hot = started(REPEATS, is_warm=False), started(REPEATS, is_warm=True)
    shell = Row("peer: the script from a shell", statistics.median(first_metrics(training) for training in by_hand), by_hand[0].accuracy)
    return Outcome(
        "job_start",
        "s",
        Row("ours: click to first figures", hot.first_metrics, by_hand[0].accuracy, f"warm app, median of {REPEATS}"),
        shell,
        None,
        by_hand[0].n,
        others=(
            Row("ours: click to first log line", hot.first_line, note=f"to stay under {LIMIT_SECONDS:g} s", compared=False),
            Row("ours: click to Completed", hot.completed, compared=False),
            Row("ours, app just started: first figures", cold.first_metrics),
            Row("ours, app just started: first log line", cold.first_line, compared=False),
        ),
        extra={"first_line": round(hot.first_line, 3), "limit_first_line": LIMIT_SECONDS, "completed": round(hot.completed, 3)},
    )


def started(times: int, *, is_warm: bool) -> Start:
    """The medians over several jobs, with or without the process that a running app keeps ready."""
    if not is_warm:
        return median([start() for _ in range(times)])
    ready = LOCAL.warm_up()
    try:
        wait_for(warm.socket_path().exists, time.perf_counter())
        return median([start() for _ in range(times)])
    finally:
        LOCAL.cool_down(ready)


def median(starts: list[Start]) -> Start:
    return Start(*(statistics.median(getattr(one, name) for one in starts) for name in Start.__dataclass_fields__))


def start() -> Start:
    """Submits a job as the Train page does and watches it to its end."""
    version = photos().version
    spec = TrainingSpec("benchmark", version.dataset_id, version.id, {"preset": "fast"})
    clicked = time.perf_counter()
    job = LOCAL.train(spec)
    first_line = wait_for(lambda: "\n" in log(job), clicked)
    figures = wait_for(lambda: any(metrics.parse(text) for text in log(job).splitlines()), clicked)
    completed = wait_for(lambda: LOCAL.refresh(job).state.is_finished, clicked)
    ended = LOCAL.refresh(job)
    if ended.state is not State.COMPLETED:
        raise harness.BenchmarkError(f"the job ended as {ended.state}: {ended.status.reason}")
    return Start(first_line, figures, completed)


def log(job: Job) -> str:
    return LOCAL.log(job).text


def wait_for(happened: Callable[[], bool], since: float) -> float:
    """Seconds from `since` until it happened."""
    while not happened():
        if time.perf_counter() - since > PATIENCE_SECONDS:
            raise harness.BenchmarkError(f"nothing happened for {PATIENCE_SECONDS} s")
        time.sleep(0.005)
    return time.perf_counter() - since


def first_metrics(training: Training) -> float:
    return next(seconds for seconds, line in training.run.lines if metrics.parse(line))
