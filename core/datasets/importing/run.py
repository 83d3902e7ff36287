"""Import photos from any source into a new dataset: list, decode, hash, split and report.

The person's own folder is neither changed nor copied. The dataset appears when it is complete, or
not at all.
"""

from __future__ import annotations

import os
import time
import types
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from core import settings
from core.datasets import manifest, metadata, remote, splits, store
from core.datasets.editing import edits
from core.datasets.importing import examination, origins, report
from core.datasets.importing.entries import NOT_IMAGE, UNREADABLE, Layout, PhotoEntry
from core.datasets.importing.origins import ImportSource, Origin, SampleOrigin, SourceFolder
from core.datasets.planning import decide, read
from core.datasets.planning import plan as plans
from core.datasets.planning.decisions import Decisions
from core.datasets.planning.listing import list_files
from core.datasets.progress import READING, ImportProgress, Meter
from core.datasets.staging import stage
from core.errors import UserError
from core.io import images
from core.io.names import clean_name, printable

# The file beside an imported version, and the kind of split of photos without labels.
PLAN = "plan.json"
NO_SPLIT = "none"
# Notes name at most this many classes.
MOST_NAMED = 5
LEAST_READING_SECONDS = 1.0
VALIDATION_SHARE = settings.DEFAULT_RATIOS["validation"]
MIN_IMAGES_PER_CLASS = 3

SUPPORTED_LAYOUTS = (
    "Fieldmark imports one folder per class, such folders inside train, validation and test, "
    "photos with a table of labels, and many published datasets."
)

Known = Mapping[str, images.Facts]


