"""Changes between two versions of a dataset: which photos, what, why and when; and reverting
them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.datasets import splits, store
from core.datasets.editing import edits
from core.datasets.store import Version
from core.errors import UserError

COLUMNS = ("path", "image_id", "what", "before", "after", "why", "when", "version")
LABEL, SPLIT, OUT, BACK, ADDED, REMOVED = (
    "label",
    "split",
    "left out",
    "brought back",
    "added",
    "removed",
)
WORDS = {
    LABEL: "relabelled", SPLIT: "moved", OUT: "left out", BACK: "brought back", ADDED: "added",
         REMOVED: "no longer listed"
}  # fmt: skip
_READ = ["path", "image_id", "label", "split", "problem"]


@dataclass(frozen=True, eq=False)
class Diff:
    """`changes` has COLUMNS, one row per photo and thing that changed from `before` to `after`, by
    path."""

    before: Version
    after: Version
    changes: pd.DataFrame

    def summary(self) -> str:
        """Return `12 relabelled, 3 left out`, or `nothing changed`."""
        counts = self.changes["what"].value_counts()
        return (
            ", ".join(f"{counts[what]:,} {word}" for what, word in WORDS.items() if what in counts)
            or "nothing changed"
        )


def diff(before: Version, after: Version) -> Diff:
    """Return the changes from `before` to `after`.

    `why` and `when` come from the last version between them that changed a photo; they are empty if
    `before` is not an ancestor of `after`. Raises UserError for versions of two datasets.
    """
    if before.dataset_id != after.dataset_id:
        raise UserError(
            "These versions belong to two datasets. Choose two versions of one dataset."
        )
    found = changed(_rows(before), _rows(after))
    reasons = pd.DataFrame(columns=["path", "what", "why", "when", "version"], dtype="str")
    for older, newer in _chain(before, after):
        step = found
        if (older, newer) != (before, after):
            step = changed(_rows(older), _rows(newer))
        reasons = pd.concat([reasons, _reasons(newer, step)]).drop_duplicates(
            ["path", "what"], keep="last"
        )
    found = found.merge(reasons, how="left", on=["path", "what"])
    found[["why", "when", "version"]] = found[["why", "when", "version"]].fillna("")
    return Diff(before, after, found[list(COLUMNS)])


def changed(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return rows (path, image_id, what, before, after) for every difference between two manifests,
    by path."""
    if len(before) == len(after) and before["path"].equals(after["path"]):
        same = (before[_READ].to_numpy() == after[_READ].to_numpy()).all(axis=1)
        before, after = before[~same], after[~same]
    both = before.merge(
        after, how="outer", on="path", suffixes=("_before", "_after"), indicator=True
    )
    both["image_id"] = both["image_id_after"].fillna(both["image_id_before"])
    there = both["_merge"] == "both"
    was_out, is_out = (
        edits.is_left_out(both[f"problem_{side}"].fillna("")) for side in ("before", "after")
    )
    parts = [
        _part(both, both["_merge"] == "left_only", REMOVED, "label_before", ""),
        _part(both, both["_merge"] == "right_only", ADDED, "", "label_after"),
        _part(
            both,
            there & (both["label_before"] != both["label_after"]),
            LABEL,
            "label_before",
            "label_after",
        ),
        _part(both, there & ~was_out & is_out, OUT, "split_before", "split_after"),
        _part(both, there & was_out & ~is_out, BACK, "split_before", "split_after"),
        _part(
            both,
            there & (was_out == is_out) & (both["split_before"] != both["split_after"]),
            SPLIT,
            "split_before",
            "split_after",
        ),
    ]
    return pd.concat(parts).sort_values(["path", "what"]).reset_index(drop=True)


def story(dataset_id: str, path: str) -> pd.DataFrame:
    """Return the history of one photo, oldest first: version, parent, when, what, before, after,
    why.

    Versions that do not change the photo are left out."""
    rows: dict[str, pd.DataFrame] = {}
    parts = []
    for version in reversed(
        [item for item in store.versions(dataset_id) if isinstance(item, Version)]
    ):
        rows[version.id] = store.manifest_of(version, columns=_READ, filters=[("path", "==", path)])
        before = rows.get(version.parent, rows[version.id].iloc[:0])
        step = changed(before, rows[version.id])
        if len(step):
            said = step.merge(_reasons(version, step), on=["path", "what"])
            parts.append(said.assign(parent=version.parent))
    columns = ["version", "parent", "when", "what", "before", "after", "why"]
    if not parts:
        return pd.DataFrame(columns=columns, dtype="str")
    return pd.concat(parts, ignore_index=True)[columns]


