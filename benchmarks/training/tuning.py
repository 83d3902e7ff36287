"""30 trials of a tuning job, from the click to the best model,
beside 30 runs of a training script that does everything itself.

The peer is the plain feature loop: it imports, loads, makes its features and trains, each time
anew. One run is measured and counted 30 times. Ours starts with an empty feature cache, in a
running app.
"""

from __future__ import annotations

import re
import shutil
import statistics
import sys
import time
from collections.abc import Iterator

from benchmarks import running_app
from benchmarks.harness import BenchmarkError, Outcome, Row
from benchmarks.photos import Photos, photos
from benchmarks.training import frozen
from core import settings
from core.backends import LOCAL
from core.jobs import store as jobs
from core.jobs.specs import TuningSpec
from core.jobs.store import State
from core.models import store as models
from core.tuning import leaderboard, presets
from core.tuning import space as spaces
from core.tuning.leaderboard import Board, Trial

TRIALS = 30
TARGET = 30.0
PRESET = "head"
# What the training script says it spent on the fit itself.
TRAINING_SECONDS = re.compile(r"done in [\d.]+ s:.*\btraining ([\d.]+)")


def run() -> Outcome:
    where = photos()
    with running_app.running():
        shutil.rmtree(settings.features_dir())
        alone, alone_seconds = tuned(where, "one at a time", 1)
        together, together_seconds = tuned(where, "two at a time, features cached", 2)
    best, baseline = alone.best(), alone.baseline()
    assert best is not None
    assert baseline is not None
    plain = frozen.plain()
    later = sorted(trial.seconds or 0.0 for trial in alone.trials[1:])
    fits = [found for trial in alone.trials[1:] for found in training_seconds(trial)]
    each, fit = statistics.median(later), statistics.median(fits)
    right, n = tested(best)
    default_right, _ = tested(baseline)
    return Outcome(
        "tuning",
        "s",
        Row(
            f"ours: {TRIALS} trials",
            alone_seconds,
            right / n,
            "features made by the first, then one at a time",
        ),
        Row(
            f"peer: {TRIALS} runs of a plain script",
            TRIALS * plain.value,
            plain.accuracy,
            f"one run of {plain.value:.1f} s, times {TRIALS}",
        ),
        TARGET,
        n,
        others=_parts(alone, together_seconds, each, fit, default_right / n),
        extra={
            "trials": TRIALS,
            "seconds_per_trial": round(each, 3),
            "overhead_per_trial": round(each - fit, 3),
            "best_test_correct": right,
            "defaults_test_correct": default_right,
            "best_validation_correct": best.correct,
            "validation_n": best.n,
            "together": round(together_seconds, 3),
            "trials_together": len(together.completed()),
        },
    )


def _parts(
    alone: Board, together_seconds: float, each: float, fit: float, default_accuracy: float
) -> tuple[Row, ...]:
    """Return what the seconds are made of; none of it has a peer."""
    return (
        Row(
            f"ours: {TRIALS} trials, two at a time",
            together_seconds,
            note="features cached",
            compared=False,
        ),
        Row("ours: one trial", each, note="median of those after the first", compared=False),
        Row(
            "ours: one trial without its training",
            each - fit,
            note=f"the fit itself takes {fit:.2f} s",
            compared=False,
        ),
        Row(
            "ours: the first trial",
            alone.trials[0].seconds or 0.0,
            default_accuracy,
            "the defaults; makes the features",
            compared=False,
        ),
    )


def tuned(photos: Photos, label: str, parallel: int) -> tuple[Board, float]:
    """Return the leaderboard of a whole tuning job and its seconds from the click to Completed."""
    print(f"  ours: {TRIALS} trials, {label} ...", end="", file=sys.stderr, flush=True)
    space = spaces.as_dict(presets.SPACES[PRESET].space)
    spec = TuningSpec(
        "benchmark",
        photos.version.dataset_id,
        photos.version.id,
        {},
        space,
        max_trials=TRIALS,
        parallel=parallel,
    )
    clicked = time.perf_counter()
    job = LOCAL.tune(spec)
    seconds = running_app.wait_for(lambda: LOCAL.refresh(job).state.is_finished, clicked)
    print(f" {seconds:.1f} s", file=sys.stderr, flush=True)
    ended, board = LOCAL.refresh(job), leaderboard.read(job.id)
    if ended.state is not State.COMPLETED or len(board.completed()) != TRIALS:
        raise BenchmarkError(
            f"{len(board.completed())} of {TRIALS} trials are completed, the job is "
            f"{ended.state}: {ended.status.reason}"
        )
    return board, seconds


def training_seconds(trial: Trial) -> Iterator[float]:
    """Yield the seconds of the fit alone, as the trial's log says."""
    for found in TRAINING_SECONDS.finditer(LOCAL.log(jobs.read(trial.id)).text):
        yield float(found[1])


def tested(trial: Trial) -> tuple[int, int]:
    """Return how many test photos the trial's model gets right, of how many; looked at only after
    the choice by validation."""
    figures = models.read(trial.id).metrics("test")
    return int(figures["correct"]), int(figures["n"])
