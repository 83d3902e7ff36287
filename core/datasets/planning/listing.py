"""List the files below a folder: photos, other files such as tables, and ignored files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core import settings
from core.datasets.importing.entries import IgnoredFiles, OnFile
from sm_scripts.fieldmark_ml.photos import walk

OUTWARD = "link that points outside the allowed folders"


@dataclass(frozen=True)
class Listing:
    """Sorted paths below `root`, with slashes: `photos` by suffix, `others` that may be tables or
    notes, and `folders` without the root. `note` tells the person about fetching the source."""

    root: Path
    photos: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    left_out: IgnoredFiles = field(default_factory=IgnoredFiles)
    note: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """The paths of all files that are not photos."""
        return frozenset(self.others)


def list_files(root: Path, on_file: OnFile) -> Listing:
    """List `root`, calling `on_file` for every entry so that the walk can be stopped.

    Links into the import roots are followed, a folder once. Only folders are opened.
    """
    photos, others, folders, left = [], [], list[str](), IgnoredFiles()
    start = len(os.fspath(root)) + 1
    entries = walk.entries_below(
        root, _may_follow(root), on_file, lambda path: folders.append(path[start:])
    )
    for path, why in entries:
        if not why:
            photos.append(path[start:])
        elif why == walk.NOT_IMAGE:
            others.append(path[start:])
        else:
            left.add(OUTWARD if why == walk.LINK else why, path)
    return Listing(root, tuple(sorted(photos)), tuple(sorted(others)), tuple(sorted(folders)), left)


def _may_follow(root: Path) -> walk.Follows:
    """Return a function that accepts link targets inside this folder or an import root."""
    allowed = [root.resolve(), *(place.resolve() for place in settings.import_roots())]
    return lambda target: any(Path(target).is_relative_to(place) for place in allowed)
