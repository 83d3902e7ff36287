"""What belongs together: photos of one site, animal, lot or day, by a column of the metadata, or of
one burst. A split that separates them measures how well a model knows them, not how well it
generalises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.datasets import metadata, store
from core.datasets.store import Version
from core.errors import UserError

BURST, DAY = "burst", "day"
TIME, CAMERA = "captured_at", "camera"
BURST_SECONDS = 30
OF_TIME = {BURST: f"burst (within {BURST_SECONDS} s)", DAY: "day"}
# Of all photos, those that have to have a value.
MIN_SHARE = 0.5
Units = Mapping[str, str]


@dataclass(frozen=True)
class Spread:
    """How a split spreads groups: `table` has a row per split (index) with its photos and groups;
    `shared` of `groups` groups are in several splits; `alone` are the classes that lie in one
    group, so that no split can hold them apart."""

    table: pd.DataFrame
    groups: int
    shared: int
    alone: tuple[str, ...]


def options(version: Version) -> dict[str, str]:
    """Return what photos can be kept together by, with words for it: columns with at least two
    groups and fewer groups than photos, and bursts and days if the photos have times. A column that
    only a few photos have a value in says nothing about the others."""
    found = {}
    kinds = metadata.columns_of(version.folder)
    table = store.metadata_of(version)
    if table is None:
        return {}
    kinds = {
        name: kind
        for name, kind in kinds.items()
        if table[name].notna().sum() >= MIN_SHARE * version.images
    }
    if metadata.GROUP in kinds:
        found[metadata.GROUP] = "group"
    if kinds.get(TIME) == "time":
        found |= {by: words for by, words in OF_TIME.items() if _joins(_keys(table, by))}
    for name, kind in kinds.items():
        values = table[name].dropna()
        if kind in ("text", "flag", "number") and name not in found and _joins(values):
            if kind == "number" and not (values % 1 == 0).all():
                continue
            found[name] = name
    return {name: words for name, words in found.items() if name not in metadata.PLACES}


def _joins(keys: pd.Series) -> bool:
    """Return whether there are several groups, and one with several photos."""
    return 2 <= keys.nunique() < keys.notna().sum()


def units(version: Version, by: str) -> Units:
    """Return, for each image_id, the one that represents its group; photos without a value are
    groups of their own. Raises UserError if the version has no such column."""
    if by not in options(version):
        raise UserError(f"Photos of {version.id} cannot be grouped by {by!r}.", field="split")
    table = store.metadata_of(version)
    assert table is not None
    keys = _keys(table, by)
    table = table[keys.notna()]
    first = table.groupby(keys[keys.notna()])["image_id"].transform("min")
    return dict(zip(table["image_id"], first, strict=True))


def _keys(table: pd.DataFrame, by: str) -> pd.Series:
    if by == BURST:
        return bursts(table)
    if by == DAY:
        return pd.to_datetime(table[TIME]).dt.strftime("%Y-%m-%d")
    return table[by]


def bursts(table: pd.DataFrame, seconds: float = BURST_SECONDS) -> pd.Series:
    """Return a number per photo, the same for those of one camera that follow each other within
    `seconds`; missing without a time."""
    times = pd.to_datetime(table[TIME])
    camera = pd.Series("", index=table.index)
    if CAMERA in table:
        camera = table[CAMERA].fillna("").astype(str)
    ordered = pd.DataFrame({"camera": camera, "time": times}).dropna(subset=["time"])
    ordered = ordered.sort_values(["camera", "time"], kind="stable")
    gap = ordered["time"].diff().dt.total_seconds()
    begins = (gap.isna() | (gap > seconds)) | (ordered["camera"] != ordered["camera"].shift())
    return begins.cumsum().reindex(table.index)


def times(version: Version) -> dict[str, float]:
    """Return, for each image_id, when it was taken, in seconds; without those that have no time.
    Raises UserError if none has one."""
    table = store.metadata_of(version)
    found: dict[str, float] = {}
    if table is not None and TIME in table:
        known = table.dropna(subset=[TIME])
        stamps = pd.to_datetime(known[TIME]).astype("datetime64[s]").astype(np.int64)
        found = dict(zip(known["image_id"], stamps.astype(float), strict=True))
    if not found:
        raise UserError("These photos have no times. Choose another split.", field="split")
    return found


def spread(frame: pd.DataFrame, of: Units) -> Spread:
    """Return how the split of `frame` (a manifest) spreads these groups."""
    used = frame[frame["split"].isin(["train", "validation", "test"]) & (frame["label"] != "")]
    unit = used["image_id"].map(of).fillna(used["image_id"])
    by_split = unit.groupby(used["split"])
    table = pd.DataFrame({"photos": by_split.size(), "groups": by_split.nunique()})
    order = [name for name in ("train", "validation", "test") if name in table.index]
    splits_of = used["split"].groupby(unit).nunique()
    groups_of = unit.groupby(used["label"]).nunique()
    photos_of = used.groupby("label").size()
    alone = groups_of.index[(groups_of == 1) & (photos_of > 1)]
    return Spread(
        table.loc[order],
        int(unit.nunique()),
        int((splits_of > 1).sum()),
        tuple(sorted(map(str, alone))),
    )
