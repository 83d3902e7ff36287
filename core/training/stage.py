"""Where a running training job stands, and how long the rest will take, read from its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.training import metrics
from core.training.setup import LBFGS, Setup

Rows = Sequence[dict[str, float]]
FEATURES, TRAINING, TEST = "features", "training", "test"
# A head trained by lbfgs and the artifact, if no earlier training says how long they take.
HEAD_SECONDS = 8.0
# Scoring every photo once and writing the model, as a share of one epoch of fine-tuning.
TEST_SHARE_OF_EPOCH = 0.5


@dataclass(frozen=True)
class Stage:
    """A stage of a training: FEATURES, TRAINING or TEST. `share` of it is done, 0 to 1.

    FEATURES count photos in `done` and `total`, TRAINING epochs: `done` is the current epoch.
    """

    name: str
    share: float
    done: int = 0
    total: int = 0


def stage_of(rows: Rows, setup: Setup) -> Stage | None:
    """Return the stage that the last metric line belongs to; None before the first line."""
    if not rows:
        return None
    last = rows[-1]
    if metrics.delivered(rows):
        return Stage(TEST, 1.0)
    if last.get("features_total"):
        done, total = int(last.get("features_done", 0)), int(last["features_total"])
        return Stage(FEATURES, done / total, done, total)
    return _training(rows, setup)


def _training(rows: Rows, setup: Setup) -> Stage:
    last = rows[-1]
    epoch = int(last.get("epoch", 0))
    if "train_accuracy" in last or epoch == 0:
        # A full row ends its epoch: the next one has begun.
        begun = epoch + 1
        if setup.epochs and begun > setup.epochs:
            return Stage(TEST, 0.0)
        return Stage(TRAINING, _share(epoch, setup.epochs), begun, setup.epochs)
    done = epoch - 1 + _part_of_epoch(rows)
    return Stage(TRAINING, _share(done, setup.epochs), epoch, setup.epochs)


def _part_of_epoch(rows: Rows) -> float:
    """How much of the current epoch is done; 0 until an epoch has shown how many steps it has."""
    steps = max((row.get("step", 0) for row in rows if "train_accuracy" in row), default=0)
    if not steps:
        return 0.0
    return min(1.0, rows[-1].get("step", 0) / steps)


def _share(done: float, total: int) -> float:
    if not total:
        return 0.0
    return min(1.0, done / total)


def seconds_left(
    setup: Setup, rows: Rows, spent: float, earlier: Mapping[str, float]
) -> float | None:
    """Return the seconds until the training ends, over all stages; None if nothing tells.

    `spent` are the seconds so far, `earlier` those of a training like it, by phase and in `total`.
    """
    stage = stage_of(rows, setup)
    if stage is None:
        if "total" not in earlier:
            return None
        return max(1.0, earlier["total"] - spent)
    if stage.name == TEST:
        return max(1.0, earlier.get("evaluation", 1.0))
    later = _after(stage, rows, setup, earlier)
    if later is None or "eta_seconds" not in rows[-1]:
        return None
    return max(1.0, rows[-1]["eta_seconds"] - _since(rows, spent) + later)


def _after(stage: Stage, rows: Rows, setup: Setup, earlier: Mapping[str, float]) -> float | None:
    """The seconds that the stages after this one take."""
    if stage.name == FEATURES:
        if setup.is_finetuned:
            return _finetuning(earlier)
        return _head(setup, earlier)
    if not setup.is_finetuned:
        return 1.0
    if "evaluation" in earlier:
        return earlier["evaluation"]
    epochs_left = max(1, setup.epochs - stage.done + 1)
    return TEST_SHARE_OF_EPOCH * rows[-1].get("eta_seconds", 0.0) / epochs_left


def _head(setup: Setup, earlier: Mapping[str, float]) -> float | None:
    """The seconds of training a head; short for lbfgs, else only an earlier training can tell."""
    if "training" in earlier:
        return earlier["training"]
    if setup.optimizer == LBFGS:
        return HEAD_SECONDS
    return None


def _finetuning(earlier: Mapping[str, float]) -> float | None:
    """The seconds of fine-tuning after the features; only an earlier training can tell."""
    if "training" not in earlier:
        return None
    return sum(earlier.get(name, 0.0) for name in ("training", "decoding", "evaluation"))


def _since(rows: Rows, spent: float) -> float:
    """The seconds since the last metric line, at most what it said was left."""
    passed = spent - rows[-1].get("elapsed_seconds", 0.0)
    return min(max(0.0, passed), rows[-1]["eta_seconds"])
