"""Uploads of a browser until a job takes them over. Their names tell which process stored them, so
that abandoned uploads can be told from those about to be used."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import psutil

from core import settings
from core.io import files
from core.jobs import locks
from core.jobs import store as jobs

PHOTOS = "photos-"
ARCHIVE = ".archive"
_NAMED = re.compile(r"[0-9a-f]+-(\d+)-(\d+)")
_KINDS = ("import", "plan", "transform")


def new_archive() -> Path:
    """Return the path for the next uploaded archive."""
    return settings.uploads_dir() / f"{_token()}{ARCHIVE}"


def new_folder() -> Path:
    """Make and return a folder for uploaded photos."""
    return files.folder_below(settings.uploads_dir(), f"{PHOTOS}{_token()}")


def sweep() -> None:
    """Remove uploads that no job will take over: the process that stored them is gone, or the job
    that they were for has ended."""
    found = list(settings.uploads_dir().iterdir())
    waiting, ended = _wanted() if found else (set(), set())
    for path in found:
        if path in waiting or not (path.suffix == ARCHIVE or path.name.startswith(PHOTOS)):
            continue
        if path in ended or not _is_owned(path):
            files.remove(path)


def discard(path: str) -> None:
    """Remove an upload that no job took over; any other path is left alone."""
    if Path(path).parent == settings.uploads_dir():
        files.remove(Path(path))


def _wanted() -> tuple[set[Path], set[Path]]:
    """Return the paths that jobs name: those that may still be read, and those that are done with.
    A finished batch still reads its photos."""
    waiting: set[Path] = set()
    ended: set[Path] = set()
    for job in _jobs():
        path = Path(str(job.spec.get("path", "")))
        runs = locks.is_locked(job.folder.lock) or not job.state.is_finished
        (waiting if runs or path.name.startswith(PHOTOS) else ended).add(path)
    return waiting, ended


def _jobs() -> Iterator[jobs.Job]:
    for kind in _KINDS:
        yield from jobs.readable(kind)


def _token() -> str:
    return f"{secrets.token_hex(8)}-{os.getpid()}-{psutil.Process().create_time():.0f}"


def _is_owned(path: Path) -> bool:
    """Return whether the process that stored it still runs."""
    named = _NAMED.fullmatch(path.name.removeprefix(PHOTOS).removesuffix(ARCHIVE))
    if not named:
        return False
    try:
        return abs(psutil.Process(int(named[1])).create_time() - int(named[2])) < 2
    except psutil.Error:
        return False
