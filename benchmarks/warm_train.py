"""The same model again with other hyperparameters, its features cached, beside the same peers."""

from __future__ import annotations

from benchmarks import frozen
from benchmarks.harness import Outcome

TARGET = 200.0


def run() -> Outcome:
    runs = frozen.warm()
    return Outcome("warm_train", "s", frozen.ours("ours, warm", runs), frozen.workshop(), TARGET, runs[0].n, others=(frozen.plain(),))
