"""Archives from strangers: refused whole rather than repaired, each bound checked before the bytes it is about are written.

ZIP and TAR (plain, gz, bz2, xz), recognised by content. Nothing here calls `extractall`, which renames what ought to be refused.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core import files, settings
from core.datasets.names import folded, shown
from core.errors import BadArchive, UserError

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]
Wanted = Callable[[str], bool]

CHUNK = 2**18
# Names and attributes of an entry are read at once; longer ones are an attack on memory.
MAX_HEADER_BYTES = 2**20
MAX_PATH_CHARS = 1024
MAX_PART_BYTES = 255
TAR_BLOCK = 512

HIDDEN = "hidden or system file"
JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information"})
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
FOREIGN = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z"}
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class ArchiveReport:
    """What was unpacked: files, their bytes, and how many entries were left out for which reason."""

    files: int
    bytes: int
    ignored: dict[str, int]


def is_junk(name: str) -> bool:
    """Hidden files, and what macOS and Windows leave in folders and archives."""
    return name.startswith(".") or name.casefold() in JUNK


def extract(
    archive: Path, into: Path, progress: Progress | None = None, should_stop: ShouldStop | None = None, wanted: Wanted | None = None
) -> ArchiveReport:
    """Unpacks `archive` into the new folder `into`, whole or not at all. `progress` gets bytes done and bytes in all. Entries that are
    not `wanted`, by name, are checked as the others and left where they are.

    Raises BadArchive, naming the entry, for paths that lead outside, links, devices, encryption, clashing names, sizes that lie,
    archives in archives, damage, and anything beyond the bounds in core.settings; UserError where the disk is too small or
    `should_stop` said so.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{into.name}.", suffix=".tmp", dir=into.parent))
    try:
        unpacking = _Unpacking(temporary, archive.stat().st_size, progress, should_stop, wanted)
        with archive.open("rb") as file, _damage_named():
            _unpack(file, unpacking)
        if not unpacking.files:
            raise BadArchive("The archive holds no files. Choose another one.")
        os.replace(temporary, into)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return ArchiveReport(unpacking.files, unpacking.bytes, dict(unpacking.ignored))


class _Unpacking:
    """One extraction on its way: what has been admitted and written, and the bounds that hold for it."""

    def __init__(
        self, folder: Path, archive_bytes: int, progress: Progress | None, should_stop: ShouldStop | None, wanted: Wanted | None = None
    ) -> None:
        self.folder = folder
        self.archive_bytes = archive_bytes
        self.limit = min(settings.MAX_ARCHIVE_BYTES, max(archive_bytes * settings.MAX_ARCHIVE_RATIO, settings.ARCHIVE_RATIO_FROM))
        self.progress = progress or (lambda done, total: None)
        self.should_stop = should_stop or (lambda: False)
        self.wanted = wanted or (lambda name: True)
        self.entries = self.files = self.bytes = 0
        self.ignored: Counter[str] = Counter()
        self._seen: dict[str, tuple[str, bool]] = {}

    def admit(self, name: str, size: int, is_dir: bool) -> Path | None:
        """Where this entry may be written; None for one that is left out. Raises BadArchive for one that must not be."""
        self.entries += 1
        if self.entries > settings.MAX_ARCHIVE_ENTRIES:
            raise BadArchive(f"The archive has more than {settings.MAX_ARCHIVE_ENTRIES:,} entries. Split it, or import its folder.")
        parts = _checked_parts(name)
        if not parts:
            return None
        if any(map(is_junk, parts)):
            self.ignored[HIDDEN] += not is_dir
            return None
        if not is_dir and parts[-1].lower().endswith(ARCHIVE_SUFFIXES):
            raise _refused(name, "is itself an archive. Unpack that one first, then import its folder")
        self._claim(parts, is_dir)
        if not self.wanted(name):
            return None
        self.files += not is_dir
        self.bytes += size
        self.require_bounded(self.bytes)
        return self.folder.joinpath(*parts)

    def require_bounded(self, count: int) -> None:
        if count > self.limit:
            raise BadArchive(
                f"The archive of {files.human_bytes(self.archive_bytes)} unpacks to more than {files.human_bytes(self.limit)}: that is an "
                f"archive bomb, or too much at once. Unpack it yourself and import its folder."
            )

    def write(self, name: str, target: Path, source: IO[bytes], size: int, done: Callable[[int], tuple[int, int]]) -> None:
        """Copies exactly `size` bytes; `done` turns the bytes of this entry into (done, total) for the progress."""
        written = 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                while chunk := source.read(CHUNK):
                    written += len(chunk)
                    file.write(chunk)
                    self.tick(*done(written))
        except (FileExistsError, NotADirectoryError):
            raise _refused(name, "has the same name as another one") from None
        if written != size:
            raise _refused(name, f"has {written} bytes, not the {size} that it says")

    def tick(self, done: int, total: int) -> None:
        if self.should_stop():
            raise UserError("Stopped while unpacking. Nothing was kept.")
        self.progress(min(done, total), total)

    def _claim(self, parts: list[str], is_dir: bool) -> None:
        """Refuses a path that is there already, and folders whose names a person or a file system takes for one."""
        for depth in range(1, len(parts) + 1):
            path, is_file = "/".join(parts[:depth]), depth == len(parts) and not is_dir
            known = self._seen.get(folded(path))
            if known is None:
                self._seen[folded(path)] = (path, is_file)
            elif known[0] != path and not (is_file and known[1]):
                raise BadArchive(
                    f"The archive holds {shown(known[0])!r} and {shown(path)!r}, which differ only in capitals or in how their accents "
                    f"are encoded. Rename or merge them."
                )
            elif known[0] == path and (is_file or known[1]):
                raise _refused(path, "is in the archive twice")


