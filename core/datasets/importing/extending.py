"""Import more photos into an existing dataset: its next version, in which photos with known bytes
are skipped and nothing else changes.

Photos inside the dataset's own folder, or its S3 location, stay where they are. Others are copied
to `added/` below it, all of them or none.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from core import settings
from core.datasets import remote, splits, store
from core.datasets.editing import edits
from core.datasets.importing import origins, report
from core.datasets.importing import run as importing
from core.datasets.importing.entries import Layout
from core.datasets.importing.origins import ImportSource, Origin
from core.datasets.planning.decisions import Decisions
from core.datasets.planning.plan import Plan
from core.datasets.progress import ImportProgress, Meter
from core.datasets.staging import stage
from core.datasets.store import Dataset, Version
from core.errors import UserError
from core.io import files

# The split of new photos: all in train, so that test is unchanged; divided among the splits; or
# unused for now.
JOINS = ("train", "shared", "unused")
ADDED, ADDING = "added", ".adding-"
COPYING = "Copying photos"
# Photos per second that are copied; a first guess, until copying has begun.
COPY_RATE = 300.0


def run_extension(
    source: ImportSource,
    parent: Version,
    progress: Callable[[ImportProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    join: str = "train",
    into_own_folder: bool = False,
    seed: int = settings.DEFAULT_SEED,
    decisions: Decisions | None = None,
) -> Version:
    """Create and return the version after `parent` that includes the new photos of `source`.

    Its report says which photos were added and which were known. `decisions` are those of a
    preview, see importing.run_import. Photos from elsewhere are copied into a person's own folder
    only if `into_own_folder` is true.

    Raises UserError if no photo is new, for class names that clash, for a disk that is too small,
    and as importing.run_import does.
    """
    if join not in JOINS:
        raise UserError(
            f"{join!r} is not a split of new photos. Use {', '.join(JOINS)}.", field="join"
        )
    dataset, origin = store.dataset(parent.dataset_id), origins.create(source)
    meter = Meter(progress, should_stop)
    try:
        with stage(dataset.name) as staged:
            folder = origin.fetch(staged, meter)
            started = time.perf_counter()
            layout, plan = importing.recognise(folder, source, meter, decisions)
            if _must_copy(dataset, layout):
                _require_permission(dataset, into_own_folder)
                meter.expect(COPYING, len(layout.photos) / COPY_RATE)
            known = remote.unchanged(dataset.root, layout.root, store.manifest_of(parent))
            frame, photo_metadata = importing.read_rows(layout, meter, known)
            return _extend(
                dataset,
                parent,
                _Source(layout, plan, frame, photo_metadata, started),
                _Options(origin, join, seed),
                meter,
            )
    except OSError as error:
        raise origins.import_failure(error) from error


@dataclass(frozen=True)
class _Options:
    """How photos are added: their origin, their split, and its seed."""

    origin: Origin
    join: str
    seed: int


@dataclass(frozen=True)
class _Source:
    """The contents of a source: its layout and plan, one row per photo, their metadata in the same
    order, and when reading started."""

    layout: Layout
    plan: Plan
    frame: pd.DataFrame
    metadata: pd.DataFrame
    started: float


def _extend(
    dataset: Dataset, parent: Version, contents: _Source, options: _Options, meter: Meter
) -> Version:
    before, layout, frame = store.manifest_of(parent), contents.layout, contents.frame
    usable = frame[frame["problem"] == ""]
    known = usable[usable["image_id"].isin(before["image_id"])]
    fresh = usable[~usable["image_id"].isin(before["image_id"])].drop_duplicates("image_id")
    _require_new(fresh, frame, known)
    edits.require_no_clash([*before["label"].unique(), *fresh["label"].unique()])
    with _place(dataset, layout, fresh, meter) as paths:
        fresh = _split(fresh.assign(path=paths), options)
        fresh, changed = (
            fresh[~fresh["path"].isin(before["path"])],
            int(fresh["path"].isin(before["path"]).sum()),
        )
        _require_new(fresh, frame, known)
        rows = pd.concat([before, fresh], ignore_index=True)
        edits.require_trainable(rows)
        notes = _notes(before, known, usable, fresh, changed)
        facts = report.make_report(
            pd.concat([fresh, frame[frame["problem"] != ""]]),
            layout,
            time.perf_counter() - contents.started,
            notes,
        )
        summary = f"{len(fresh):,} new: {options.origin.words}"
        split = {**parent.split, "added": int(parent.split.get("added", 0)) + len(fresh)}
        return store.add_version(
            parent,
            rows,
            summary,
            split,
            {importing.PLAN: contents.plan.as_dict()},
            facts.as_dict(),
            contents.metadata.loc[fresh.index].assign(path=fresh["path"]),
        )


def _require_new(fresh: pd.DataFrame, frame: pd.DataFrame, known: pd.DataFrame) -> None:
    if fresh.empty:
        bad = int((frame["problem"] != "").sum())
        raise UserError(
            f"No new photos: {len(known):,} of {len(frame):,} are already in the dataset, and "
            f"{bad:,} can't be used.",
            field="path",
        )


def _split(fresh: pd.DataFrame, options: _Options) -> pd.DataFrame:
    if options.join == "shared":
        return splits.shared_out(fresh, settings.DEFAULT_RATIOS, options.seed)
    return fresh.assign(
        split=pd.Series(options.join, fresh.index).mask(fresh["label"] == "", "unused")
    )


def _notes(
    before: pd.DataFrame,
    known: pd.DataFrame,
    usable: pd.DataFrame,
    fresh: pd.DataFrame,
    changed: int,
) -> list[str]:
    """Return sentences for the person about the added photos."""
    labels = before.drop_duplicates("image_id").set_index("image_id")["label"]
    other = known[known["label"] != known["image_id"].map(labels)]
    twice = len(usable) - len(known) - len(fresh) - changed
    new = sorted(set(fresh["label"]) - set(before["label"]))
    notes = {
        (f"Skipped because they are already in the dataset: {len(known):,}."): len(known),
        (
            f"Skipped photos whose label differs from the dataset's, which is kept: {len(other):,}."
        ): len(other),
        f"Duplicates among the new photos, added once: {twice:,}.": twice,
        (f"Files changed since their import, whose rows are unchanged: {changed:,}."): changed,
        f"New classes: {splits.listed(new)}.": new,
    }
    return [text for text, holds in notes.items() if holds]


def _must_copy(dataset: Dataset, layout: Layout) -> bool:
    """Return whether the photos are outside the dataset's folder, or its S3 location."""
    if layout.root.resolve().is_relative_to(dataset.root.resolve()):
        return False
    location = remote.begins(dataset.root)
    return not location or not remote.begins(layout.root).startswith(location)


