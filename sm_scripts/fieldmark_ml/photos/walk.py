"""The one walk through a folder of photos: which files are photos by name, and why others are left
out.

It is iterative, so that deep nesting cannot end it, and lists one folder at a time.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import suffixes
from .system_files import is_junk

MAX_DEPTH = 32

# Why a file or a folder is left out.
HIDDEN = "hidden or system file"
NOT_IMAGE = "not an image file"
LINK = "link"
DEAD_LINK = "link to a file that is not there"
SEEN = "link to a folder that was read already"
BAD_NAME = "file name is not valid text"
UNREADABLE = "folder that cannot be read"
DEEP = f"folder more than {MAX_DEPTH} folders deep"
SPECIAL = "pipe, socket or device"

# Decides whether a link to this resolved path is followed.
Follows = Callable[[str], bool]


class Entry(NamedTuple):
    """A photo, or a file or folder that is left out, with the reason in `left_out`."""

    path: str
    left_out: str


def never(target: str) -> bool:
    """Follow no link."""
    return False


def entries_below(
    folder: str | os.PathLike[str],
    follows: Follows = never,
    on_entry: Callable[[], None] = lambda: None,
    on_folder: Callable[[str], None] = lambda path: None,
) -> Iterator[Entry]:
    """Yield every entry at any depth below `folder`, folder by folder, sorted by name.

    A folder that is left out is one entry, and nothing in it is looked at. Links are followed if
    `follows` allows their target; a linked folder that was read already is left out, so that
    circular links end. `on_entry` is called for every entry, `on_folder` with each folder that is
    entered.
    """
    top = os.fspath(folder)
    entered = {_identity(top)}
    waiting = [_listed(top)]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        on_entry()
        if isinstance(entry, Entry):
            yield entry
        elif (why := left_out(entry, follows, len(top))) or not _is_folder(entry):
            yield Entry(entry.path, why)
        elif len(waiting) >= MAX_DEPTH:
            yield Entry(entry.path, DEEP)
        elif (identity := _identity(entry.path)) in entered and entry.is_symlink():
            yield Entry(entry.path, SEEN)
        else:
            entered.add(identity)
            on_folder(entry.path)
            waiting.append(_listed(entry.path))


def left_out(entry: os.DirEntry[str], follows: Follows = never, checked_from: int = 0) -> str:
    """Why an entry of a folder is left out; empty for a photo and for a folder to go into.

    The name is checked from the character `checked_from` of the entry's path on.
    """
    if is_junk(entry.name):
        return HIDDEN
    if entry.is_symlink() and (why := _link_problem(entry, follows)):
        return why
    if _is_folder(entry):
        return ""
    if not _is_file(entry):
        return SPECIAL
    if not suffixes.is_photo(entry.name):
        return name_problem(entry.name) or suffixes.unread(entry.name) or NOT_IMAGE
    return name_problem(entry.path, checked_from)


def name_problem(path: str, checked_from: int = 0) -> str:
    """Return BAD_NAME for a path that is not valid text, or would break a line of a table or a
    log."""
    below = path[checked_from:]
    if any(
        unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in below if not char.isprintable()
    ):
        return BAD_NAME
    try:
        path.encode()
    except UnicodeEncodeError:
        return BAD_NAME
    return ""


def _listed(folder: str) -> Iterator[os.DirEntry[str] | Entry]:
    try:
        with os.scandir(folder) as listed:
            return iter(sorted(listed, key=lambda entry: entry.name))
    except OSError:
        return iter([Entry(folder, UNREADABLE)])


def _identity(folder: str) -> tuple[int, int]:
    try:
        found = os.stat(folder)
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino


def _link_problem(entry: os.DirEntry[str], follows: Follows) -> str:
    target = os.path.realpath(entry.path)
    if not follows(target):
        return LINK
    return "" if Path(target).exists() else DEAD_LINK


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
