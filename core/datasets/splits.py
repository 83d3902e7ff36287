"""Splits: made once, stratified, seeded.

They depend on image ids and the seed only, not on row order or machine.

Each image gets a pseudo-random rank from its id and the seed, so equal bytes always land in the
same split, and adding a photo moves few others. Within a class the first ranks are test, the next
validation, the rest train.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core import settings
from core.errors import UserError

PARTS = ("test", "validation", "train")
MAX_LISTED = 12


KINDS = ("official", "stratified", "grouped", "by group", "by time", "k-fold")


def apply(
    frame: pd.DataFrame,
    how: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    times: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return `frame` split as `how` describes, as stored in version.json: {"kind": "official",
    "validation_share", "seed"}, {"kind": "stratified", "grouped" or "by group", "ratios", "seed"},
    {"kind": "by time", "ratios"}, {"kind": "k-fold", "folds", "fold", "seed"}, with an optional
    "skip_small". "grouped" and "by group" need `units` (see `grouped`), "k-fold" may have them, and
    "by time" needs `times` (see `by_time`). Raises UserError as those functions do."""
    kind = how.get("kind")
    seed = int(how.get("seed", settings.DEFAULT_SEED))
    skip_small = bool(how.get("skip_small", False))
    if kind == "official":
        return official(frame, float(how["validation_share"]), seed, skip_small=skip_small)
    if kind == "stratified":
        return stratified(frame, how["ratios"], seed, skip_small=skip_small)
    if kind == "by group" and units is None:
        raise UserError("These photos came with no groups. Choose another split.", field="split")
    if kind in ("grouped", "by group"):
        if units is None:
            raise UserError("Copies are not known yet. Inspect this dataset first.", field="split")
        return grouped(frame, how["ratios"], seed, units, skip_small=skip_small)
    if kind == "k-fold":
        folds, fold = int(how["folds"]), int(how["fold"])
        return k_fold(frame, folds, fold, seed, units, skip_small=skip_small)
    if kind == "by time":
        return by_time(frame, how["ratios"], times or {}, skip_small=skip_small)
    raise UserError(
        f"There is no split of the kind {kind!r}. Use {', '.join(KINDS)}.", field="split"
    )


def stratified(
    frame: pd.DataFrame, ratios: Mapping[str, float], seed: int, *, skip_small: bool = False
) -> pd.DataFrame:
    """Return `frame` with every usable photo in train, validation or test in these ratios (sum 1),
    stratified by class.

    Each class gets at least one photo in every split whose ratio is above 0. Rows with a problem
    stay 'unused'. Raises UserError, with the class name, when a class has too few photos; with
    `skip_small` such classes become 'unused'.
    """
    ratios = _checked(ratios)
    result, sizes = _split_rows(frame, _usable(frame), ratios, seed)
    return _finished(
        result, sizes, needed=[part for part in PARTS if ratios[part] > 0], skip_small=skip_small
    )


def shared_out(frame: pd.DataFrame, ratios: Mapping[str, float], seed: int) -> pd.DataFrame:
    """Return as `stratified`, but without a minimum: a class too small for every split goes where
    the ratios put its few photos."""
    return _split_rows(frame, _usable(frame), _checked(ratios), seed)[0]


def grouped(
    frame: pd.DataFrame,
    ratios: Mapping[str, float],
    seed: int,
    units: Mapping[str, str],
    *,
    skip_small: bool = False,
) -> pd.DataFrame:
    """Return as `stratified`, but photos of one group are never in two splits. `units` maps an
    image_id to the one that represents its group (by default itself). Ratios and class sizes then
    count groups."""
    ratios = _checked(ratios)
    usable = _usable(frame)
    unit = frame["image_id"].map(units).fillna(frame["image_id"])
    result, sizes = _split_rows(frame.assign(image_id=unit), usable, ratios, seed)
    needed = [part for part in PARTS if ratios[part] > 0]
    return _finished(
        frame.assign(split=result["split"]), sizes, needed=needed, skip_small=skip_small
    )


def by_time(
    frame: pd.DataFrame,
    ratios: Mapping[str, float],
    times: Mapping[str, float],
    *,
    skip_small: bool = False,
) -> pd.DataFrame:
    """Return `frame` with the newest photos as test, those before as validation and the oldest as
    train, in these ratios over all classes; photos of one moment stay together. `times` are seconds
    by image_id; photos without one are trained on.

    Raises UserError if no photo has a time, and, with the class name, for a class that is not in
    every split.
    """
    ratios, usable = _checked(ratios), _usable(frame)
    when = frame["image_id"].map(times).where(usable)
    if not when.notna().any():
        raise UserError("These photos have no times. Choose another split.", field="split")
    cuts = when.quantile([1 - ratios["test"], 1 - ratios["test"] - ratios["validation"]])
    late, middle = when > cuts.iloc[0], when > cuts.iloc[1]
    split = pd.Series(np.select([late, middle], ["test", "validation"], "train"), frame.index)
    split = split.astype("str").where(usable, "unused")
    sizes = frame[usable].groupby("label")["image_id"].nunique()
    needed = [part for part in PARTS if ratios[part] > 0]
    return _finished(frame.assign(split=split), sizes, needed=needed, skip_small=skip_small)


