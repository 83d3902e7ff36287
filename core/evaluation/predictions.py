"""The predictions of a model for n photos, as arrays: the input of every evaluation."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core import settings
from core.errors import NotFound, UserError

Rows = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Texts = npt.NDArray[np.str_]

UNKNOWN = -1
# A probability of 0 would make the loss infinite, and one such photo would hide all the others.
SMALLEST_PROBABILITY = 1e-12

_TEXTS = ("image_id", "path", "split")
_ARRAYS = (*_TEXTS, "label", "probabilities")
# What numpy and zipfile raise for damaged bytes, found by damaging them.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)
# Rows per step when a step needs a temporary array as wide as the probabilities: it fits into the
# processor's cache.
_CHUNK = 4096


class Answered:
    """The predicted and the true classes of n photos: the part of Predictions that counting correct
    answers and mistakes needs.

    `label`: int [n], the index of the true class, or -1 if it is unknown. `predicted`: int
    [n]. `confidence`: float [n], the probability of the predicted class. `path`: text [n].
    """

    path: Texts
    label: Rows
    classes: tuple[str, ...]
    predicted: Any
    confidence: Any

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def known(self) -> Flags:
        """Whether the photo has a label [n]. Photos without one count in no score."""
        return self.label != UNKNOWN

    @cached_property
    def correct(self) -> Flags:
        """Whether the prediction is the true class [n]; False without a label."""
        return self.predicted == self.label

    @cached_property
    def wrong(self) -> Flags:
        """Whether the prediction is not the true class [n]; False without a label."""
        return self.known & ~self.correct

    def index_of(self, name: str) -> int:
        """Return the index of a class. Raises UserError if the model does not have it."""
        try:
            return self.classes.index(name)
        except ValueError as error:
            raise UserError(
                f"The model has no class {name!r}. Choose one of its {len(self.classes)} classes."
            ) from error

    def names(self, indices: Rows) -> npt.NDArray[np.object_]:
        """Return class names for class indices; '' for -1."""
        # The index -1 picks the last entry, which is the empty name.
        return np.array([*self.classes, ""], dtype=object)[indices]

    def ranked(self, rows: Rows, key: npt.NDArray[Any]) -> Rows:
        """Return `rows` sorted by `key` [n], smallest first. Ties are sorted by path, so the result
        does not depend on the order of the photos in the file."""
        return rows[np.lexsort((self.path[rows], key[rows]))]


@dataclass(frozen=True, eq=False)
class Predictions(Answered):
    """A model's predictions for n photos over K >= 2 classes; row i of every array is one photo.

    `image_id`, `path`, `split`: text [n]. `label`: int [n], the index of the true class, or -1
    if it is unknown. `probabilities`: float [n, K], each row summing to 1, the temperature
    applied. `classes`: the K names in the model's order. "Rows" are everywhere positions in these
    arrays. Raises ValueError if the arrays are inconsistent.
    """

    image_id: Texts
    path: Texts
    split: Texts
    label: Rows
    probabilities: Floats
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault:
            raise ValueError(fault)

    @cached_property
    def predicted(self) -> Rows:
        """The most probable class [n]; the first one in a tie."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidence(self) -> Floats:
        """The probability of the predicted class [n]."""
        return self.probabilities.max(axis=1)

    @cached_property
    def true_probability(self) -> Floats:
        """The probability of the true class [n]; NaN without a label."""
        given = self.probabilities[np.arange(len(self)), self.label]
        return np.where(self.known, given, np.nan)

    @cached_property
    def losses(self) -> Floats:
        """Negative natural log of the true class's probability [n], in nats; NaN without a
        label."""
        return -np.log(np.maximum(self.true_probability.astype(float), SMALLEST_PROBABILITY))

    @cached_property
    def rank(self) -> Rows:
        """Rank of the true class among the predictions [n]: 1 if it is the predicted one, 0 without
        a label."""
        position = np.arange(len(self.classes))

        def places(part: slice) -> Rows:
            given, label = self.probabilities[part], self.label[part, None]
            own = np.take_along_axis(given, np.maximum(label, 0), axis=1)
            return 1 + np.count_nonzero(
                (given > own) | ((given == own) & (position < label)), axis=1
            )

        return np.where(self.known, self._chunked(places), 0)

    @cached_property
    def margin(self) -> Floats:
        """The predicted class's probability minus the second highest [n]."""

        def second(part: slice) -> Floats:
            others = self.probabilities[part].copy()
            np.put_along_axis(others, self.predicted[part, None], -1, axis=1)
            return others.max(axis=1)

        return self.confidence - self._chunked(second)

    @cached_property
    def entropy(self) -> Floats:
        """Shannon entropy of the probabilities [n], in nats: 0 (certain) to log K (uniform)."""

        def of(part: slice) -> Floats:
            given = self.probabilities[part]
            logs = np.log(np.maximum(given, np.finfo(np.float32).tiny))
            return -np.einsum("ij,ij->i", given, logs)

        return np.maximum(self._chunked(of), 0)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that occur, in their usual order."""
        present = set(np.unique(self.split).tolist())
        usual = [name for name in settings.SPLITS if name in present]
        return (*usual, *sorted(present.difference(usual)))

    def of_split(self, name: str) -> Predictions:
        """Return the photos of one split, in the same order; none if the split does not occur."""
        return self.take(np.flatnonzero(self.split == name))

    def take(self, rows: Rows) -> Predictions:
        """Return these rows, in this order."""
        chosen = {name: getattr(self, name)[rows] for name in _ARRAYS}
        return Predictions(**chosen, classes=self.classes)

    def answers(self, row: int) -> pd.DataFrame:
        """Return all classes of one photo: `label`, `probability`, most probable first."""
        order = np.argsort(-self.probabilities[row], kind="stable")
        return pd.DataFrame(
            {"label": self.names(order), "probability": self.probabilities[row][order]}
        )

    def table(self, top_k: int = 5) -> pd.DataFrame:
        """Return one row per photo, in the order of the arrays.

        Columns: image_id, path, split, label and predicted (names; '' without a label), probability
        (of the predicted class), margin, entropy (nats), correct, loss (nats), rank, in_top_<k>.
        Values that need the label are missing without it.
        """
        known = self.known
        in_top = f"in_top_{top_k}"
        frame = pd.DataFrame(
            {
                **{name: getattr(self, name) for name in _TEXTS},
                "label": self.names(self.label),
                "predicted": self.names(self.predicted),
                "probability": self.confidence,
                "margin": self.margin,
                "entropy": self.entropy,
                "correct": pd.array(self.correct, dtype="boolean"),
                "loss": self.losses,
                "rank": pd.array(self.rank, dtype="Int32"),
                in_top: pd.array(self.rank <= top_k, dtype="boolean"),
            }
        )
        frame.loc[~known, ["correct", "rank", in_top]] = pd.NA
        return frame

    def _chunked(self, work: Callable[[slice], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate([work(part) for part in chunks(len(self))])


def chunks(n: int) -> Iterator[slice]:
    """Yield slices over n rows, each small enough for the cache; one empty slice if n is 0."""
    yield from (slice(start, start + _CHUNK) for start in range(0, max(n, 1), _CHUNK))


def load(path: Path, classes: Sequence[str]) -> Predictions:
    """Return the predictions that a training job stored (`predictions.npz`, never unpickled), for a
    model with these classes in order.

    Raises NotFound, with the reason, if the file is missing, damaged, or of another model.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in _ARRAYS if name not in stored.files]
            if missing:
                raise NotFound(
                    f"The predictions at {path} lack {', '.join(missing)}. Train the model again "
                    "to get them."
                )
            arrays = {name: stored[name] for name in _ARRAYS}
        if arrays["label"].dtype.kind in "iu":
            arrays["label"] = arrays["label"].astype(np.intp)
        return Predictions(**arrays, classes=tuple(classes))
    except FileNotFoundError as error:
        raise NotFound(
            f"This model has no stored predictions: {path} is missing. Train it again to get them."
        ) from error
    except _UNREADABLE as error:
        raise NotFound(
            f"The predictions at {path} can't be read: {error}. Train the model again to get them."
        ) from error


