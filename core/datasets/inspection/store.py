"""The inspection of a dataset version: lists of photos that may need edits, and the map.

<HOME>/datasets/<dataset_id>/inspections/<version_id>/<number>/
    inspection.json, issues.parquet, photos.parquet

The folder is written under a hidden name and renamed; the newest number counts. Photos of all
splits are inspected, without those that can't be used or were left out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from core import settings
from core.datasets import store
from core.datasets.editing import history
from core.datasets.inspection import findings
from core.datasets.staging import hidden
from core.datasets.store import Version
from core.errors import NotFound
from core.io import files

GROUPED = ("leak", "duplicate")
FACTS, ISSUES, PHOTOS = "inspection.json", "issues.parquet", "photos.parquet"


@dataclass(frozen=True)
class Kind:
    """A list of photos: its title, what it holds, and what to do about it."""

    title: str
    advice: str


KINDS: Mapping[str, Kind] = {
    "label": Kind(
        "Likely mislabelled",
        "Models trained without this photo disagree with its label, and so do its nearest "
        "neighbours.",
    ),
    "leak": Kind(
        "Leaks",
        "The same photo is in two splits, so the test repeats what was learned. Move both to one "
        "split, or leave one out.",
    ),
    "duplicate": Kind(
        "Copies",
        "The same photo more than once in one split. Leave the copies out, above all when their "
        "labels differ.",
    ),
    "outlier": Kind(
        "Outliers",
        "Unlike every other photo: perhaps a wrong subject, perhaps only a rare view.",
    ),
    "blurred": Kind("Blurred", "Even the sharpest part of the photo is blurred."),
    "dark": Kind("Dark", "Too dark to recognise much."),
    "overexposed": Kind("Overexposed", "Even the darkest parts are bright."),
    "odd size": Kind(
        "Odd size",
        "Very elongated, or far smaller than the others: the network sees little of it.",
    ),
}


@dataclass(frozen=True)
class Inspection:
    """One inspection of a version.

    `counts` are photos per kind of KINDS (groups for copies and leaks); `maps` the projections
    made; `caches` the folders of the cache with the features that it compared.
    """

    version: Version
    folder: Path
    created: str
    photos: int
    seconds: float
    counts: Mapping[str, int]
    maps: tuple[str, ...]
    skipped: int = 0
    caches: tuple[str, ...] = ()

    def issues(self, kind: str | None = None) -> pd.DataFrame:
        """Rows: kind, rank, path, image_id, label, split, score, evidence, suggestion, other,
        group; by rank within a kind."""
        return _read(self.folder / ISSUES, [("kind", "==", kind)] if kind else None)

    def points(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows: path, image_id, label, split, predicted, confidence, own, group, the quality
        figures, and x and y of each map."""
        return _read(self.folder / PHOTOS, None, columns)


def usable(version: Version) -> pd.DataFrame:
    """Return the manifest rows to inspect: those that can be used and have a label."""
    filters = [("problem", "==", ""), ("label", "!=", "")]
    return store.manifest_of(version, filters=filters).reset_index(drop=True)


def make(
    version: Version,
    caches: Sequence[str],
    *,
    maps: Sequence[str],
    workers: int,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Inspection:
    """Looks through the version by the features in the folders `caches` of the cache.

    `check` may raise to end it early.

    Raises UserError if there are too few photos left to compare.
    """
    started = time.monotonic()
    frame = usable(version)
    found = findings.find(
        version, frame, caches, maps=maps, workers=workers, progress=progress, check=check
    )
    check()
    dataset = settings.datasets_dir() / version.dataset_id
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "photos": len(found.photos),
        "seconds": round(time.monotonic() - started, 2),
        "counts": found.counts(KINDS),
        "maps": list(maps),
        "skipped": len(frame) - len(found.photos),
        "caches": list(caches),
    }
    with files.there(dataset, "dataset"):
        return _kept(version, found, facts)


def _kept(version: Version, found: findings.Findings, facts: Mapping[str, Any]) -> Inspection:
    dataset = settings.datasets_dir() / version.dataset_id
    parent = files.folder_below(dataset, Path("inspections") / version.id)
    with hidden(parent, secrets.token_hex(6)) as made:
        for name, table in ((ISSUES, found.issues), (PHOTOS, found.photos)):
            with files.atomic(made / name) as file:
                table.to_parquet(file, index=False, compression="zstd")
        files.write_json(made / FACTS, facts)
        number = max(_numbers(parent), default=0) + 1
        files.move(made, parent / str(number))
    for older in _numbers(parent):
        if older < number - 1:
            files.remove(parent / str(older))
    return of(version) or _missing(version)


def of(version: Version) -> Inspection | None:
    """Return the newest readable inspection of this version, or None."""
    parent = _folder(version)
    for number in sorted(_numbers(parent), reverse=True):
        try:
            facts: Mapping[str, Any] = files.read_json(parent / str(number) / FACTS)
            texts = {name: tuple(facts.get(name, ())) for name in ("maps", "caches")}
            return Inspection(version, parent / str(number), **{**facts, **texts})
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return None


def nearest(version: Version) -> Inspection | None:
    """Return the inspection of this version or of its nearest ancestor that has one, or None."""
    return next((found for item in history.lineage(version) if (found := of(item))), None)


def still_open(issues: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return those issues whose photo has the same label and split in the manifest `frame`, and can
    be used. A group of copies remains only while it has two of them."""
    now = frame.loc[frame["problem"] == "", ["path", "label", "split"]]
    left = issues.merge(now, on=["path", "label", "split"])
    alone = left["kind"].isin(GROUPED) & (
        left.groupby(["kind", "group"])["path"].transform("size") < 2
    )
    return left[~alone].sort_values(["kind", "rank"]).reset_index(drop=True)


def units(version: Version) -> dict[str, str] | None:
    """For each image_id the one that stands for its group of copies and near-copies, by the nearest
    inspection; None without one."""
    found = nearest(version)
    if found is None:
        return None
    table = found.points(["image_id", "group"])
    return dict(
        zip(table["image_id"], table.groupby("group")["image_id"].transform("min"), strict=True)
    )


def _folder(version: Version) -> Path:
    return settings.datasets_dir() / version.dataset_id / "inspections" / version.id


def _numbers(parent: Path) -> list[int]:
    if not parent.is_dir():
        return []
    return [int(item.name) for item in parent.iterdir() if item.name.isdigit()]


def _read(path: Path, filters: Any = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, filters=filters, columns=list(columns) if columns else None)
    except (OSError, ValueError) as error:
        raise NotFound(
            f"What the inspection found can't be read any more ({error}). Inspect the version "
            "again."
        ) from error


def _missing(version: Version) -> Inspection:
    raise NotFound(
        f"The inspection of {version.id} was removed while it was made. Inspect the version again."
    )
