"""Parse the metric lines of the training script, and build SageMaker's regexes for them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

PREFIX = "[metrics]"
# `[phase] features`, `[phase] waiting of=<job>`: the phase that begins with this line.
PHASE_PREFIX = b"[phase] "
# `[photos] <sha256> <sha256>`: the photos that the training script has just processed.
PHOTOS_PREFIX = b"[photos] "

# The metrics of the training script, in the order they are written. Other names are ignored.
NAMES = (
    "epoch",
    "kept_epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "validation_macro_f1",
    "validation_n",
    "test_loss",
    "test_accuracy",
    "test_top5",
    "test_macro_f1",
    "test_n",
    "learning_rate",
    "images_per_second",
    "features_done",
    "features_total",
    "elapsed_seconds",
    "eta_seconds",
)
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf)"
_PAIR = re.compile(rf"([a-z][a-z0-9_]*)=({_NUMBER})", re.IGNORECASE)
_LINE = re.compile(rf"{re.escape(PREFIX)}(?: [a-z][a-z0-9_]*={_NUMBER})+", re.IGNORECASE)
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20
_LONGEST_LINE = 4096


def parse(line: str) -> dict[str, float] | None:
    """Return the values of a metric line; None for any other line.

    NaN and infinity are kept: they mean divergence.
    """
    line = line.strip()
    if not line.startswith(PREFIX) or not _LINE.fullmatch(line):
        return None
    values = {name: float(value) for name, value in _PAIR.findall(line) if name in NAMES}
    return values or None


def definitions() -> list[dict[str, str]]:
    """Return SageMaker's MetricDefinitions for the same line: one per metric, finite numbers."""
    number = r"([-+]?[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?)"
    return [{"Name": name, "Regex": rf"\[metrics\].* {name}={number}"} for name in NAMES]


def diverged(rows: Iterable[dict[str, float]]) -> bool:
    """Return whether any reported loss is not finite."""
    return any(
        not math.isfinite(value)
        for row in rows
        for name, value in row.items()
        if name.endswith("_loss")
    )


@dataclass
class MetricLog:
    """The metric lines of one growing log, read incrementally and in bounded memory, and the newest
    phase in it.

    `phase` is empty before the first one; `waits_for` is the job that a `waiting` one names.
    `photos` are the ids of the photos processed last, oldest first.
    Bytes that are not UTF-8, carriage returns of progress bars and a half last line are tolerated.
    """

    path: Path
    rows: list[dict[str, float]] = field(default_factory=list)
    phase: str = ""
    waits_for: str = ""
    photos: tuple[str, ...] = ()
    _offset: int = 0
    _rest: bytes = b""
    _lock: Lock = field(default_factory=Lock)

    def refresh(self) -> list[dict[str, float]]:
        """Read the lines appended since the last call; return all rows so far."""
        with self._lock:
            try:
                self._read_on()
            except FileNotFoundError:
                self._restart()
            return list(self.rows)

    def _read_on(self) -> None:
        if self.path.stat().st_size < self._offset:
            self._restart()
        with self.path.open("rb") as file:
            file.seek(self._offset)
            while chunk := file.read(_CHUNK):
                self._offset += len(chunk)
                self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[-_LONGEST_LINE:]
        for line in lines:
            if line.startswith(PREFIX.encode()) and len(line) < _LONGEST_LINE:
                values = parse(line.decode("utf-8", "replace"))
                if values:
                    self.rows.append(values)
            elif line.startswith(PHASE_PREFIX) and len(line) < _LONGEST_LINE:
                self._begin_phase(line.removeprefix(PHASE_PREFIX).decode("utf-8", "replace"))
            elif line.startswith(PHOTOS_PREFIX) and len(line) < _LONGEST_LINE:
                named = line.removeprefix(PHOTOS_PREFIX).decode("utf-8", "replace").split()
                self.photos = tuple(one for one in named if _IMAGE_ID.fullmatch(one))

    def _begin_phase(self, text: str) -> None:
        name, _, of = text.strip().partition(" of=")
        self.phase, self.waits_for = name, of

    def _restart(self) -> None:
        self.rows, self._offset, self._rest = [], 0, b""
        self.phase = self.waits_for = ""
        self.photos = ()


def epochs(rows: Iterable[dict[str, float]]) -> list[dict[str, float]]:
    """Return the last full row of each epoch, in order, for curves.

    A resumed epoch replaces its first try.
    """
    last: dict[float, dict[str, float]] = {}
    for row in rows:
        if "epoch" in row and ("train_loss" in row or "validation_loss" in row):
            last[row["epoch"]] = {**last.get(row["epoch"], {}), **row}
    return [last[epoch] for epoch in sorted(last)]


def delivered(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the validation figures of the trained model, the same as in model.json; empty before
    there is one.

    The kept epoch may differ from the one with the highest accuracy: see the script's rule.
    """
    found: dict[str, float] = {}
    for row in rows:
        if "epoch" not in row and "validation_accuracy" in row:
            found = dict(row)
        elif "test_accuracy" in row and found:
            found.setdefault("kept_epoch", row["epoch"])
    return found