def k_fold(
    frame: pd.DataFrame,
    folds: int,
    fold: int,
    seed: int,
    units: Mapping[str, str] | None = None,
    *,
    skip_small: bool = False,
) -> pd.DataFrame:
    """Return `frame` with fold `fold` (from 1) of `folds` as validation and the other folds as
    train. The test split is unchanged. Each photo is in validation in exactly one fold; with
    `units`, as in `grouped`, photos of one group are in the same.

    Raises UserError for fewer than 2 folds, and, with the class name, for a class too small to be
    in both splits."""
    if folds < 2 or not 1 <= fold <= folds:
        raise UserError(
            f"Fold {fold} of {folds} does not exist. Use at least 2 folds and one of them.",
            field="folds",
        )
    chosen = frame["split"].isin(["train", "validation"]) & _usable(frame)
    unit = frame["image_id"].map(units or {}).fillna(frame["image_id"])
    owner, position, rows, labels = _ranked(frame.assign(image_id=unit), chosen, seed)
    split = frame["split"].copy()
    split[chosen] = np.where(position[rows] % folds == fold - 1, "validation", "train")
    size = pd.Series(np.bincount(owner, minlength=len(labels)), index=labels)
    small = size[size < folds]
    if len(small) and not skip_small:
        listing = ", ".join(
            f'"{label}" ({count})' for label, count in small.head(MAX_LISTED).items()
        )
        raise UserError(
            f"Too few images for {folds} folds: {listing}. Each class needs one for each fold. "
            "Use fewer folds.",
            field="folds",
        )
    needed = ["train", "validation"]
    return _finished(frame.assign(split=split), size, needed=needed, skip_small=skip_small)


def official(
    frame: pd.DataFrame, validation_share: float, seed: int, *, skip_small: bool = False
) -> pd.DataFrame:
    """Return `frame` with its official split.

    Validation or test, if the official split has none, gets `validation_share` of its train split,
    stratified and seeded; photos that it does not assign become 'unused'. A class without a photo
    in an official split is kept: it is trained on, and has no score of its own there.

    Raises UserError if there is no official train part, or as `stratified` does.
    """
    given = frame["official"].where(_usable(frame), "")
    present = set(given.unique())
    if "train" not in present:
        raise UserError(
            "This dataset has no official split. Choose a split by ratios.", field="split"
        )
    shares = dict.fromkeys({"test", "validation"} - present, validation_share)
    ratios = _checked(shares | {"train": 1 - sum(shares.values())})
    carved, sizes = _split_rows(frame, given == "train", ratios, seed)
    result = carved.assign(split=carved["split"].mask(given.isin(["test", "validation"]), given))
    needed = [part for part in PARTS if part == "train" or ratios[part] > 0]
    return _finished(result, sizes, needed=needed, skip_small=skip_small)