def run_import(
    source: ImportSource,
    name: str,
    progress: Callable[[ImportProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    skip_small: bool = False,
    seed: int = settings.DEFAULT_SEED,
    decisions: Decisions | None = None,
) -> store.Version:
    """Create the dataset `name` from `source` and return its v1, with the official split if the
    photos have one.

    `decisions` come from a preview's plan and are kept with the version; without them, the plan
    is made here. Photos that can't be used become rows with a problem. Classes with fewer than
    three usable photos are refused by name, or, with `skip_small`, kept with the split 'unused'.

    Raises UserError if nothing is left to train on, for a path outside the import roots, and if
    `should_stop` returns true; BadArchive as `archives.extract` does.
    """
    clean_name(name, "dataset name")
    origin = origins.create(source)
    try:
        meter = Meter(progress, should_stop)
        meter.expect(READING, LEAST_READING_SECONDS)
        return _import(origin, name, meter, skip_small, seed, decisions)
    except OSError as error:
        raise origins.import_failure(error) from error


def _import(
    origin: Origin,
    name: str,
    meter: Meter,
    skip_small: bool,
    seed: int,
    decisions: Decisions | None,
) -> store.Version:
    with stage(name) as staged:
        folder = origin.fetch(staged, meter)
        started = time.perf_counter()
        layout, plan = recognise(folder, origin.source, meter, decisions)
        _require_trainable(layout, skip_small)
        frame, known = read_rows(layout, meter)
        _require_usable_photos(frame)
        frame, split, notes = _split(frame, layout, seed, skip_small)
        found_report = report.make_report(frame, layout, time.perf_counter() - started, notes)
        meter.start("Saving", "photos")(len(frame), len(frame))
        return store.add_dataset(
            name,
            layout.root,
            origin.words,
            frame,
            found_report.as_dict(),
            split=split,
            drawn=isinstance(origin, SampleOrigin),
            staged=staged,
            metadata=known,
            attached={PLAN: plan.as_dict()},
        )


def recognise(
    source_folder: SourceFolder,
    source: ImportSource,
    meter: Meter,
    decisions: Decisions | None = None,
) -> tuple[Layout, plans.Plan]:
    """Return the layout of a source's folder, limited to the source's classes, and its plan: by
    `decisions`, or as recognised here."""
    count_file = meter.start_counting("Listing files", "files")
    listing = list_files(source_folder.folder, count_file)
    if decisions is None:
        decisions = decide.decide(listing)
    layout = read.read(listing, decisions, count_file)
    plan = plans.describe(decisions, layout, listing)
    layout.ignored.add_all(source_folder.left_out)
    if source.classes:
        layout.keep_only(source.classes)
    remote.move(source_folder.folder, layout.root)
    return layout, plan


def _require_trainable(layout: Layout, skip_small: bool) -> None:
    """Raise UserError, before any photo is decoded, if too few photos or classes were found."""
    sizes = Counter(photo.label for photo in layout.photos)
    unlabelled = sizes.pop("", 0)
    if unlabelled and not sizes:
        return  # photos without labels get them later
    if not sizes:
        missing = (
            f" The tables list {layout.missing:,} photos, but none of them exists."
            if layout.missing
            else ""
        )
        where = printable(layout.root.name)
        raise UserError(
            f"There are no photos in {where}.{missing}{_other_files(layout)} {SUPPORTED_LAYOUTS}",
            field="path",
        )
    if (unread := layout.ignored.examples.get(UNREADABLE)) and len(sizes) < settings.MIN_CLASSES:
        raise UserError(
            f"{printable(unread)} can't be read. Give Fieldmark permission, or remove it.",
            field="path",
        )
    if layout.is_export:
        return
    small = [f'"{label}" (0)' for label in layout.empty]
    small += [
        f'"{label}" ({size})'
        for label, size in sorted(sizes.items())
        if size < MIN_IMAGES_PER_CLASS
    ]
    if small and not skip_small:
        more = (
            f" and {len(small) - splits.MAX_LISTED} more" if len(small) > splits.MAX_LISTED else ""
        )
        raise UserError(
            f"Too few photos: {', '.join(small[: splits.MAX_LISTED])}{more}. Each class needs at "
            f"least {MIN_IMAGES_PER_CLASS}: one each for train, validation and test. Add photos, "
            "or exclude small classes.",
            field="classes",
        )
    splits.require_classes(
        sorted(label for label, size in sizes.items() if size >= MIN_IMAGES_PER_CLASS)
    )


def _other_files(layout: Layout) -> str:
    """Say which other files are there instead of photos; '' if there are none."""
    count = layout.ignored[NOT_IMAGE]
    if not count:
        return ""
    example = printable(layout.ignored.examples[NOT_IMAGE].rpartition("/")[2])
    suffixes = ", ".join(settings.IMAGE_SUFFIXES)
    return f" Other files there: {count:,}, such as {example!r}. Photos end in {suffixes}."


def _require_usable_photos(frame: pd.DataFrame) -> None:
    if (frame["problem"] != "").all():
        first = frame.iloc[0]
        raise UserError(
            f"None of the {len(frame):,} photos can be used. The first, "
            f"{printable(first['path'])}: {first['problem']}.",
            field="path",
        )


def read_rows(
    layout: Layout, meter: Meter, known: Known = types.MappingProxyType({})
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the manifest of a layout, not yet split, and the metadata of each photo.

    Every photo is decoded completely and hashed, except those whose facts are `known` by path.
    """
    facts = _examine(layout, known, meter.start(READING, "photos"))
    remote.forget(layout.root)
    columns: dict[str, Any] = dict(
        zip(images.Facts._fields, map(list, zip(*facts, strict=True)), strict=True)
    )
    for name in ("path", "label", "official"):
        columns[name] = [getattr(photo, name) for photo in layout.photos]
    sizes = np.array([columns["width"], columns["height"]], dtype=float).T
    boxes = _clip(_boxes_in_pixels(layout, sizes), sizes)
    columns |= dict(zip(manifest.BOX, boxes.T, strict=True))
    records = [
        {**fact.metadata, **_group_metadata(photo), **photo.metadata}
        for fact, photo in zip(facts, layout.photos, strict=True)
    ]
    photo_metadata = metadata.frame_of(columns["image_id"], columns["path"], records)
    return manifest.frame_of(columns), photo_metadata


def _group_metadata(photo: PhotoEntry) -> Mapping[str, str]:
    return {metadata.GROUP: photo.group} if photo.group else {}


def _boxes_in_pixels(layout: Layout, sizes: np.ndarray) -> np.ndarray:
    """Return the boxes [n, 4] in pixels; NaN if a photo has none. `sizes` is [n, 2]."""
    boxes = np.array([photo.box or (np.nan,) * 4 for photo in layout.photos], dtype=float)
    in_shares = np.array([photo.in_shares for photo in layout.photos], dtype=bool)
    boxes[in_shares] *= np.hstack([sizes, sizes])[in_shares]
    return boxes


def _clip(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return boxes [n, 4] (x, y, width, height) clipped to the photos' sizes [n, 2]; NaN for a box
    that lies outside its photo."""
    start, end = np.clip(boxes[:, :2], 0, sizes), np.clip(boxes[:, :2] + boxes[:, 2:], 0, sizes)
    # A box inside its photo is kept exactly; subtracting two sums would round it.
    is_inside = (start == boxes[:, :2]) & (end == boxes[:, :2] + boxes[:, 2:])
    extent = np.where(is_inside, boxes[:, 2:], end - start)
    clipped = np.hstack([start, extent])
    clipped[~(extent > 0).all(axis=1)] = np.nan
    return clipped


def _examine(layout: Layout, known: Known, tell: examination.Tell) -> list[images.Facts]:
    """Return the facts of each photo, in order.

    Threads are enough: Pillow and hashlib release the GIL while they work.
    """
    paths, cores = [photo.path for photo in layout.photos], min(os.cpu_count() or 1, 8)
    # Reading over a network is mostly waiting, so it gets more threads.
    readers = remote.THREADS if remote.begins(layout.root) else cores
    return examination.examine(
        paths, known, partial(remote.content, layout.root), tell, readers=readers, decoders=cores
    )


def _split(
    frame: pd.DataFrame, layout: Layout, seed: int, skip_small: bool
) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    """Split for the first time: as exported, else officially if possible, else stratified by
    ratios. Return the split manifest, the kind of split, and notes for the report."""
    by_ratios = {
        "kind": "stratified",
        "ratios": settings.DEFAULT_RATIOS,
        "seed": seed,
        "skip_small": skip_small,
    }
    official = {
        "kind": "official",
        "validation_share": VALIDATION_SHARE,
        "seed": seed,
        "skip_small": skip_small,
    }
    notes: list[str] = []
    if (frame["label"] == "").all():
        return frame, {"kind": NO_SPLIT}, notes
    if layout.is_export:
        frame = _restore_exported_split(frame, layout)
        try:
            edits.require_trainable(frame)
            return frame, official | {"exported": True}, notes
        except UserError as error:
            notes.append(f"The exported split can't be used, so a new one was made. {error}")
    if ((frame["official"] == "train") & (frame["problem"] == "")).any():
        try:
            frame = splits.apply(frame, official)
            return frame, official, [*notes, *_notes_on_missing_classes(frame)]
        except UserError as error:
            notes.append(
                f"The official split can't be used, so photos were split by ratios. {error}"
            )
    return splits.apply(frame, by_ratios), by_ratios, notes


def _notes_on_missing_classes(frame: pd.DataFrame) -> list[str]:
    """Return a note for each part of the official split that lacks photos of some classes."""
    notes = []
    used = frame[frame["problem"] == ""]
    for part in ("validation", "test"):
        present = set(used["label"][used["official"] == part])
        missing = sorted(set(used["label"][used["split"] == "train"]) - present) if present else []
        if missing:
            names = ", ".join(f'"{printable(name)}"' for name in missing[:MOST_NAMED])
            more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
            notes.append(
                f"The official split has no {part} photos of {names}{more}. These classes are "
                f"trained, but the {part} accuracy does not include them."
            )
    return notes


def _restore_exported_split(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return the manifest with the exported splits, and with the photos excluded that a person had
    excluded before the export."""
    usable = frame["problem"] == ""
    left_out = pd.Series([photo.problem for photo in layout.photos], index=frame.index, dtype="str")
    split = pd.Series([photo.split for photo in layout.photos], index=frame.index, dtype="str")
    problem = frame["problem"].mask(usable, left_out)
    return frame.assign(problem=problem, split=split.where(problem == "", "unused"))
