"""The runs that `cold_train` and `warm_train` share, each made once in a process, so that both compare with the same peers."""

from __future__ import annotations

import functools
import statistics

from benchmarks import harness
from benchmarks.harness import Row
from benchmarks.photos import photos
from benchmarks.trainer import Training, train

REPEATS = 3


@functools.cache
def workshop() -> Row:
    """The workshop's recipe, once: it takes minutes."""
    where = photos()
    run = harness.run_peer("workshop", where.root, where.manifest)
    return Row("peer: the workshop's recipe", run.seconds, run.report()["accuracy"], "backbone in every epoch, fp32, one run")


@functools.cache
def plain() -> Row:
    """The plain cached-feature loop, a median."""
    where = photos()
    runs = [harness.run_peer("cached", where.root, where.manifest) for _ in range(REPEATS)]
    seconds = statistics.median(run.seconds for run in runs)
    return Row("peer: a plain feature loop", seconds, runs[0].report()["accuracy"], f"features once, fp32, median of {REPEATS}")


@functools.cache
def cold() -> tuple[Training, ...]:
    """Ours with an empty feature cache each time; the last run's cache serves the warm runs."""
    return tuple(train(photos(), harness.workspace() / f"features-{number}", label="cold", preset="fast") for number in range(REPEATS))


@functools.cache
def warm() -> tuple[Training, ...]:
    """Ours again and again with other hyperparameters, all on the features that a cold run left."""
    cold()
    features = harness.workspace() / f"features-{REPEATS - 1}"
    changes = ({"weight_decay": "0.001"}, {"label_smoothing": "0.05"}, {"dropout": "0.2"}, {"seed": "11"}, {"lr": "0.01"})
    return tuple(train(photos(), features, label=f"warm, {change}", preset="fast", **change) for change in changes)


def ours(name: str, runs: tuple[Training, ...]) -> Row:
    """The median run."""
    middle = sorted(runs, key=lambda training: training.run.seconds)[len(runs) // 2]
    return Row(name, middle.run.seconds, middle.accuracy, f"median of {len(runs)}, from process start to scored model")
