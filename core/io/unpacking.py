"""The unpacking of one archive: the entries admitted and written, and the limits, which are the
same for every kind of archive. Each is checked before the bytes it applies to are written."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from core import settings
from core.errors import BadArchive, UserError
from core.io import files
from core.io.names import folded, printable
from sm_scripts.fieldmark_ml.photos.system_files import is_junk
from sm_scripts.fieldmark_ml.photos.walk import HIDDEN, LINK, SPECIAL

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]
Wanted = Callable[[str], bool]

CHUNK = 2**18
MAX_PATH_CHARS = 1024
MAX_PART_BYTES = 255
# All paths of one archive are held in memory, to find names that clash on some file systems.
MAX_NAMES_BYTES = 2**26

ARCHIVE_SUFFIXES = (
    *(".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar"),
    *(".tar.zst", ".tzst"),
)


def refused(name: str, reason: str) -> BadArchive:
    return BadArchive(
        f"The archive is refused: its entry {printable(name)!r} {reason}. Nothing was unpacked."
    )


def require_entries(count: int) -> None:
    """Raise BadArchive for too many entries."""
    if count > settings.MAX_ARCHIVE_ENTRIES:
        raise BadArchive(
            f"The archive has more than {settings.MAX_ARCHIVE_ENTRIES:,} entries. Split it, or "
            "import its folder."
        )


class Unpacking:
    """One extraction: the entries admitted and written, and the limits."""

    def __init__(
        self,
        folder: Path,
        archive_bytes: int,
        progress: Progress | None,
        should_stop: ShouldStop | None,
        wanted: Wanted | None = None,
    ) -> None:
        self.folder = folder
        self.archive_bytes = archive_bytes
        by_ratio = max(archive_bytes * settings.MAX_ARCHIVE_RATIO, settings.ARCHIVE_RATIO_FROM)
        self.limit = min(settings.MAX_ARCHIVE_BYTES, by_ratio)
        self.progress = progress or (lambda done, total: None)
        self.should_stop = should_stop or (lambda: False)
        self.wanted = wanted or (lambda name: True)
        self.entries = self.files = self.bytes = 0
        self.ignored: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.guessed = ""
        self._seen: dict[str, tuple[str, bool]] = {}
        self._names_bytes = self._folders = 0

    def admit(self, name: str, size: int, is_dir: bool) -> Path | None:
        """Return the path for an entry; None for one that is left out. Raises BadArchive for one
        that is refused."""
        self.entries += 1
        require_entries(self.entries)
        parts = checked_parts(name)
        if not parts:
            return None
        if any(map(is_junk, parts)):
            if not is_dir:
                self._left_out(HIDDEN, parts)
            return None
        if not is_dir and parts[-1].lower().endswith(ARCHIVE_SUFFIXES):
            raise refused(name, "is an archive itself. Unpack that one first, then import it")
        self._claim(parts, is_dir)
        if not self.wanted(name):
            return None
        self.files += not is_dir
        self.bytes += size
        self.require_bounded(self.bytes)
        return self.folder.joinpath(*parts)

    def leave_out(self, name: str, *, is_link: bool) -> None:
        """Count a link, or a device. Raises BadArchive as `admit` does for its name."""
        self.entries += 1
        require_entries(self.entries)
        parts = checked_parts(name)
        reason = LINK
        if not is_link:
            reason = SPECIAL
        if any(map(is_junk, parts)):
            reason = HIDDEN
        self._left_out(reason, parts)

    def _left_out(self, reason: str, parts: Sequence[str]) -> None:
        self.ignored[reason] += 1
        self.examples.setdefault(reason, "/".join(parts))

    def require_bounded(self, count: int) -> None:
        """Raise BadArchive if `count` bytes are more than this archive may unpack to."""
        if count > self.limit:
            size, limit = files.human_bytes(self.archive_bytes), files.human_bytes(self.limit)
            raise BadArchive(
                f"The archive of {size} unpacks to more than {limit}: this is an archive bomb, or "
                "too much at once. Unpack it and import its folder."
            )

    def write(
        self,
        name: str,
        target: Path,
        source: IO[bytes],
        size: int,
        done: Callable[[int], tuple[int, int]],
    ) -> None:
        """Copy exactly `size` bytes; `done` turns the bytes of this entry into (done, total) for
        the progress."""
        written = 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                while chunk := source.read(CHUNK):
                    written += len(chunk)
                    file.write(chunk)
                    self.tick(*done(written))
        except (FileExistsError, NotADirectoryError):
            raise refused(name, "has the same name as another one") from None
        if written != size:
            raise refused(name, f"has {written} bytes, not the declared {size}")

    def tick(self, done: int, total: int) -> None:
        """Report progress. Raises UserError if the user has asked to stop."""
        self.check_stop()
        self.progress(min(done, total), total)

    def check_stop(self) -> None:
        if self.should_stop():
            raise UserError("Stopped while unpacking. Nothing was kept.")

    def _claim(self, parts: list[str], is_dir: bool) -> None:
        """Refuse a duplicate path, and folders whose names look the same to a reader or a file
        system."""
        for depth in range(1, len(parts) + 1):
            path, is_file = "/".join(parts[:depth]), depth == len(parts) and not is_dir
            known = self._seen.get(folded(path))
            if known is None:
                self._keep(path, is_file)
            elif known[0] != path and not (is_file and known[1]):
                raise BadArchive(
                    f"The archive holds {printable(known[0])!r} and {printable(path)!r}, which "
                    "differ only in capitals or in how their accents are encoded. Rename or "
                    "merge them."
                )
            elif known[0] == path and (is_file or known[1]):
                raise refused(path, "is in the archive twice")

    def _keep(self, path: str, is_file: bool) -> None:
        self._seen[folded(path)] = (path, is_file)
        self._folders += not is_file
        self._names_bytes += sys.getsizeof(path)
        if self._folders > settings.MAX_FOLDERS:
            raise BadArchive(
                f"The archive has more than {settings.MAX_FOLDERS:,} folders. Split it, or put "
                "the photos of a class into one folder."
            )
        if self._names_bytes > MAX_NAMES_BYTES:
            limit = files.human_bytes(MAX_NAMES_BYTES)
            raise BadArchive(
                f"The names in the archive take more than {limit}. Split it, or shorten the names."
            )


def checked_parts(name: str) -> list[str]:
    """Return the folders and the file of an entry's name. Raises BadArchive for a name that leads,
    or may lead, outside."""
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise refused(name, "has an absolute path")
    if "\\" in name or any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise refused(name, "has a backslash or a control character in its name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refused(name, "leads outside its folder")
    if len(parts) > settings.MAX_DEPTH:
        raise refused(name, f"is more than {settings.MAX_DEPTH} folders deep")
    try:
        if len(name) > MAX_PATH_CHARS or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
            raise refused(name, "has too long a name")
    except UnicodeEncodeError:
        raise refused(name, "has a name that is not valid text") from None
    return parts