def revert(what: Version, on: Version, note: str = "") -> Version:
    """Create a new version after `on` without the changes of the version `what`.

    A photo that was changed again since keeps its newer state. Raises UserError when no change is
    left to revert, and for the first version.
    """
    if not what.parent:
        raise UserError(f"{what.id} is the first version, so it can't be reverted.")
    older, newer, frame = (
        store.manifest_of(version)
        for version in (store.version(what.dataset_id, what.parent), what, on)
    )
    rows = older.merge(
        newer, how="outer", on="path", suffixes=("_before", "_after"), indicator=True
    )
    now = frame.set_index("path", drop=False)
    for column in ("label", "split", "problem"):
        here = rows[
            (rows["_merge"] == "both") & (rows[f"{column}_before"] != rows[f"{column}_after"])
        ].set_index("path")
        here = here[here.index.isin(now.index)]
        still = here[(now.loc[here.index, column] == here[f"{column}_after"]).to_numpy()]
        now.loc[still.index, column] = still[f"{column}_before"]
    now = now[~now["path"].isin(rows.loc[rows["_merge"] == "right_only", "path"])]
    gone = older[
        older["path"].isin(rows.loc[rows["_merge"] == "left_only", "path"])
        & ~older["path"].isin(frame["path"])
    ]
    made = pd.concat([now.reset_index(drop=True), gone], ignore_index=True)
    made.loc[made["problem"] != "", "split"] = "unused"
    if changed(frame[_READ], made[_READ]).empty:
        raise UserError(
            f"Later versions changed all photos of {what.id} again, so no change is left to revert."
        )
    edits.require_trainable(made)
    return store.add_version(on, made, note.strip() or f"Reverted {what.id}", on.split)


def lineage(version: Version) -> list[Version]:
    """Return the version and its readable ancestors, newest first."""
    known = {
        item.id: item for item in store.versions(version.dataset_id) if isinstance(item, Version)
    }
    found = [version]
    while found[-1].parent in known:
        found.append(known[found[-1].parent])
    return found


def everything(version: Version) -> pd.DataFrame:
    """Return the version's rows and those of its ancestors that it no longer lists: the photos that
    a new choice of classes is made from."""
    frame = store.manifest_of(version)
    for older in lineage(version)[1:]:
        rows = store.manifest_of(older)
        missing = rows[pd.Index(frame["path"]).get_indexer(pd.Index(rows["path"])) < 0]
        if len(missing):
            frame = pd.concat([frame, missing], ignore_index=True)
    return frame


def resplit(
    version: Version,
    split: Mapping[str, Any],
    labels: Sequence[str],
    note: str,
    units: Mapping[str, str] | None = None,
    times: Mapping[str, float] | None = None,
) -> Version:
    """Create the next version with only these classes, split as `split` describes (see
    splits.apply).

    Corrected labels are kept, photos that were left out stay out, and classes of an ancestor can
    return. Raises UserError when the split is impossible."""
    frame = splits.select_classes(everything(version), labels)
    return store.add_version(version, splits.apply(frame, split, units, times), note, split)


def _rows(version: Version) -> pd.DataFrame:
    return store.manifest_of(version, columns=_READ)


def _part(rows: pd.DataFrame, mask: pd.Series, what: str, before: str, after: str) -> pd.DataFrame:
    some = rows[mask]
    values = {
        side: some[column].to_numpy() if column else ""
        for side, column in (("before", before), ("after", after))
    }
    columns = {
        "path": some["path"].to_numpy(),
        "image_id": some["image_id"].to_numpy(),
        "what": what,
        **values,
    }
    return pd.DataFrame(columns, index=range(len(some))).astype("str")


def _chain(before: Version, after: Version) -> Iterator[tuple[Version, Version]]:
    """Yield parent and child from `before` to `after`, oldest first; nothing if `before` is not an
    ancestor."""
    found = lineage(after)
    ids = [version.id for version in found]
    if before.id in ids:
        way = found[: ids.index(before.id) + 1][::-1]
        yield from itertools.pairwise(way)


def _reasons(version: Version, step: pd.DataFrame) -> pd.DataFrame:
    """Return why and when for each change that made this version: the reason of its step, else the
    version's note."""
    why: dict[tuple[str, str], tuple[str, str]] = {}
    for done in edits.steps_of(version):
        for path in done.values:
            why[path, done.action] = (done.why or version.note, done.when)
    action = step["what"].map({LABEL: edits.RELABEL, OUT: edits.LEAVE_OUT}).fillna(edits.MOVE)
    pairs = [
        why.get(key, (version.note, version.created))
        for key in zip(step["path"], action, strict=True)
    ]
    reasons = pd.DataFrame(pairs, columns=["why", "when"], index=step.index, dtype="str")
    return step[["path", "what"]].join(reasons).assign(version=version.id)
