"""Two numbers of one model's recipe: how often it is right on photos like those it knows, and on
photos of a group that it has never seen (a new site, animal, day).

    python -m core.models.generalisation MODEL_ID BY

measures both by cross-validation on the cached features, with the head's own strength, and stores
them with the model. A program of its own: scikit-learn is not loaded into the app.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core import settings
from core.datasets import groups, splits, store
from core.errors import BackendError, FieldmarkError, NotFound, UserError
from core.evaluation.scores import Score
from core.io import files
from core.jobs import processes
from core.models import similar
from core.models import store as models
from core.models.store import Model
from core.training import feature_cache
from core.training.feature_cache import Floats

FILE = "generalisation.json"
FOLDS = 5
SEED = 7
RESAMPLES = 1000
MIN_GROUPS = 6
# Scores do not change by a longer fit.
ITERATIONS, TOLERANCE = 100, 1e-3
SECONDS = 300
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Number:
    """`correct` of `n` photos that were held out, and the 95 % interval of the share; None if too
    few groups tell."""

    correct: int
    n: int
    low: float | None
    high: float | None

    @property
    def value(self) -> float:
        """0 to 1."""
        return self.correct / self.n


@dataclass(frozen=True)
class Generalisation:
    """`known` is for photos like those that the model knows (random folds), `new` for those of new
    groups (folds of whole groups). `left_out` photos are of classes that lie in one group."""

    by: str
    groups: int
    left_out: int
    known: Number
    new: Number


def of(model: Model) -> dict[str, Generalisation]:
    """Return what was measured, by what the photos were grouped by."""
    try:
        stored = files.read_json(model.folder.output / FILE)
        return {by: _read(by, values) for by, values in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # Damaged: it is measured again.
        return {}


def _read(by: str, values: Mapping[str, Any]) -> Generalisation:
    return Generalisation(
        by,
        int(values["groups"]),
        int(values["left_out"]),
        Number(**values["known"]),
        Number(**values["new"]),
    )


def options(model: Model) -> dict[str, str]:
    """Return what the model's photos can be grouped by, with words for it; nothing for a
    fine-tuned model, whose backbone has seen its training photos."""
    if model.description.get("mode") == "finetune":
        return {}
    try:
        return groups.options(store.version(model.dataset_id, model.version_id))
    except NotFound:
        return {}


def measure(model: Model, by: str) -> None:
    """Measure both numbers in a process of its own and store them.

    Raises BackendError with the reason if that fails or takes longer than SECONDS.
    """
    command = [settings.python(), "-m", "core.models.generalisation", model.id, by]
    try:
        done = subprocess.run(
            command,
            env=processes.worker_environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackendError(
            f"This took longer than {SECONDS} seconds and was stopped. Make cross-validation folds "
            "that keep groups together instead, and train on each."
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it was killed. Try again"]
        raise BackendError(f"The cross-validation failed: {said[-1]}")


def cross_validated(model: Model, by: str) -> Generalisation:
    """Return both numbers. Raises UserError if they cannot be measured, NotFound if the features
    are not cached any more."""
    version = store.version(model.dataset_id, model.version_id)
    frame = store.manifest_of(version, columns=["image_id", "path", "label", "split"])
    frame = frame[frame["split"].isin(["train", "validation", "test"]) & (frame["label"] != "")]
    frame = frame.drop_duplicates("image_id").reset_index(drop=True)
    unit = frame["image_id"].map(groups.units(version, by)).fillna(frame["image_id"])
    several = unit.groupby(frame["label"]).transform("nunique") > 1
    left_out = int((~several).sum())
    frame, unit = frame[several].reset_index(drop=True), unit[several].reset_index(drop=True)
    if frame["label"].nunique() < settings.MIN_CLASSES:
        raise UserError("Fewer than two classes have photos of more than one group.")
    features = _features(model, frame)
    labels = pd.factorize(frame["label"], sort=True)[0].astype(np.int64)
    decay = _decay(model)
    known = _held_out(features, labels, _folds(frame["image_id"]), decay)
    new = _held_out(features, labels, _folds(unit), decay)
    low, high = Score(int(known.sum()), len(known)).interval_95
    return Generalisation(
        by,
        int(unit.nunique()),
        left_out,
        Number(int(known.sum()), len(known), low, high),
        Number(int(new.sum()), len(new), *_by_groups(new, unit)),
    )


def _features(model: Model, frame: pd.DataFrame) -> Floats:
    folders = [path.name for path in similar.feature_folders(model)]
    features, found = feature_cache.read(folders, frame["image_id"].tolist())
    if not found.all():
        raise NotFound(
            f"The features of {int((~found).sum()):,} photos are not cached any more. Train once "
            "more on this version, then measure again."
        )
    return features


def _decay(model: Model) -> float:
    """Return the strength of the head's L2 penalty, per photo."""
    try:
        return max(float(model.description["weight_decay"]), 1e-6)
    except (KeyError, TypeError, ValueError):
        return 0.01


def _folds(unit: pd.Series) -> Ints:
    """Return the fold of each photo; those of one unit have the same. Folds hold about as many
    photos each: the largest units are dealt out first."""
    sizes = unit.value_counts()
    order = np.lexsort((splits.ranks(sizes.index, SEED), -sizes.to_numpy()))
    filled, fold_of = np.zeros(FOLDS), {}
    for place in order:
        fold_of[sizes.index[place]] = int(filled.argmin())
        filled[filled.argmin()] += sizes.iloc[place]
    return unit.map(fold_of).to_numpy(dtype=np.int64)


def _held_out(features: Floats, labels: Ints, fold: Ints, decay: float) -> Flags:
    """Return which photos a head is right on that has not seen their fold [n]."""
    from sklearn.linear_model import LogisticRegression

    right = np.zeros(len(labels), dtype=bool)
    for number in np.unique(fold):
        inside, outside = fold == number, fold != number
        mean, deviation = features[outside].mean(0), features[outside].std(0) + 1e-6
        strength = 1 / (decay * int(outside.sum()))
        head = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=TOLERANCE)
        head.fit((features[outside] - mean) / deviation, labels[outside])
        right[inside] = head.predict((features[inside] - mean) / deviation) == labels[inside]
    return right


def _by_groups(right: Flags, unit: pd.Series) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the share by a bootstrap over groups: photos of one group are
    right or wrong together, so they count less than as many single photos."""
    if unit.nunique() < MIN_GROUPS:
        return None, None
    table = pd.DataFrame({"right": right, "n": 1}).groupby(unit.to_numpy()).sum()
    correct, n = table["right"].to_numpy(), table["n"].to_numpy()
    draw = np.random.default_rng(SEED).integers(0, len(n), (RESAMPLES, len(n)))
    shares = correct[draw].sum(axis=1) / n[draw].sum(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def main(model_id: str, by: str) -> None:
    """Measure and store."""
    model = models.read(model_id)
    with warnings.catch_warnings():
        # A fit that is cut short scores equally well.
        warnings.simplefilter("ignore")
        found = cross_validated(model, by)
    known = {one: asdict(value) for one, value in of(model).items()}
    files.write_json(model.folder.output / FILE, {**known, by: asdict(found)})
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except FieldmarkError as error:
        sys.exit(str(error))
