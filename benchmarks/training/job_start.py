"""From the click on Train to a job's first log line, first metrics and end, next to the same script
started from a shell. The app is warm, as it is some seconds after its start, and the features are
cached: this measures the start, not the training."""

from __future__ import annotations

import statistics

from benchmarks import running_app
from benchmarks.harness import Outcome, Row
from benchmarks.photos import photos
from benchmarks.training.trainer import Training, train
from core import settings
from core.training import metrics

REPEATS = 5
LIMIT_SECONDS = 1.0


def run() -> Outcome:
    where = photos()
    by_hand = [
        train(where, settings.features_dir(), label="from a shell", preset="fast")
        for _ in range(REPEATS + 1)
    ][1:]
    cold = running_app.median(
        [running_app.train(where, "app just started", preset="fast") for _ in range(REPEATS)]
    )
    with running_app.running():
        hot = running_app.median(
            [running_app.train(where, "warm app", preset="fast") for _ in range(REPEATS)]
        )
    shell = statistics.median(first_metrics(training) for training in by_hand)
    return Outcome(
        "job_start",
        "s",
        Row(
            "ours: click to first figures",
            hot.first_metrics,
            hot.accuracy,
            f"warm app, median of {REPEATS}",
        ),
        Row("peer: the script from a shell", shell, by_hand[0].accuracy),
        None,
        by_hand[0].n,
        others=(
            Row(
                "ours: click to first log line",
                hot.first_line,
                note=f"to stay under {LIMIT_SECONDS:g} s",
                compared=False,
            ),
            Row("ours: click to Completed", hot.completed, compared=False),
            Row("ours, app just started: first figures", cold.first_metrics),
            Row("ours, app just started: first log line", cold.first_line, compared=False),
        ),
        extra={
            "first_line": round(hot.first_line, 3),
            "limit_first_line": LIMIT_SECONDS,
            "completed": round(hot.completed, 3),
        },
    )


def first_metrics(training: Training) -> float:
    return next(seconds for seconds, line in training.run.lines if metrics.parse(line))
