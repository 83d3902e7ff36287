"""Drift: whether an endpoint's requests still resemble the training photos, from stored answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.datasets import store
from core.errors import NotFound
from core.evaluation.predictions import Floats
from core.models.store import Model

DRAWS = 500
LEVEL = 0.95
# c(0.05) of the two-sample Kolmogorov-Smirnov test (Smirnov 1948).
KS_AT_5_PERCENT = 1.358
MAX_PERIODS = 12


@dataclass(frozen=True)
class Drift:
    """A distance between observed and expected values.

    Without drift, 95 % of samples of `n` photos stay below `by_chance`.
    """

    value: float
    by_chance: float
    n: int

    @property
    def beyond_chance(self) -> bool:
        return self.value > self.by_chance


def training_mix(model: Model) -> dict[str, float]:
    """Return the share of each class among the model's training photos.

    Raises NotFound if its dataset version is deleted.
    """
    counts = store.version(model.dataset_id, model.version_id).counts
    photos = {name: counts.get(name, {}).get("train", 0) for name in model.classes}
    total = sum(photos.values())
    if not total:
        raise NotFound("The training photos of this model are no longer in its dataset.")
    return {name: number / total for name, number in photos.items()}


def class_drift(predicted: Sequence[str], expected: Mapping[str, float]) -> Drift:
    """Return the Jensen-Shannon distance (Endres and Schindelin 2003; base 2, so 0 to 1) between
    the shares of the predicted classes and `expected`. `by_chance` is simulated: as many photos
    drawn from `expected`, 500 times."""
    names = list(expected)
    wanted = np.array([expected[name] for name in names], dtype=float)
    wanted /= wanted.sum()
    counts = (
        pd.Series(list(predicted), dtype=str)
        .value_counts()
        .reindex(names, fill_value=0)
        .to_numpy(dtype=float)
    )
    n = int(counts.sum())
    if not n:
        return Drift(0.0, 0.0, 0)
    drawn = np.random.default_rng(0).multinomial(n, wanted, DRAWS)
    return Drift(
        float(_distances(counts[None], wanted)[0]),
        float(np.quantile(_distances(drawn, wanted), LEVEL)),
        n,
    )


def confidence_drift(confidence: Floats, expected: Floats) -> Drift:
    """Return the largest difference between the two distributions of top-1 probabilities
    (Kolmogorov-Smirnov, 0 to 1)."""
    # Not scipy's ks_2samp: importing scipy.stats takes 1.3 s.
    seen, known = np.sort(confidence), np.sort(expected)
    n, m = len(seen), len(known)
    if not n or not m:
        return Drift(0.0, 0.0, n)
    at = np.concatenate([seen, known])
    difference = np.searchsorted(seen, at, "right") / n - np.searchsorted(known, at, "right") / m
    return Drift(
        float(np.abs(difference).max()),
        min(1.0, KS_AT_5_PERCENT * float(np.sqrt((n + m) / (n * m)))),
        n,
    )


def mix_over_time(
    kept: pd.DataFrame, classes: Sequence[str], periods: int = MAX_PERIODS
) -> pd.DataFrame:
    """Return start (UTC), n, class, share: the predicted classes in periods of equal length from
    the first photo to the last.

    `kept` has `time` (seconds since 1970) and `prediction`. Empty periods are left out.
    """
    first, last = kept["time"].min(), kept["time"].max()
    length = max((last - first) / periods, 1.0)
    period = ((kept["time"] - first) // length).clip(upper=periods - 1).astype(int)
    counts = (
        kept.groupby([period, "prediction"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(classes), fill_value=0)
    )
    totals = counts.sum(axis=1)
    shares = (
        counts.div(totals, axis=0)
        .rename_axis(index="period")
        .reset_index()
        .melt("period", var_name="class", value_name="share")
    )
    start = pd.to_datetime(first + shares["period"] * length, unit="s", utc=True)
    return shares.assign(start=start, n=shares["period"].map(totals))[
        ["start", "n", "class", "share"]
    ]


def _distances(counts: npt.NDArray[np.generic], expected: Floats) -> Floats:
    """Return Jensen-Shannon distances [rows] for counts [rows, classes].

    Not scipy's jensenshannon, which returns NaN if rounding makes a divergence negative.
    """
    from scipy.special import rel_entr

    seen = counts / counts.sum(axis=1, keepdims=True)
    middle = (seen + expected) / 2
    nats = (rel_entr(seen, middle) + rel_entr(expected, middle)).sum(axis=1) / 2
    return np.sqrt(np.maximum(nats, 0) / np.log(2))