def _require_permission(dataset: Dataset, into_own_folder: bool) -> None:
    """Raise UserError if photos would be copied into a person's own folder without permission."""
    if is_own_folder(dataset) and not into_own_folder:
        raise UserError(
            f"The photos of {dataset.name} are in your own folder. Allow Fieldmark to copy new "
            f"photos into {dataset.root / ADDED}, or copy them there yourself and import that "
            "folder.",
            field="own_folder",
        )


@contextmanager
def _place(
    dataset: Dataset, layout: Layout, fresh: pd.DataFrame, meter: Meter
) -> Iterator[list[str]]:
    """Yield the paths of the new photos below the dataset's root.

    Photos from elsewhere are copied there first; the copies are removed if the block fails.
    """
    root = dataset.root.resolve()
    if layout.root.resolve().is_relative_to(root):
        below = layout.root.resolve().relative_to(root)
        yield [(below / path).as_posix() for path in fresh["path"]]
        return
    if (inside := remote.extend(root, layout.root)) is not None:
        yield [f"{inside}{path}" for path in fresh["path"]]
        return
    files.require_free_space(root, int(fresh["size_bytes"].sum()), "Adding these photos")
    remote.bring(layout.root, fresh["path"], meter.start("Downloading photos", "photos"))
    target = _copy(root, layout.root, fresh["path"], meter.start(COPYING, "photos"))
    try:
        with files.unfinished(target):
            yield [(target / path).relative_to(root).as_posix() for path in fresh["path"]]
    except BaseException:
        files.remove(target)
        raise


def _copy(
    root: Path, source: Path, paths: pd.Series[str], tell: Callable[[int, int], None]
) -> Path:
    """Copy the photos into a new folder below the dataset's root, all or none; return it."""
    with files.there(root, "dataset's folder"):
        where = files.folder_below(root, ADDED)
        name = f"{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(3)}"
        with files.held(where / f"{ADDING}{name}") as making:
            for place, path in enumerate(paths, 1):
                files.folder_below(making, Path(path).parent)
                shutil.copyfile(source / path, making / path)
                tell(place, len(paths))
            files.move(making, where / name)
    return where / name


def sweep(root: Path) -> None:
    """Remove incomplete copies that a killed process left below a dataset's root."""
    for path in (root / ADDED).glob(f"{ADDING}*"):
        if files.is_abandoned(path):
            files.remove(path)


def is_own_folder(dataset: Dataset) -> bool:
    """Return whether the dataset's photos are in a person's folder, not in Fieldmark's."""
    return not dataset.root.resolve().is_relative_to(settings.datasets_dir().resolve())


def count_added(split: Mapping[str, Any]) -> int:
    """Return how many photos were added after the first import."""
    return int(split.get("added", 0))