def _checked_parts(name: str) -> list[str]:
    """The folders and the file of an entry's name. Raises BadArchive for a name that leads, or could lead, outside."""
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise _refused(name, "has an absolute path")
    if "\\" in name or any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise _refused(name, "has a backslash or a control character in its name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _refused(name, "leads outside its folder")
    try:
        if len(name) > MAX_PATH_CHARS or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
            raise _refused(name, "has too long a name")
    except UnicodeEncodeError:
        raise _refused(name, "has a name that is not valid text") from None
    return parts


def _refused(name: str, reason: str) -> BadArchive:
    return BadArchive(f"The archive is refused: its entry {shown(name)!r} {reason}. Nothing was unpacked.")


@contextmanager
def _damage_named() -> Iterator[None]:
    """The many ways in which zipfile, tarfile and the decompressors report damage, as BadArchive; a full disk as UserError."""
    try:
        yield
    except DAMAGED as error:
        raise BadArchive(f"The archive is damaged or cut short ({error}). Make or download it again.") from error
    except OSError as error:
        if error.errno is None:
            raise BadArchive(f"The archive is damaged or cut short ({error}). Make or download it again.") from error
        raise UserError(f"Unpacking failed: {error.strerror}. Nothing was kept.") from error


def _unpack(file: IO[bytes], unpacking: _Unpacking) -> None:
    magic = file.read(8)
    file.seek(0)
    for start, name in FOREIGN.items():
        if magic.startswith(start):
            raise BadArchive(f"This is a {name} archive, whatever its name says. Repack it as ZIP or TAR.")
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        _unpack_zip(file, unpacking)
    elif magic.startswith(b"\x1f\x8b"):
        _unpack_tar(file, gzip.GzipFile(fileobj=file), unpacking)
    elif magic.startswith(b"BZh"):
        _unpack_tar(file, bz2.BZ2File(file), unpacking)
    elif magic.startswith(b"\xfd7zXZ"):
        _unpack_tar(file, lzma.LZMAFile(file), unpacking)  # noqa: SIM115
    else:
        _unpack_tar(file, file, unpacking)


def _unpack_zip(file: IO[bytes], unpacking: _Unpacking) -> None:
    """Every entry is checked before the first is written. Reads stop at the declared sizes, so their sum is a true bound."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        admitted = [(entry, _admit_zip(entry, unpacking)) for entry in entries]
        files.require_free_space(unpacking.folder, unpacking.bytes, "Unpacking this archive")
        total, before = unpacking.bytes, 0
        for entry, target in admitted:
            if target is None:
                continue
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            with archive.open(entry) as source:
                unpacking.write(entry.filename, target, source, entry.file_size, lambda n, before=before: (before + n, total))  # type: ignore[misc]
            before += entry.file_size


def _admit_zip(entry: zipfile.ZipInfo, unpacking: _Unpacking) -> Path | None:
    # zipfile cuts a name at its first NUL; the full one is in orig_filename.
    target = unpacking.admit(entry.orig_filename, entry.file_size, entry.is_dir())
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(entry.filename, "is a link or a device")
    if entry.flag_bits & 0x1:
        raise _refused(entry.filename, "is encrypted")
    return target


def _unpack_tar(raw: IO[bytes], plain: IO[bytes] | gzip.GzipFile, unpacking: _Unpacking) -> None:
    """One pass, because a compressed TAR has no table of contents: each entry is checked before it is written."""
    stream = _Forward(raw, plain, unpacking)
    try:
        archive = tarfile.open(fileobj=stream, mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
    except tarfile.ReadError:
        raise BadArchive("This is neither a ZIP nor a TAR (plain, gz, bz2 or xz), or it is damaged at its beginning.") from None
    with archive:
        for member in archive:
            if not (member.isdir() or member.isreg()) or member.issparse():
                raise _refused(member.name, "is a link or a device")
            target = unpacking.admit(member.name, member.size, member.isdir())
            source = archive.extractfile(member)
            if target is None:
                continue
            if source is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            files.require_free_space(unpacking.folder, member.size, f"Unpacking {shown(member.name)}")
            unpacking.write(member.name, target, source, member.size, lambda _: (raw.tell(), unpacking.archive_bytes))
    stream.require_end()


class _Forward:
    """A stream that tarfile can only read onwards, in bounded pieces; a seek back would decompress everything again."""

    def __init__(self, raw: IO[bytes], plain: IO[bytes] | gzip.GzipFile, unpacking: _Unpacking) -> None:
        self._raw, self._plain, self._unpacking = raw, plain, unpacking
        self._position = 0
        self._last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise BadArchive(f"The archive is refused: one of its headers says it has {size:,} bytes. Nothing was unpacked.")
        self._last = self._plain.read(size)
        self._position += len(self._last)
        self._unpacking.require_bounded(self._position)
        return self._last

    def tell(self) -> int:
        return self._position

    def seek(self, target: int) -> int:
        if target < self._position:
            raise tarfile.ReadError("its entries overlap")
        while self._position < target and self.read(min(CHUNK, target - self._position)):
            self._unpacking.tick(self._raw.tell(), self._unpacking.archive_bytes)
        return self._position

    def require_end(self) -> None:
        """A TAR ends with blocks of zeros, and a compressed one with a checksum: reads on to both, or raises BadArchive."""
        if self._last.strip(b"\0") or len(self._last) != TAR_BLOCK:
            raise BadArchive("The archive is cut short or damaged: its end mark is missing. Make or download it again.")
        while self.read(CHUNK):
            pass
