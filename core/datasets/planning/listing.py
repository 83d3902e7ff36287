"""The files below a folder, by name: photos, what else may say something about them, and what is
left out and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core import settings
from core.datasets.importing.found import (
    DEEP,
    UNREADABLE,
    LeftOut,
    OnFile,
    is_image,
    name_problem,
    reason,
)
from core.io.archives import is_junk

OUTWARD = "link that leads out of the folders that may be imported"
GONE = "link to something that is not there"
ROUND = "link to a folder that is walked already"


@dataclass(frozen=True)
class Listing:
    """Paths below `root`, with slashes, in order: `photos` by their suffix, `others` that may be
    tables or notes, `folders` without the root itself."""

    root: Path
    photos: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every file that is no photo, to ask for one by its path."""
        return frozenset(self.others)


def listed(root: Path, on_file: OnFile) -> Listing:
    """Walk through `root` once; `on_file` is called for every entry, so that a walk can be stopped.

    Links are followed where they lead to a place inside the import roots, a folder once; nothing
    but folders is opened.
    """
    walk = _Walk(root, on_file)
    photos, others = [], []
    for path in walk.files():
        if is_image(path):
            photos.append(path)
        else:
            others.append(path)
    return Listing(
        root, tuple(sorted(photos)), tuple(sorted(others)), tuple(sorted(walk.folders)), walk.left
    )


class _Walk:
    """One walk, and what it has seen."""

    def __init__(self, root: Path, on_file: OnFile) -> None:
        self._root, self._on_file = os.fspath(root), on_file
        self._roots = [root.resolve(), *(place.resolve() for place in settings.import_roots())]
        self._linked: set[Path] = set()
        self.folders: list[str] = []
        self.left = LeftOut()

    def files(self) -> Iterator[str]:
        """Each file's path below the root."""
        waiting = [self._entries(self._root)]
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
                continue
            self._on_file()
            if why := self._problem(entry):
                self.left.add(why, entry.path)
            elif not _is_folder(entry):
                yield self._below(entry)
            elif len(waiting) < settings.MAX_DEPTH:
                self.folders.append(self._below(entry))
                waiting.append(self._entries(entry.path))
            else:
                self.left.add(DEEP, entry.path)

    def _below(self, entry: os.DirEntry[str]) -> str:
        return entry.path[len(self._root) :].lstrip("/")

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as found:
                return iter(sorted(found, key=lambda entry: entry.name))
        except OSError:
            self.left.add(UNREADABLE, folder)
            return iter(())

    def _problem(self, entry: os.DirEntry[str]) -> str:
        """Why the entry is left out, or the empty string."""
        if is_junk(entry.name):
            return reason(entry)
        if entry.is_symlink() and (why := self._link_problem(entry)):
            return why
        if not _is_folder(entry) and not _is_file(entry):
            return reason(entry)
        return name_problem(entry.path, self._root)

    def _link_problem(self, entry: os.DirEntry[str]) -> str:
        target = Path(entry.path).resolve()
        if not any(target.is_relative_to(root) for root in self._roots):
            return OUTWARD
        if not target.exists():
            return GONE
        if not target.is_dir():
            return ""
        is_above = Path(entry.path).parent.resolve().is_relative_to(target)
        if is_above or target in self._linked:
            return ROUND
        self._linked.add(target)
        return ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
