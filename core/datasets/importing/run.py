"""From photos, wherever they come from, to version v1 of a dataset: found, decoded, hashed, split,
reported.

Nothing of the person's own folder is changed or copied. A dataset appears when everything about it
is done, or not at all.
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
from core.datasets.importing import examining, origins, report
from core.datasets.importing.found import NOT_IMAGE, UNREADABLE, Found, Layout
from core.datasets.importing.origins import Brought, ImportSource, Origin, SampleOrigin
from core.datasets.planning import decide, read
from core.datasets.planning import plan as plans
from core.datasets.planning.decisions import Decisions
from core.datasets.planning.listing import listed
from core.datasets.progress import READING, ImportProgress, Meter
from core.datasets.staging import stage
from core.errors import UserError
from core.io import images
from core.io.names import clean_name, printable

# What is kept beside a version that was made by an import, and how photos without labels are split.
PLAN = "plan.json"
NO_SPLIT = "none"
# How many classes a note names.
NAMED = 5
VALIDATION_SHARE = settings.DEFAULT_RATIOS["validation"]
MIN_IMAGES_PER_CLASS = 3

UNDERSTOOD = (
    "Fieldmark understands a folder with one folder of images per class, such folders below "
    "train, validation and test, a table of file names and labels beside its images, "
    "and the published forms of many datasets."
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
    """Makes a dataset called `name` from `source` and returns its v1, split officially where the
    images came with a split.

    `decisions` are those of a plan, which is carried out and kept with the version; without them
    the plan is made here.

    Images that can't be used become rows with a problem. Classes with fewer than three usable
    images are refused by name, or, with `skip_small`, kept as rows with the split 'unused'. Raises
    UserError for anything that leaves nothing to train on, for a path outside the import roots, and
    where `should_stop` said so; BadArchive as `archives.extract` does.
    """
    clean_name(name, "dataset name")
    origin = origins.of(source)
    try:
        meter = Meter(progress, should_stop)
        return _imported(origin, name, meter, skip_small, seed, decisions)
    except OSError as error:
        place = printable(str(error.filename)) if error.filename else "the disk"
        raise UserError(
            f"The import failed at {place}: {error.strerror or error}. Nothing was kept."
        ) from error


def _imported(
    origin: Origin,
    name: str,
    meter: Meter,
    skip_small: bool,
    seed: int,
    decisions: Decisions | None,
) -> store.Version:
    with stage(name) as staged:
        brought = origin.bring(staged, meter)
        started = time.perf_counter()
        layout, plan = recognised(brought, origin.source, meter, decisions)
        _require_trainable(layout, skip_small)
        frame, known = read_rows(layout, meter)
        _require_some_good(frame)
        frame, how, notes = _split(frame, layout, seed, skip_small)
        made = report.make(frame, layout, time.perf_counter() - started, notes)
        meter.start("Saving", "photos")(len(frame), len(frame))
        return store.add_dataset(
            name,
            layout.root,
            origin.words,
            frame,
            made.as_dict(),
            split=how,
            drawn=isinstance(origin, SampleOrigin),
            staged=staged,
            metadata=known,
            attached={PLAN: plan.as_dict()},
        )


def recognised(
    brought: Brought,
    source: ImportSource,
    meter: Meter,
    decisions: Decisions | None = None,
) -> tuple[Layout, plans.Plan]:
    """What lies in the folder that a source was brought into, of the classes that are wanted: as
    was decided, or as it is understood where nobody decided."""
    count = meter.start_counting("Listing files", "files")
    listing = listed(brought.folder, count)
    if decisions is None:
        decisions = decide.decide(listing)
    layout = read.read(listing, decisions, count)
    plan = plans.described(decisions, layout, listing)
    layout.ignored.take(brought.left_out)
    if source.classes:
        layout.keep_only(source.classes)
    remote.move(brought.folder, layout.root)
    return layout, plan


def _require_trainable(layout: Layout, skip_small: bool) -> None:
    """Refuses what no amount of good images could save, before any of them is decoded."""
    sizes = Counter(found.label for found in layout.found)
    unlabelled = sizes.pop("", 0)
    if unlabelled and not sizes:
        return  # a pile: it is trained on when some of it has labels
    if not sizes:
        missing = (
            f" The tables list {layout.missing}, and none of them is there."
            if layout.missing
            else ""
        )
        where = printable(layout.root.name)
        raise UserError(
            f"There are no images in {where} that Fieldmark can find.{missing}{_others(layout)} "
            f"{UNDERSTOOD}",
            field="path",
        )
    if (unread := layout.ignored.examples.get(UNREADABLE)) and len(sizes) < settings.MIN_CLASSES:
        raise UserError(
            f"{printable(unread)} can't be read. Allow Fieldmark to read it, or move it away.",
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
            f"Too few images: {', '.join(small[: splits.MAX_LISTED])}{more}. Each class needs at "
            f"least {MIN_IMAGES_PER_CLASS}, one each "
            f"for train, validation and test. Add images, or choose to leave small classes out.",
            field="classes",
        )
    splits.require_classes(
        sorted(label for label, size in sizes.items() if size >= MIN_IMAGES_PER_CLASS)
    )


def _others(layout: Layout) -> str:
    """What lies there in place of photos."""
    count = layout.ignored[NOT_IMAGE]
    if not count:
        return ""
    example = printable(layout.ignored.examples[NOT_IMAGE].rpartition("/")[2])
    suffixes = ", ".join(settings.IMAGE_SUFFIXES)
    return (
        f" {count:,} other files lie there, {example!r} for one; files that end in {suffixes} are "
        "looked for."
    )


def _require_some_good(frame: pd.DataFrame) -> None:
    if (frame["problem"] != "").all():
        first = frame.iloc[0]
        raise UserError(
            f"None of the {len(frame)} images can be used; {printable(first['path'])}, for one: "
            f"{first['problem']}.",
            field="path",
        )


def read_rows(
    layout: Layout, meter: Meter, known: Known = types.MappingProxyType({})
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The manifest of what was found, not yet split, and what else is known of each photo: every
    image decoded whole and hashed, but for those of which it is `known`, by path, what they are."""
    facts = _examined(layout, known, meter.start(READING, "photos"))
    remote.forget(layout.root)
    columns: dict[str, Any] = dict(
        zip(images.Facts._fields, map(list, zip(*facts, strict=True)), strict=True)
    )
    for name in ("path", "label", "official"):
        columns[name] = [getattr(found, name) for found in layout.found]
    sizes = np.array([columns["width"], columns["height"]], dtype=float).T
    boxes = _clipped(_in_pixels(layout, sizes), sizes)
    columns |= dict(zip(manifest.BOX, boxes.T, strict=True))
    records = [
        {**fact.metadata, **_group(found), **found.metadata}
        for fact, found in zip(facts, layout.found, strict=True)
    ]
    more = metadata.frame_of(columns["image_id"], columns["path"], records)
    return manifest.frame_of(columns), more


