"""From a folder, an archive or the built-in sample to version v1 of a dataset: found, decoded, hashed, split, reported.

Nothing of the person's own folder is changed or copied. A dataset appears when everything about it is done, or not at all.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core import archives, files, images, settings
from core.datasets import layouts, manifest, report, splits, store
from core.datasets.layouts import Layout
from core.datasets.names import clean_name, shown
from core.datasets.staging import Staged, stage
from core.errors import UserError

KINDS = ("folder", "archive", "sample")
BATCH = 16
PROGRESS_SECONDS = 0.1
VALIDATION_SHARE = settings.DEFAULT_RATIOS["validation"]
MIN_IMAGES_PER_CLASS = 3


@dataclass(frozen=True)
class ImportSource:
    """Where images come from. kind 'folder' and 'archive' need a path; `shown` is the name that a browser gave an uploaded file,
    which is only ever displayed."""

    kind: str
    path: Path | None = None
    shown: str = ""


@dataclass(frozen=True)
class ImportProgress:
    """How far an import is. `unit` is 'images', 'files' or 'bytes'; total 0 and eta_seconds None mean that nobody knows."""

    phase: str
    done: int
    total: int
    unit: str
    rate: float
    eta_seconds: float | None


def run_import(
    source: ImportSource,
    name: str,
    progress: Callable[[ImportProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    skip_small: bool = False,
    seed: int = settings.DEFAULT_SEED,
) -> store.Version:
    """Makes a dataset called `name` from `source` and returns its v1, split officially where the images came with a split.

    Images that can't be used become rows with a problem. Classes with fewer than three usable images are refused by name, or,
    with `skip_small`, kept as rows with the split 'unused'. Raises UserError for anything that leaves nothing to train on, for
    a path outside the import roots, and where `should_stop` said so; BadArchive as `archives.extract` does.
    """
    clean_name(name, "dataset name")
    path = _checked_path(source)
    try:
        return _imported(source, path, name, _Meter(progress, should_stop), skip_small, seed)
    except OSError as error:
        place = shown(str(error.filename)) if error.filename else "the disk"
        raise UserError(f"The import failed at {place}: {error.strerror or error}. Nothing was kept.") from error


def _imported(source: ImportSource, path: Path | None, name: str, meter: _Meter, skip_small: bool, seed: int) -> store.Version:
    with stage(name) as staged:
        folder, ignored = _brought_in(source, path, staged, meter)
        started = time.perf_counter()
        layout = layouts.recognise(folder, meter.counting("Looking for images", "files"))
        layout.ignored.update(ignored)
        _require_trainable(layout, skip_small)
        frame = _read(layout, meter)
        _require_some_good(frame)
        frame, how, notes = _split(frame, seed, skip_small)
        made = report.make(frame, layout, time.perf_counter() - started, notes)
        meter.start("Saving", "images")(len(frame), len(frame))
        return store.add_dataset(
            name,
            layout.root,
            _described(source, path),
            frame,
            made.as_dict(),
            split=how,
            drawn=source.kind == "sample",
            staged=staged,
        )


def importable(path: Path, roots: Sequence[Path] | None = None) -> Path:
    """`path`, absolute and with its links followed, where it lies in a folder that may be imported from; UserError otherwise.

    The refusal comes before any look at the path, so that it tells nothing about what is there.
    """
    roots = settings.import_roots() if roots is None else roots
    try:
        resolved = path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        raise UserError(f"{shown(str(path))} is no path. Check it.", field="path") from None
    if not any(resolved.is_relative_to(root) for root in roots):
        raise UserError(
            f"{shown(str(path))} is outside the folders that may be imported from: {', '.join(map(str, roots))}. "
            f"Move it there, or name its folder in {settings.ENV_IMPORT_ROOTS}.",
            field="path",
        )
    return resolved


def _checked_path(source: ImportSource) -> Path | None:
    if source.kind not in KINDS:
        raise UserError(f"There is no way to import a {shown(source.kind)!r}. Use {', '.join(KINDS)}.", field="kind")
    if source.kind == "sample":
        return None
    if source.path is None or not str(source.path).strip():
        raise UserError(f"Say which {source.kind} to import.", field="path")
    if source.kind == "folder":
        path = importable(source.path)
        if not path.is_dir():
            raise UserError(f"{shown(str(path))} is no folder. Check the path.", field="path")
        return path
    path = importable(source.path, (*settings.import_roots(), settings.uploads_dir().resolve()))
    if not path.is_file():
        raise UserError(f"{shown(source.shown or str(path))} is no file. Check the path.", field="path")
    return path


def _brought_in(source: ImportSource, path: Path | None, staged: Staged, meter: _Meter) -> tuple[Path, dict[str, int]]:
    """The folder to look for images in, and what was left out on the way there."""
    if source.kind == "folder" and path is not None:
        return path, {}
    if source.kind == "archive" and path is not None:
        unpacked = archives.extract(path, staged.images, meter.start("Unpacking", "bytes"))
        return staged.images, unpacked.ignored
    from core.datasets import sketchbook

    files.require_free_space(staged.folder, 2**26, "The sample")
    sketchbook.draw(staged.images, progress=meter.start("Drawing", "images"))
    return staged.images, {}


def _described(source: ImportSource, path: Path | None) -> str:
    if source.kind == "sample":
        return "Built-in sketchbook"
    return f"{source.kind.capitalize()} {shown(source.shown or str(path))}"


def _require_trainable(layout: Layout, skip_small: bool) -> None:
    """Refuses what no amount of good images could save, before any of them is decoded."""
    sizes = Counter(found.label for found in layout.found)
    if not sizes:
        missing = f" The tables list {layout.missing}, and none of them is there." if layout.missing else ""
        where = shown(layout.root.name)
        raise UserError(f"There are no images in the class folders of {where}.{missing} {layouts.UNDERSTOOD}", field="path")
    small = [f'"{label}" (0)' for label in layout.empty]
    small += [f'"{label}" ({size})' for label, size in sorted(sizes.items()) if size < MIN_IMAGES_PER_CLASS]
    if small and not skip_small:
        more = f" and {len(small) - splits.MAX_LISTED} more" if len(small) > splits.MAX_LISTED else ""
        raise UserError(
            f"Too few images: {', '.join(small[: splits.MAX_LISTED])}{more}. Each class needs at least {MIN_IMAGES_PER_CLASS}, one each "
            f"for train, validation and test. Add images, or choose to leave small classes out.",
            field="classes",
        )
    splits.require_classes(sorted(label for label, size in sizes.items() if size >= MIN_IMAGES_PER_CLASS))


def _require_some_good(frame: pd.DataFrame) -> None:
    if (frame["problem"] != "").all():
        first = frame.iloc[0]
        raise UserError(f"None of the {len(frame)} images can be used; {shown(first['path'])}, for one: {first['problem']}.", field="path")


def _read(layout: Layout, meter: _Meter) -> pd.DataFrame:
    """The manifest of what was found, not yet split: every image decoded whole and hashed."""
    facts = _examined([layout.root / found.path for found in layout.found], meter.start("Reading images", "images"))
    columns: dict[str, Any] = dict(zip(images.Facts._fields, map(list, zip(*facts, strict=True)), strict=True))
    for name in ("path", "label", "official"):
        columns[name] = [getattr(found, name) for found in layout.found]
    boxes = np.array([found.box or (np.nan,) * 4 for found in layout.found], dtype=float)
    sizes = np.array([columns["width"], columns["height"]], dtype=float).T
    columns |= dict(zip(manifest.BOX, _clipped(boxes, sizes).T, strict=True))
    return manifest.frame_of(columns)


def _clipped(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Boxes [n, 4] (x, y, width, height) cut to their images' sizes [n, 2]; NaN where nothing is left of one."""
    start = np.clip(boxes[:, :2], 0, sizes)
    extent = np.clip(boxes[:, :2] + boxes[:, 2:], 0, sizes) - start
    clipped = np.hstack([start, extent])
    clipped[~(extent > 0).all(axis=1)] = np.nan
    return clipped


