"""Slices: parts of the photos that a column sets apart, and those on which a model is worse.

A slice is compared with all other photos of the split by Fisher's exact test, one-sided (Fisher
1935): how likely so few of its photos would be right if they were drawn from all. Over all slices
of one column, and over all of two, the procedure of Benjamini and Hochberg (1995), "Controlling the
false discovery rate", bounds the expected share of those that are named and no worse than the rest.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.evaluation.predictions import Answered, Floats, Rows
from core.evaluation.scores import wilson_95

# Fewer photos say nothing about a slice.
MIN_PHOTOS = 10
# More values than these name photos rather than parts of them.
MAX_VALUES = 40
# A pair of columns is crossed only if the table stays small.
MAX_CELLS = 100
PARTS = 4
MAX_FALSE_SHARE = 0.05
COLUMNS = ("slice", "columns", "values", "n", "correct", "accuracy", "low", "high", "rest", "p",
           "q", "found")  # fmt: skip
AND = " and "


def parts(values: pd.Series[Any]) -> pd.Series[str]:
    """Return the part that each photo belongs to, "" for none.

    Numbers are cut into four parts of as many photos each, times into months; other columns have a
    part for each value. A column with too many values has no parts.
    """
    if values.nunique() <= 1:
        return _nothing(values)
    if all(isinstance(value, bool | np.bool_) for value in values.dropna()):
        return values.map({True: "yes", False: "no"}).fillna("").astype(str)
    if pd.api.types.is_datetime64_any_dtype(values):
        return _few(pd.to_datetime(values).dt.strftime("%Y-%m").fillna(""))
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > PARTS:
        return _ranges(values.astype(float))
    return _few(pd.Series([_word(value) for value in values], index=values.index, dtype=str))


def _nothing(values: pd.Series[Any]) -> pd.Series[str]:
    return pd.Series("", index=values.index, dtype=str)


def _word(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _few(words: pd.Series[str]) -> pd.Series[str]:
    if words[words != ""].nunique() > MAX_VALUES:
        return pd.Series("", index=words.index, dtype=str)
    return words


def _ranges(values: pd.Series[float]) -> pd.Series[str]:
    """Return the quartile that each value is in, as `1.2 to 3.4`."""
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, PARTS + 1)))
    if len(edges) < 3:
        return pd.Series("", index=values.index, dtype=str)
    names = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)]
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(names) - 1)
    words = np.array(names, dtype=object)[place]
    words[np.isnan(values)] = ""
    return pd.Series(words, index=values.index, dtype=str)


def table(predictions: Answered, attributes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per slice, the most doubtful first.

    `attributes` has a row per photo of `predictions`, in its order, and a column per attribute.
    Columns: slice (words), columns and values (tuples), n (labelled photos), correct, accuracy with
    low and high (95 % Wilson), rest (accuracy of all others), p, q (the false discovery rate at
    which it would be named), found (q at most MAX_FALSE_SHARE).
    """
    if len(attributes) != len(predictions):
        raise ValueError(f"{len(attributes)} rows of attributes for {len(predictions)} photos")
    known, right = predictions.known, predictions.correct & predictions.known
    cut = {name: parts(attributes[name]).to_numpy(dtype=str) for name in attributes.columns}
    cut = {str(name): words for name, words in cut.items() if (words[known] != "").any()}
    rows = [row for name in cut for row in _rows((name,), [cut[name]], known, right)]
    for one, other in combinations(cut, 2):
        if _cells(cut[one]) * _cells(cut[other]) <= MAX_CELLS:
            rows += _rows((one, other), [cut[one], cut[other]], known, right)
    return _judged(pd.DataFrame(rows, columns=list(COLUMNS[:5])), known, right)


def _cells(words: npt.NDArray[np.str_]) -> int:
    return len(np.unique(words))


def _rows(
    names: tuple[str, ...],
    words: list[npt.NDArray[np.str_]],
    known: npt.NDArray[np.bool_],
    right: npt.NDArray[np.bool_],
) -> list[tuple[object, ...]]:
    """Return (slice, columns, values, n, correct) for each combination with enough photos."""
    frame = pd.DataFrame(dict(enumerate(words))).assign(right=right)
    for place in range(len(words)):
        frame = frame[known[frame.index] & (frame[place] != "")]
    found = frame.groupby(list(range(len(words))))["right"].agg(["size", "sum"])
    found = found[found["size"] >= MIN_PHOTOS]
    rows: list[tuple[object, ...]] = []
    for key, size, correct in found.itertuples(name=None):
        values = key if isinstance(key, tuple) else (key,)
        named = AND.join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
        rows.append((named, names, tuple(map(str, values)), int(size), int(correct)))
    return rows


def _judged(
    found: pd.DataFrame, known: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    total, total_right = int(known.sum()), int(right.sum())
    # The whole split is no slice of itself.
    found = found[found["n"] < total].reset_index(drop=True)
    n, correct = found["n"].to_numpy(dtype=int), found["correct"].to_numpy(dtype=int)
    low, high = wilson_95(correct, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        rest = (total_right - correct) / (total - n)
    p = fisher_below(correct, n, total_right, total)
    found = found.assign(accuracy=correct / np.maximum(n, 1), low=low, high=high, rest=rest, p=p)
    # Pairs of columns are many, and would hide what one column shows.
    found["q"] = found.groupby(found["columns"].map(len))["p"].transform(
        lambda of_one: false_rates(of_one.to_numpy())
    )
    found["found"] = (found["q"] <= MAX_FALSE_SHARE) & (found["accuracy"] < found["rest"])
    order = np.lexsort((found["accuracy"].to_numpy(), found["p"].to_numpy()))
    return found.iloc[order].reset_index(drop=True)[list(COLUMNS)]


def fisher_below(correct: Rows, n: Rows, total_correct: int, total: int) -> Floats:
    """Return the one-sided p [slices] of `correct` of `n` right where `total_correct` of `total`
    are: the hypergeometric probability of so few or fewer."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])

    def choose(of: Rows | int, some: Rows) -> Floats:
        return logs[of] - logs[some] - logs[of - some]

    found = np.ones(len(n))
    for place, (right, size) in enumerate(zip(correct, n, strict=True)):
        k = np.arange(max(0, size - (total - total_correct)), right + 1)
        terms = choose(total_correct, k) + choose(total - total_correct, size - k)
        whole = logs[total] - logs[size] - logs[total - size]
        found[place] = min(1.0, float(np.exp(terms - whole).sum()))
    return found


def false_rates(p: Floats) -> Floats:
    """Return for each p [n] the smallest false discovery rate at which it is named (Benjamini and
    Hochberg 1995)."""
    if not len(p):
        return np.ones(0)
    order = np.argsort(p, kind="stable")
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    found = np.empty(len(p))
    found[order] = np.minimum(1.0, np.minimum.accumulate(raised[::-1])[::-1])
    return found


def members(attributes: pd.DataFrame, columns: tuple[str, ...], values: tuple[str, ...]) -> Rows:
    """Return the rows of one slice."""
    inside = np.ones(len(attributes), dtype=bool)
    for name, value in zip(columns, values, strict=True):
        inside &= parts(attributes[name]).to_numpy(dtype=str) == value
    return np.flatnonzero(inside)