def _group(found: Found) -> Mapping[str, str]:
    return {metadata.GROUP: found.group} if found.group else {}


def _in_pixels(layout: Layout, sizes: np.ndarray) -> np.ndarray:
    """The boxes [n, 4] in pixels; NaN where a photo has none."""
    boxes = np.array([found.box or (np.nan,) * 4 for found in layout.found], dtype=float)
    in_shares = np.array([found.in_shares for found in layout.found], dtype=bool)
    boxes[in_shares] *= np.hstack([sizes, sizes])[in_shares]
    return boxes


def _clipped(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Boxes [n, 4] (x, y, width, height) cut to their images' sizes [n, 2]; NaN where nothing is
    left of one."""
    start, end = np.clip(boxes[:, :2], 0, sizes), np.clip(boxes[:, :2] + boxes[:, 2:], 0, sizes)
    # A box that is inside stays to the last bit; the difference of two sums would not.
    is_inside = (start == boxes[:, :2]) & (end == boxes[:, :2] + boxes[:, 2:])
    extent = np.where(is_inside, boxes[:, 2:], end - start)
    clipped = np.hstack([start, extent])
    clipped[~(extent > 0).all(axis=1)] = np.nan
    return clipped


def _examined(layout: Layout, known: Known, tell: examining.Tell) -> list[images.Facts]:
    """What each file is, in order.

    Threads are enough: Pillow and hashlib let go of the interpreter while they work.
    """
    paths, cores = [found.path for found in layout.found], min(os.cpu_count() or 1, 8)
    # What comes over a network is waited for rather than worked on.
    readers = remote.THREADS if remote.begins(layout.root) else cores
    return examining.examine(
        paths, known, partial(remote.content, layout.root), tell, readers=readers, decoders=cores
    )


def _split(
    frame: pd.DataFrame, layout: Layout, seed: int, skip_small: bool
) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    """The first split: that of an export, the official one where there is one that can be used,
    else stratified. With notes for the report."""
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
        frame = _as_exported(frame, layout)
        try:
            edits.require_trainable(frame)
            return frame, official | {"exported": True}, notes
        except UserError as error:
            notes.append(
                f"The split of the export could not be used, so another one was made. {error}"
            )
    if ((frame["official"] == "train") & (frame["problem"] == "")).any():
        try:
            frame = splits.apply(frame, official)
            return frame, official, [*notes, *_untested(frame)]
        except UserError as error:
            notes.append(
                f"The official split could not be used, so this one was made by ratios. {error}"
            )
    return splits.apply(frame, by_ratios), by_ratios, notes


def _untested(frame: pd.DataFrame) -> list[str]:
    """A note for each part of the official split that has no photo of some classes."""
    notes = []
    used = frame[frame["problem"] == ""]
    for part in ("validation", "test"):
        given = set(used["label"][used["official"] == part])
        missing = sorted(set(used["label"][used["split"] == "train"]) - given) if given else []
        if missing:
            names = ", ".join(f'"{printable(name)}"' for name in missing[:NAMED])
            more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
            notes.append(
                f"The official split has no {part} photo of {names}{more}: such a class is "
                "learned, "
                f"and no accuracy on {part} says how well."
            )
    return notes


def _as_exported(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The manifest with the splits of an export, and without the photos that a person had
    left out."""
    usable = frame["problem"] == ""
    left_out = pd.Series([found.problem for found in layout.found], index=frame.index, dtype="str")
    split = pd.Series([found.split for found in layout.found], index=frame.index, dtype="str")
    problem = frame["problem"].mask(usable, left_out)
    return frame.assign(problem=problem, split=split.where(problem == "", "unused"))
