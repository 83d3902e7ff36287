"""ZIP archives: every entry is checked before the first one is written."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import IO, NoReturn

from core import settings
from core.errors import BadArchive
from core.io import files, zip_names
from core.io.names import printable
from core.io.unpacking import CHUNK, Unpacking, refused, require_entries

ENTRY = b"PK\x01\x02"
LOCAL_HEADER = 30
# zipfile reads the whole table of contents at once. 150,000 entries of 200 bytes take 29 MB.
MAX_DIRECTORY_BYTES = 2**25
MAX_DICTIONARY = 2**26
LZMA = 14
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64, which Windows uses for files over 2 GB",
    93: "Zstandard",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}


def unpack(file: IO[bytes], unpacking: Unpacking, encoding: str = "") -> None:
    """Unpack a ZIP; names without a declared encoding are in `encoding`. Reads stop at the declared
    sizes, so their sum is a true bound."""
    directory = _Directory(file)
    with zipfile.ZipFile(directory) as archive:
        entries = archive.infolist()
        names, unpacking.guessed = zip_names.decoded(entries, encoding)
        _require_apart(entries, names)
        admitted = [
            (entry, name, _admit(entry, name, file, unpacking))
            for entry, name in zip(entries, names, strict=True)
        ]
        files.require_free_space(unpacking.folder, unpacking.bytes, "Unpacking this archive")
        _write(archive, admitted, unpacking)


def _write(
    archive: zipfile.ZipFile,
    admitted: list[tuple[zipfile.ZipInfo, str, Path | None]],
    unpacking: Unpacking,
) -> None:
    total, before = unpacking.bytes, 0
    for entry, name, target in admitted:
        if target is None:
            continue
        unpacking.check_stop()
        if name.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
            continue

        def done(written: int, before: int = before) -> tuple[int, int]:
            return before + written, total

        with archive.open(entry) as source:
            unpacking.write(name, target, source, entry.file_size, done)
        before += entry.file_size


def _admit(entry: zipfile.ZipInfo, name: str, file: IO[bytes], unpacking: Unpacking) -> Path | None:
    is_dir = name.endswith("/")
    target = unpacking.admit(name, 0 if is_dir else entry.file_size, is_dir)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(name, "is a link or a device")
    if entry.flag_bits & 0x1:
        raise refused(name, "is encrypted")
    if target is not None and not is_dir:
        _require_method(entry, name, file)
    return target


def _require_apart(entries: list[zipfile.ZipInfo], names: list[str]) -> None:
    """Raise BadArchive if two entries share bytes, as in a bomb."""
    end = 0
    for entry, name in sorted(zip(entries, names, strict=True), key=_begin):
        if entry.header_offset < end:
            raise refused(name, "overlaps another one")
        # The name is in both headers; the other contents of the local header are unknown.
        raw = len(zip_names.raw(entry))
        end = entry.header_offset + LOCAL_HEADER + raw + entry.compress_size


def _begin(named: tuple[zipfile.ZipInfo, str]) -> int:
    return named[0].header_offset


def _require_method(entry: zipfile.ZipInfo, name: str, file: IO[bytes]) -> None:
    method = entry.compress_type
    if method not in READABLE:
        called = METHODS.get(method, f"number {method}")
        raise BadArchive(
            f"{printable(name)!r} in the archive has an unsupported compression method "
            f"({called}). Create the ZIP again with Deflate, or unpack it and import its folder."
        )
    if method == LZMA and _dictionary(entry, file) > MAX_DICTIONARY:
        raise refused(name, f"needs more than {files.human_bytes(MAX_DICTIONARY)} to be unpacked")


def _dictionary(entry: zipfile.ZipInfo, file: IO[bytes]) -> int:
    """Return the memory that the entry's decompressor would take, by its header."""
    file.seek(entry.header_offset)
    header = file.read(LOCAL_HEADER)
    skipped = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    file.seek(skipped, 1)
    # Two bytes of version, two of length, one of properties, then the dictionary's size.
    return int.from_bytes(file.read(9)[5:9], "little")


class _Directory:
    """A file that limits the size of its table of contents. The bytes are counted on their way to
    zipfile, which would create an object for each entry first."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            self._refuse(size)
        data = self._file.read(size)
        if len(data) > settings.MAX_ARCHIVE_ENTRIES:
            require_entries(data.count(ENTRY))
        return data

    def _refuse(self, size: int) -> NoReturn:
        """Raise BadArchive for a table of contents that is too long: too many entries, or too long
        ones."""
        count = 0
        for start in range(0, size, CHUNK):
            count += self._file.read(min(CHUNK, size - start)).count(ENTRY)
            require_entries(count)
        limit = files.human_bytes(MAX_DIRECTORY_BYTES)
        raise BadArchive(
            f"The archive's table of contents takes more than {limit}. Split it, or import its "
            "folder."
        )

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
