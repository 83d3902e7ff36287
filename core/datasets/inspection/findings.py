"""Combine the detectors: from the features and photos of a version to ranked issues with their
evidence, and the map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.datasets import store
from core.datasets.inspection import duplicates, labels, outliers, projection, quality, vectors
from core.datasets.inspection import progress as phases
from core.datasets.inspection.vectors import Floats, Ints, Neighbours
from core.datasets.store import Version
from core.errors import FieldmarkError, UserError
from core.io import images
from core.training import feature_cache

Report = Callable[[str, int, int], None]
Check = Callable[[], None]

ISSUE_COLUMNS = (
    "kind",
    "rank",
    "path",
    "image_id",
    "label",
    "split",
    "score",
    "evidence",
    "suggestion",
    "other",
    "group",
)
# Figures of a photo's making, kept by content beside the features; a new number where they are
# measured in another way.
QUALITY_CACHE = "quality-1"
NEIGHBOURS = 10
MIN_PHOTOS = 4
BATCH = 64
IN_USE = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Findings:
    """`issues` has ISSUE_COLUMNS; `photos` has one row per photo that was inspected."""

    issues: pd.DataFrame
    photos: pd.DataFrame

    def counts(self, kinds: Iterable[str]) -> dict[str, int]:
        """Return the number of photos per kind; the number of groups for kinds that consist of
        groups."""
        made = {}
        for kind in kinds:
            rows = self.issues[self.issues["kind"] == kind]
            made[kind] = len(rows)
            if kind in ("leak", "duplicate"):
                made[kind] = int(rows["group"].nunique())
        return made


@dataclass(frozen=True, eq=False)
class _Contents:
    """The distinct photos: `first` is the row of `frame` that shows each, `member` [rows] the
    distinct photo of each row."""

    frame: pd.DataFrame
    first: Ints
    member: Ints
    units: Floats
    near: Neighbours


def find(
    version: Version,
    frame: pd.DataFrame,
    caches: Sequence[str],
    *,
    maps: Sequence[str],
    workers: int,
    progress: Report,
    check: Check,
) -> Findings:
    """Inspect the manifest rows `frame`; rows without features in `caches` are skipped."""
    contents = _contents(frame, caches, workers, progress)
    check()
    frame, first = contents.frame, contents.first
    files = _files(version, frame.iloc[first])
    figures, thumbnails = _looked_at(
        frame["image_id"].iloc[first].tolist(), files, workers, progress, check
    )
    pairs = _pairs(contents, thumbnails, workers, progress, check)
    group = duplicates.groups(len(frame), pairs)
    names, label = np.unique(frame["label"].to_numpy(dtype=str), return_inverse=True)
    given = labels.answers(
        contents.units,
        label[first],
        group[first],
        contents.near,
        workers=workers,
        progress=lambda done, total: progress(phases.LABELS, done, total),
    )
    check()
    far, deviation = outliers.unusual(outliers.distances(contents.near))
    photos = _photos(contents, names, given, figures, deviation, group)
    for method in maps:
        progress(f"{phases.MAP} ({projection.TITLES[method]})", 0, 1)
        points = getattr(projection, method)(contents.units)[contents.member]
        photos[f"{method}_x"], photos[f"{method}_y"] = points[:, 0], points[:, 1]
        check()
    parts = [
        _mislabelled(contents, names, label[first], given),
        *_copies(frame, pairs, group),
        _rows(
            frame, first[far], "outlier", deviation[far], [_far(value) for value in deviation[far]]
        ),
        *_badly_made(photos),
    ]
    issues = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return Findings(issues[list(ISSUE_COLUMNS)], photos)


def _contents(
    frame: pd.DataFrame, caches: Sequence[str], workers: int, progress: Report
) -> _Contents:
    many = len(frame) > vectors.EXACT_ROWS
    matrix, found = feature_cache.read(
        caches, frame["image_id"].tolist(), np.float16 if many else np.float32
    )
    frame = frame[found].reset_index(drop=True)
    if frame["image_id"].nunique() < MIN_PHOTOS:
        raise UserError(
            f"Fewer than {MIN_PHOTOS} different photos of this version can still be opened. Bring "
            "the others back."
        )
    member, ids = pd.factorize(frame["image_id"])
    first = np.unique(member, return_index=True)[1].astype(np.int64)
    units = vectors.unit(vectors.reduced(matrix[found][first]))
    near = vectors.neighbours(
        units,
        NEIGHBOURS,
        lambda done, total: progress(phases.NEIGHBOURS, done, total),
        workers=workers,
    )
    assert len(ids) == len(first)
    return _Contents(frame, first, member.astype(np.int64), units, near)


def _files(version: Version, rows: pd.DataFrame) -> list[Path | None]:
    dataset = store.dataset(version.dataset_id)
    found: list[Path | None] = []
    for path in rows["path"]:
        try:
            found.append(store.image_path(dataset, path))
        except FieldmarkError:
            found.append(None)
    return found


def _looked_at(
    image_ids: list[str], files: list[Path | None], workers: int, progress: Report, check: Check
) -> tuple[Floats, list[Path | None]]:
    """Return the quality figures of each photo (NaN if it can't be opened), cached by content, and
    its thumbnail."""
    figures, known = feature_cache.read([QUALITY_CACHE], image_ids)
    if not figures.shape[1]:
        figures = np.zeros((len(files), len(quality.FIGURES)), np.float32)
    figures[~known] = np.nan

    def look(place: int) -> Path | None:
        path = files[place]
        if path is None:
            return None
        try:
            if not known[place]:
                figures[place] = quality.figures(path)
            return images.thumbnail(image_ids[place], path)
        except FieldmarkError:
            return None

    thumbnails: list[Path | None] = []
    # More threads than cores, because a thread mostly waits until the disk has a thumbnail.
    with ThreadPoolExecutor(max(images.THREADS, workers)) as pool:
        for start in range(0, len(files), BATCH):
            check()
            thumbnails += pool.map(look, range(start, min(start + BATCH, len(files))))
            progress(phases.QUALITY, len(thumbnails), len(files))
    new = np.flatnonzero(~known & np.isfinite(figures[:, 0]))
    if len(new):
        feature_cache.keep(QUALITY_CACHE, [image_ids[place] for place in new], figures[new])
    return figures, thumbnails


def _pairs(
    contents: _Contents, thumbnails: list[Path | None], workers: int, progress: Report, check: Check
) -> pd.DataFrame:
    """Return pairs of rows of the frame that show the same photo."""
    exact = duplicates.exact_pairs(contents.frame["image_id"].tolist())
    near = duplicates.near_pairs(
        contents.near,
        thumbnails,
        workers,
        lambda done, total: progress(phases.PAIRS, done, total),
        check,
    )
    near = near.assign(first=contents.first[near["first"]], second=contents.first[near["second"]])
    return pd.concat([exact, near], ignore_index=True)


def _photos(
    contents: _Contents,
    names: Any,
    given: labels.Answers,
    figures: Floats,
    deviation: Floats,
    group: Ints,
) -> pd.DataFrame:
    frame, member = contents.frame, contents.member
    own = np.searchsorted(names, frame["label"].to_numpy(dtype=str))
    judged = given.judged()[member]
    best = np.nan_to_num(given.probabilities, nan=-1).argmax(axis=1)[member]
    table = frame[["path", "image_id", "label", "split", "width", "height"]].copy()
    table["predicted"] = np.where(judged, names[best], "")
    table["confidence"] = given.probabilities[member, best]
    table["own"] = given.probabilities[member, own]
    table["group"] = group
    table["deviation"] = deviation[member]
    for place, name in enumerate(quality.FIGURES):
        table[name] = figures[member, place]
    return table


def _rows(
    frame: pd.DataFrame, rows: Ints, kind: str, score: Any, evidence: Any, **more: Any
) -> pd.DataFrame:
    """Return issues of one kind in their order; `rows` are positions in `frame`."""
    made = frame.iloc[rows][["path", "image_id", "label", "split"]].reset_index(drop=True)
    extra: Mapping[str, Any] = {"suggestion": "", "other": "", "group": -1} | more
    return made.assign(
        kind=kind,
        rank=np.arange(len(made)),
        score=np.asarray(score, float),
        evidence=list(evidence),
        **extra,
    )


def _mislabelled(
    contents: _Contents, names: Any, label: Ints, given: labels.Answers
) -> pd.DataFrame:
    found = labels.mislabelled(label, given)
    own, other, best = (values[found] for values in labels.best_other(label, given))
    suggestion = names[best]
    evidence = [
        f"looks like {name} ({theirs:.0%}), not {mine} ({ours:.0%})"
        for name, theirs, mine, ours in zip(
            suggestion, other, names[label[found]], own, strict=True
        )
    ]
    return _rows(
        contents.frame, contents.first[found], "label", other - own, evidence, suggestion=suggestion
    )


def _copies(frame: pd.DataFrame, pairs: pd.DataFrame, group: Ints) -> list[pd.DataFrame]:
    """Return the groups whose photos are in more than one split in use, then the others; members of
    a group follow each other."""
    sizes = np.bincount(group, minlength=len(frame))
    rows = np.flatnonzero(sizes[group] > 1)
    if not len(rows):
        return []
    table = frame.iloc[rows][["path", "label", "split"]].assign(row=rows, group=group[rows])
    table = table.merge(_partners(frame, pairs), left_on="row", right_index=True)
    used = table[table["split"].isin(IN_USE)].groupby("group")["split"].nunique()
    kinds = table.groupby("group")["label"].nunique()
    table["leak"] = table["group"].map(used).fillna(0) > 1
    table["labels"] = table["group"].map(kinds)
    table["best"] = table.groupby("group")["score"].transform("max")
    # First the groups with two labels, for one of those is wrong; then the surest.
    table = table.sort_values(
        ["labels", "best", "group", "row"], ascending=[False, False, True, True]
    )
    parts = []
    for kind, chosen in (("leak", table[table["leak"]]), ("duplicate", table[~table["leak"]])):
        words = [
            f"{evidence}; {count} labels in this group" if count > 1 else evidence
            for evidence, count in zip(chosen["evidence"], chosen["labels"], strict=True)
        ]
        parts.append(
            _rows(
                frame,
                chosen["row"].to_numpy(),
                kind,
                chosen["score"],
                words,
                other=list(chosen["other"]),
                group=list(chosen["group"]),
            )
        )
    return parts


def _partners(frame: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each row in a pair, the most similar other photo, the similarity and the
    evidence."""
    swapped = pairs.rename(columns={"first": "second", "second": "first"})
    both = (
        pd.concat([pairs, swapped])
        .sort_values("score", ascending=False, kind="stable")
        .drop_duplicates("first")
        .set_index("first")
    )
    exact = both["how"] == duplicates.EXACT
    words = both["evidence"].where(
        exact | (both["how"] == duplicates.SCENE), "a copy: " + both["evidence"]
    )
    return pd.DataFrame(
        {
            "score": both["score"],
            "evidence": words,
            "other": frame["path"].to_numpy()[both["second"]],
        },
        index=both.index,
    )


def _badly_made(photos: pd.DataFrame) -> list[pd.DataFrame]:
    found = quality.issues(photos.reset_index(drop=True)).sort_values(
        ["kind", "score"], ascending=[True, False]
    )
    return [
        _rows(photos, rows["position"].to_numpy(), str(kind), rows["score"], rows["evidence"])
        for kind, rows in found.groupby("kind")
    ]


def _far(deviation: float) -> str:
    return f"{deviation:.1f} deviations further from its nearest photos than usual"