def _fault(given: Predictions) -> str:
    """Return why the arrays are inconsistent, or ''."""
    n, classes = given.label.size, given.classes
    if len(classes) < settings.MIN_CLASSES or len(set(classes)) != len(classes):
        return (
            f"a model has at least {settings.MIN_CLASSES} classes with different names, and this "
            f"one has {list(classes)[:5]}"
        )
    if given.label.ndim != 1 or given.label.dtype.kind != "i":
        return (
            f"label is not a list of whole numbers but has the shape {given.label.shape} and type "
            f"{given.label.dtype}"
        )
    for name in _TEXTS:
        values = getattr(given, name)
        if values.shape != (n,) or values.dtype.kind != "U":
            return (
                f"{name} is not {n} texts but has the shape {values.shape} and type {values.dtype}"
            )
    if n and not (given.label.min() >= UNKNOWN and given.label.max() < len(classes)):
        return f"a label is outside -1 to {len(classes) - 1}"
    return _probability_fault(given.probabilities, n, len(classes))


def _probability_fault(values: Floats, n: int, count: int) -> str:
    if values.shape != (n, count) or values.dtype.kind != "f":
        return (
            f"probabilities have the shape {values.shape} and type {values.dtype}; {n} photos and "
            f"{count} classes need ({n}, {count})"
        )
    # Written so that NaN fails too.
    if n and not (values.min() >= 0 and np.abs(values.sum(axis=1) - 1).max() < 0.01):
        return "the probabilities of a photo do not sum to 1"
    return ""