def _examined(paths: Sequence[Path], progress: Callable[[int, int], None]) -> list[images.Facts]:
    """What each file is, in order. Threads are enough: Pillow and hashlib let go of the interpreter while they work."""
    facts: list[images.Facts] = []
    workers = min(os.cpu_count() or 1, 8)
    waiting: deque[Future[list[images.Facts]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for batch in _batches(paths):
            waiting.append(pool.submit(lambda some: [images.examine(path) for path in some], batch))
            if len(waiting) > 3 * workers:
                facts += waiting.popleft().result()
                progress(len(facts), len(paths))
        while waiting:
            facts += waiting.popleft().result()
            progress(len(facts), len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
    return facts


def _batches(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    return (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))


def _split(frame: pd.DataFrame, seed: int, skip_small: bool) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    """The first split: the official one where there is one that serves every class, else stratified. With notes for the report."""
    by_ratios = {"kind": "stratified", "ratios": settings.DEFAULT_RATIOS, "seed": seed, "skip_small": skip_small}
    notes: list[str] = []
    if ((frame["official"] == "train") & (frame["problem"] == "")).any():
        how = {"kind": "official", "validation_share": VALIDATION_SHARE, "seed": seed, "skip_small": skip_small}
        try:
            return splits.apply(frame, how), how, notes
        except UserError as error:
            notes.append(f"The official split could not be used, so this one was made by ratios. {error}")
    return splits.apply(frame, by_ratios), by_ratios, notes


class _Meter:
    """Turns bare counts into ImportProgress, not too often, and raises UserError as soon as the person has asked to stop."""

    def __init__(self, progress: Callable[[ImportProgress], None], should_stop: Callable[[], bool]) -> None:
        self._progress, self._should_stop = progress, should_stop

    def start(self, phase: str, unit: str) -> Callable[[int, int], None]:
        """The callback of a phase that knows how much there is to do."""
        started = time.perf_counter()
        told = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal told
            if self._should_stop():
                raise UserError("The import was stopped. Nothing was kept.")
            now = time.perf_counter()
            if now - told < PROGRESS_SECONDS and done != total:
                return
            told = now
            rate = done / max(now - started, 1e-6)
            eta = (total - done) / rate if total and rate else None
            self._progress(ImportProgress(phase, done, total, unit, rate, eta))

        return tell

    def counting(self, phase: str, unit: str) -> Callable[[], None]:
        """The callback of a phase that only counts what it meets."""
        tell, seen = self.start(phase, unit), 0

        def count() -> None:
            nonlocal seen
            seen += 1
            tell(seen, 0)

        return count
