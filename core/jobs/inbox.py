"""What a browser sent, until a job takes it over: under names of ours that say which process put it
there, so that what nobody came to fetch can be told from what somebody is about to hand on."""

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
_KINDS = ("import", "transform")


def new_archive() -> Path:
    """Where the next uploaded archive is put."""
    return settings.uploads_dir() / f"{_token()}{ARCHIVE}"


def new_folder() -> Path:
    """The new folder for uploaded photos."""
    return files.folder_below(settings.uploads_dir(), f"{PHOTOS}{_token()}")


def sweep() -> None:
    """Removes what no job will take over any more: the process that put it there is gone, or the
    job that it was for has ended."""
    found = list(settings.uploads_dir().iterdir())
    waiting, ended = _wanted() if found else (set(), set())
    for path in found:
        if path in waiting or not (path.suffix == ARCHIVE or path.name.startswith(PHOTOS)):
            continue
        if path in ended or not _is_owned(path):
            files.remove(path)


def discard(path: str) -> None:
    """Removes an upload that no job took over; a path of anything else is left alone."""
    if Path(path).parent == settings.uploads_dir():
        files.remove(Path(path))


def _wanted() -> tuple[set[Path], set[Path]]:
    """The paths that jobs name: those that may still read them, and those that are done with them.
    A batch looks at its photos also when it is done."""
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
    """Whether the process that put it there still runs."""
    named = _NAMED.fullmatch(path.name.removeprefix(PHOTOS).removesuffix(ARCHIVE))
    if not named:
        return False
    try:
        return abs(psutil.Process(int(named[1])).create_time() - int(named[2])) < 2
    except psutil.Error:
        return False
