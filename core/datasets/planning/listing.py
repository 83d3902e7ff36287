"""The files below a folder, by name: photos, what else may say something about them, and what is
left out and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core import settings
from core.datasets.importing.found import LeftOut, OnFile
from sm_scripts.fieldmark_ml.photos import walk

OUTWARD = "link that leads out of the folders that may be imported"


@dataclass(frozen=True)
class Listing:
    """Paths below `root`, with slashes, in order: `photos` by their suffix, `others` that may be
    tables or notes, `folders` without the root itself. `note`: what a person should know of the
    way that they came here."""

    root: Path
    photos: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)
    note: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """Every file that is no photo, to ask for one by its path."""
        return frozenset(self.others)


def listed(root: Path, on_file: OnFile) -> Listing:
    """Walk through `root` once; `on_file` is called for every entry, so that a walk can be stopped.

    Links are followed where they lead to a place inside the import roots, a folder once; nothing
    but folders is opened.
    """
    photos, others, folders, left = [], [], list[str](), LeftOut()
    start = len(os.fspath(root)) + 1
    entries = walk.entries_below(
        root, _follows(root), on_file, lambda path: folders.append(path[start:])
    )
    for path, why in entries:
        if not why:
            photos.append(path[start:])
        elif why == walk.NOT_IMAGE:
            others.append(path[start:])
        else:
            left.add(OUTWARD if why == walk.LINK else why, path)
    return Listing(root, tuple(sorted(photos)), tuple(sorted(others)), tuple(sorted(folders)), left)


def _follows(root: Path) -> walk.Follows:
    """Whether a link's target may be imported: it lies in this folder, or in an import root."""
    allowed = [root.resolve(), *(place.resolve() for place in settings.import_roots())]
    return lambda target: any(Path(target).is_relative_to(place) for place in allowed)
