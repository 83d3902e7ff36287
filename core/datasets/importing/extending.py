"""More photos for a dataset that is there: its next version, in which known bytes are not taken
twice and nothing else changes.

Photos that lie in the dataset's own folder, or place in Amazon S3, stay where they are. Others are
copied to `added/` below it, all of them or none.
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
from core.datasets.importing.found import Layout
from core.datasets.importing.origins import ImportSource, Origin
from core.datasets.planning.decisions import Decisions
from core.datasets.planning.plan import Plan
from core.datasets.progress import ImportProgress, Meter
from core.datasets.staging import stage
from core.datasets.store import Dataset, Version
from core.errors import UserError
from core.io import files
from core.io.names import printable

# Where new photos go: all to train, so that test stays what it was; shared out among the splits; or
# nowhere yet.
JOINS = ("train", "shared", "unused")
ADDED, ADDING = "added", ".adding-"


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
    """The version after `parent` that has the new photos of `source` too.

    Its report says what came, and what was known already. `decisions` are those of a plan, see
    importing.run_import.

    Photos from elsewhere are copied into a person's own folder only where `into_own_folder` says
    so. Raises UserError where nothing is new, for class names that clash, for a disk that is too
    small, and as importing.run_import does.
    """
    if join not in JOINS:
        raise UserError(f"New photos can't join {join!r}. Use {', '.join(JOINS)}.", field="join")
    dataset, origin = store.dataset(parent.dataset_id), origins.of(source)
    meter = Meter(progress, should_stop)
    try:
        with stage(dataset.name) as staged:
            brought = origin.bring(staged, meter)
            started = time.perf_counter()
            layout, plan = importing.recognised(brought, source, meter, decisions)
            known = remote.unchanged(dataset.root, layout.root, store.manifest_of(parent))
            frame, more = importing.read_rows(layout, meter, known)
            return _extended(
                dataset,
                parent,
                _Brought(layout, plan, frame, more, started),
                _Ways(origin, join, into_own_folder, seed),
                meter,
            )
    except OSError as error:
        place = printable(str(error.filename)) if error.filename else "the disk"
        raise UserError(
            f"The import failed at {place}: {error.strerror or error}. Nothing was kept."
        ) from error


@dataclass(frozen=True)
class _Ways:
    """How the photos come in: from where, where they go, and what is allowed."""

    origin: Origin
    join: str
    into_own_folder: bool
    seed: int


@dataclass(frozen=True)
class _Brought:
    """What the source held: its layout and plan, a row per photo, what else is known of each, in
    the same order, and when the reading began."""

    layout: Layout
    plan: Plan
    frame: pd.DataFrame
    metadata: pd.DataFrame
    started: float


def _extended(
    dataset: Dataset, parent: Version, brought: _Brought, how: _Ways, meter: Meter
) -> Version:
    before, layout, frame = store.manifest_of(parent), brought.layout, brought.frame
    usable = frame[frame["problem"] == ""]
    known = usable[usable["image_id"].isin(before["image_id"])]
    fresh = usable[~usable["image_id"].isin(before["image_id"])].drop_duplicates("image_id")
    _require_new(fresh, frame, known)
    edits.require_no_clash([*before["label"].unique(), *fresh["label"].unique()])
    with _placed(dataset, layout, fresh, how.into_own_folder, meter) as paths:
        fresh = _split(fresh.assign(path=paths), how)
        fresh, changed = (
            fresh[~fresh["path"].isin(before["path"])],
            int(fresh["path"].isin(before["path"]).sum()),
        )
        _require_new(fresh, frame, known)
        made = pd.concat([before, fresh], ignore_index=True)
        edits.require_trainable(made)
        notes = _notes(before, known, usable, fresh, changed)
        facts = report.make(
            pd.concat([fresh, frame[frame["problem"] != ""]]),
            layout,
            time.perf_counter() - brought.started,
            notes,
        )
        words = f"{len(fresh):,} new: {how.origin.words}"
        split = {**parent.split, "added": int(parent.split.get("added", 0)) + len(fresh)}
        return store.add_version(
            parent,
            made,
            words,
            split,
            {importing.PLAN: brought.plan.as_dict()},
            facts.as_dict(),
            brought.metadata.loc[fresh.index].assign(path=fresh["path"]),
        )


def _require_new(fresh: pd.DataFrame, frame: pd.DataFrame, known: pd.DataFrame) -> None:
    if fresh.empty:
        bad = int((frame["problem"] != "").sum())
        raise UserError(
            f"There is nothing new: of {len(frame):,} photos {len(known):,} are in the dataset "
            f"already, and {bad:,} can't be used.",
            field="path",
        )


def _split(fresh: pd.DataFrame, how: _Ways) -> pd.DataFrame:
    if how.join == "shared":
        return splits.shared_out(fresh, settings.DEFAULT_RATIOS, how.seed)
    return fresh.assign(split=pd.Series(how.join, fresh.index).mask(fresh["label"] == "", "unused"))


def _notes(
    before: pd.DataFrame,
    known: pd.DataFrame,
    usable: pd.DataFrame,
    fresh: pd.DataFrame,
    changed: int,
) -> list[str]:
    """What a person should know about what came in."""
    labels = before.drop_duplicates("image_id").set_index("image_id")["label"]
    other = known[known["label"] != known["image_id"].map(labels)]
    twice = len(usable) - len(known) - len(fresh) - changed
    new = sorted(set(fresh["label"]) - set(before["label"]))
    said = {
        (
            "Photos that were in the dataset already, by their bytes, and were not taken twice: "
            f"{len(known):,}."
        ): len(known),
        (
            "Of those, with another label here than in the dataset, which keeps its own: "
            f"{len(other):,}."
        ): len(other),
        f"New photos that came more than once and were taken once: {twice:,}.": twice,
        (
            "Files that have changed since they were imported, whose rows stay as they were: "
            f"{changed:,}."
        ): changed,
        f"New classes: {splits.listed(new)}.": new,
    }
    return [text for text, holds in said.items() if holds]


@contextmanager
def _placed(
    dataset: Dataset, layout: Layout, fresh: pd.DataFrame, into_own_folder: bool, meter: Meter
) -> Iterator[list[str]]:
    """The paths of the new photos below the dataset's root, copied there where they lie elsewhere;
    gone again where the block fails."""
    root = dataset.root.resolve()
    if layout.root.resolve().is_relative_to(root):
        below = layout.root.resolve().relative_to(root)
        yield [(below / path).as_posix() for path in fresh["path"]]
        return
    if (inside := remote.extend(root, layout.root)) is not None:
        yield [f"{inside}{path}" for path in fresh["path"]]
        return
    if is_own_folder(dataset) and not into_own_folder:
        raise UserError(
            f"The photos of {dataset.name} lie in your own folder. Allow Fieldmark to put the new "
            f"ones into {dataset.root / ADDED}, or "
            "copy them there yourself and import that folder.",
            field="own_folder",
        )
    files.require_free_space(root, int(fresh["size_bytes"].sum()), "Adding these photos")
    remote.bring(layout.root, fresh["path"], meter.start("Downloading photos", "photos"))
    target = _copied(root, layout.root, fresh["path"], meter.start("Copying photos", "photos"))
    try:
        with files.unfinished(target):
            yield [(target / path).relative_to(root).as_posix() for path in fresh["path"]]
    except BaseException:
        files.remove(target)
        raise


def _copied(
    root: Path, source: Path, paths: pd.Series[str], tell: Callable[[int, int], None]
) -> Path:
    """The new folder below the dataset's root with all of these photos, or none of them."""
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
    """Removes the half of photos that a killed process was copying below a dataset's root."""
    for path in (root / ADDED).glob(f"{ADDING}*"):
        if files.is_abandoned(path):
            files.remove(path)


def is_own_folder(dataset: Dataset) -> bool:
    """Whether the dataset's photos lie in a person's folder rather than in Fieldmark's."""
    return not dataset.root.resolve().is_relative_to(settings.datasets_dir().resolve())


def added(split: Mapping[str, Any]) -> int:
    """How many photos came in after the first import."""
    return int(split.get("added", 0))