def select_classes(frame: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Return the rows of these classes and the unlabelled rows.

    Raises UserError for an unknown class, and for fewer than two classes.
    """
    unknown = sorted(set(labels) - set(frame["label"].unique()))
    if unknown:
        raise UserError(
            f"This dataset has no class {listed(unknown)}. Choose among its classes.",
            field="classes",
        )
    require_classes(sorted(set(labels)))
    return frame[frame["label"].isin([*labels, ""])].reset_index(drop=True)


def listed(names: Sequence[str]) -> str:
    """Return names for a message, quoted, at most MAX_LISTED of them."""
    text = ", ".join(f'"{name}"' for name in names[:MAX_LISTED])
    if len(names) > MAX_LISTED:
        text += f" and {len(names) - MAX_LISTED} more"
    return text


def ranks(image_ids: Iterable[str], seed: int) -> np.ndarray:
    """Return a pseudo-random 64-bit number per image id (64 hex digits): SplitMix64's finaliser
    (Steele, Lea and Flood, 2014) over id and seed."""
    head = np.frombuffer(
        bytes.fromhex("".join(image_id[:16] for image_id in image_ids)), dtype=">u8"
    ).astype(np.uint64)
    return _mix(head ^ _mix(np.array([seed % 2**64], dtype=np.uint64)))


def _mix(x: np.ndarray) -> np.ndarray:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _checked(ratios: Mapping[str, float]) -> dict[str, float]:
    unknown = sorted(set(ratios) - set(PARTS))
    if unknown:
        raise UserError(
            f"There is no split called {listed(unknown)}. Use train, validation and test.",
            field="ratios",
        )
    full = {part: float(ratios.get(part, 0.0)) for part in PARTS}
    if not all(0 <= share <= 1 for share in full.values()) or not math.isclose(
        sum(full.values()), 1, abs_tol=1e-6
    ):
        raise UserError(
            f"Train, validation and test have to add up to 100 %, not to {sum(full.values()):.0%}.",
            field="ratios",
        )
    if full["train"] <= 0:
        raise UserError(
            "Train has to get some of the images. Give it a share above 0.", field="ratios"
        )
    return full


def _usable(frame: pd.DataFrame) -> pd.Series:
    usable = (frame["problem"] == "") & (frame["label"] != "")
    if not usable.any():
        raise UserError(
            "This dataset has no usable photos with a label. Import photos or label some, then "
            "split them."
        )
    return usable


def _split_rows(
    frame: pd.DataFrame, chosen: pd.Series, ratios: Mapping[str, float], seed: int
) -> tuple[pd.DataFrame, pd.Series]:
    """Return `frame` with the chosen rows split and the others 'unused', and the number of distinct
    chosen photos per class."""
    owner, position, image, labels = _ranked(frame, chosen, seed)
    size = np.bincount(owner, minlength=len(labels))
    test, validation = _cuts(size[owner], ratios)
    parts = np.select(
        [position < test, position < test + validation], ["test", "validation"], "train"
    )
    split = pd.Series("unused", index=frame.index, dtype="str")
    split[chosen] = parts[image]
    return frame.assign(split=split), pd.Series(size, index=labels)


def _ranked(
    frame: pd.DataFrame, chosen: pd.Series, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.Index]:
    """Return the class of each distinct chosen photo and its rank within the class, in a seeded
    order; the number of the photo of each chosen row; and the names of the classes."""
    rows = frame.loc[chosen, ["image_id", "label"]]
    image, ids = pd.factorize(rows["image_id"])
    label, labels = pd.factorize(rows["label"], sort=True)
    # A photo in two classes counts in the first of them, so that both copies share a split.
    owner = np.full(len(ids), len(labels), dtype=np.int64)
    np.minimum.at(owner, image, label)
    order = np.lexsort((ranks(ids, seed), owner))
    size = np.bincount(owner, minlength=len(labels))
    position = np.empty(len(ids), dtype=np.int64)
    position[order] = np.arange(len(ids)) - (np.cumsum(size) - size)[owner[order]]
    return owner, position, image, labels


def _cuts(size: np.ndarray, ratios: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return how many of `size` photos go to test and to validation: rounded, at least one each if
    its ratio is above 0, and at least one left for train."""
    test = np.maximum(np.rint(size * ratios["test"]), ratios["test"] > 0).astype(np.int64)
    validation = np.maximum(np.rint(size * ratios["validation"]), ratios["validation"] > 0).astype(
        np.int64
    )
    # Rounding both up can use up a small class: the larger of the two gives back first.
    for _ in range(2):
        over = np.maximum(test + validation + 1 - size, 0)
        from_test = np.where(test >= validation, np.minimum(over, np.maximum(test - 1, 0)), 0)
        test = test - from_test
        validation = validation - np.minimum(over - from_test, np.maximum(validation - 1, 0))
    return test, validation


def _finished(
    frame: pd.DataFrame, sizes: pd.Series, *, needed: Sequence[str], skip_small: bool
) -> pd.DataFrame:
    """Return `frame` if every class has a photo in each needed split. Other classes raise
    UserError, or become 'unused' with `skip_small`."""
    present = (
        frame[frame["split"] != "unused"].groupby(["label", "split"]).size().unstack(fill_value=0)
    )
    present = present.reindex(
        index=sorted(set(frame["label"]) - {""}), columns=list(PARTS), fill_value=0
    )
    small = present.index[(present[list(needed)] < 1).any(axis=1)].tolist()
    if small and not skip_small:
        raise UserError(_too_small(small, sizes, needed), field="classes")
    require_classes([label for label in present.index if label not in set(small)])
    if not small:
        return frame
    return frame.assign(split=frame["split"].mask(frame["label"].isin(small), "unused"))


def _too_small(small: Sequence[str], sizes: pd.Series, needed: Sequence[str]) -> str:
    having = ", ".join(f'"{label}" ({int(sizes.get(label, 0))})' for label in small[:MAX_LISTED])
    if len(small) > MAX_LISTED:
        having += f" and {len(small) - MAX_LISTED} more"
    return (
        f"Too few images for this split: {having}. Each class needs at least "
        f"{len(needed)} different images, one each "
        f"for {', '.join(reversed(needed))}. Add images, leave these classes out, or choose "
        "another split."
    )


def require_classes(labels: Sequence[str]) -> None:
    """Raise UserError when there are too few classes to train a classifier."""
    if len(labels) < settings.MIN_CLASSES:
        there = "none"
        if labels:
            there = f"only {listed(labels)}"
        raise UserError(
            f"A classifier needs at least {settings.MIN_CLASSES} classes with enough images, and "
            f"there is {there}. Choose or add classes.",
            field="classes",
        )
