"""The bin: folders of deleted datasets and jobs, kept for some days so that they can be restored.

A folder enters and leaves it by one rename, so a process that writes into it meanwhile finds it
either where it was or not at all. The name of an entry describes it:

<HOME>/bin/<seconds since 1970>~<group>~<datasets or jobs>~<id>/
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.errors import NotFound, UserError
from core.io import files

GONE = ".gone-"
PARTS = 4


@dataclass(frozen=True)
class Entry:
    """A deleted folder; entries of one `group` were deleted together. `parent` is the name of the
    folder that it came from."""

    path: Path
    deleted: float
    group: str
    parent: str
    id: str

    @property
    def expires(self) -> float:
        return self.deleted + settings.BIN_SECONDS

    @property
    def home(self) -> Path:
        """Where the folder was, and where it goes back to."""
        return settings.home() / self.parent / self.id


def new_group() -> str:
    """Return the name of a group for what is deleted at once."""
    return secrets.token_hex(4)


def take(folder: Path, group: str = "") -> str:
    """Move a folder into the bin, in one step.

    Return its group, or "" if the bin is on another disk and the folder was removed.

    Raises FileNotFoundError if the folder is gone already, OSError if it can't be moved.
    """
    group = group or new_group()
    name = "~".join((str(int(time.time())), group, folder.parent.name, folder.name))
    try:
        os.rename(folder, settings.bin_dir() / name)
        return group
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    aside = folder.with_name(f"{files.DELETED}{folder.name}-{secrets.token_hex(3)}")
    os.rename(folder, aside)
    files.remove(aside)
    return ""


def entries(group: str = "") -> list[Entry]:
    """Return what is in the bin (of one group), the last deleted first."""
    names = sorted((path.name for path in settings.bin_dir().iterdir()), reverse=True)
    found = [entry for name in names if (entry := _entry(name))]
    return [entry for entry in found if group in ("", entry.group)]


def restore(entry: Entry) -> None:
    """Move a folder back to where it was, in one step.

    Raises NotFound if it is not in the bin any more, UserError if something else is in its place.
    """
    try:
        files.move(entry.path, entry.home)
    except (FileNotFoundError, NotFound) as error:
        raise NotFound(f"{entry.id} is not in the bin any more.") from error
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise UserError(f"{entry.id} is there already, so it was not restored.") from error
        raise


def remove(entry: Entry) -> None:
    """Delete a folder for good; one that left the bin meanwhile is left alone."""
    gone = entry.path.with_name(f"{GONE}{entry.path.name}")
    with suppress(FileNotFoundError):
        # Renamed first, so that no partial folder can be restored.
        os.rename(entry.path, gone)
        files.remove(gone)


def sweep() -> None:
    """Delete for good what was in the bin for settings.BIN_SECONDS, and what a killed process left
    of such a deletion."""
    for path in settings.bin_dir().glob(f"{GONE}*"):
        files.remove(path)
    for entry in entries():
        if entry.expires < time.time():
            remove(entry)


def size(entry: Entry) -> int:
    """Return the bytes that an entry takes."""
    total = 0
    for path in entry.path.rglob("*"):
        with suppress(OSError):
            if not path.is_dir():
                total += path.lstat().st_size
    return total


def _entry(name: str) -> Entry | None:
    parts = name.split("~", PARTS - 1)
    if len(parts) != PARTS or not parts[0].isdigit():
        return None
    return Entry(settings.bin_dir() / name, float(parts[0]), *parts[1:])
