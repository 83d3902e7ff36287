"""What has been done since Fieldmark was first used, as far as nothing else shows it: the checklist
for new users ticks itself."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from core import settings
from core.io import files

logger = logging.getLogger(__name__)

MISTAKES, ASKED, HIDDEN = "mistakes", "asked", "hidden"


def marks() -> set[str]:
    """Return what has been marked as done; nothing if the file can't be read."""
    with suppress(OSError, ValueError, TypeError):
        return {str(name) for name in files.read_json(_path())}
    return set()


def mark(name: str) -> None:
    """Mark one thing as done. It is a convenience: a disk that can't be written to stops nobody."""
    known = marks()
    if name not in known:
        _write({*known, name})


def unmark(name: str) -> None:
    """Take a mark away."""
    _write(marks() - {name})


def _write(names: set[str]) -> None:
    try:
        files.write_json(_path(), sorted(names))
    except OSError as error:
        logger.warning("Can't write %s: %s", _path().name, error)


def _path() -> Path:
    return settings.home() / "first-run.json"
