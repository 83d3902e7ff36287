"""Archives from strangers: refused whole rather than repaired, each bound checked before the bytes
it is about are written.

ZIP and TAR (plain, gz, bz2, xz), recognised by content. Nothing here calls `extractall`, which
renames what ought to be refused.
"""

from __future__ import annotations

import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.errors import BadArchive, UserError
from core.io import tars, zips
from core.io.unpacking import Progress, ShouldStop, Unpacking, Wanted
from sm_scripts.fieldmark_ml.photos.system_files import is_junk
from sm_scripts.fieldmark_ml.photos.walk import HIDDEN

__all__ = ["HIDDEN", "ArchiveReport", "extract", "is_junk"]

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
    LookupError,
)


@dataclass(frozen=True)
class ArchiveReport:
    """What was unpacked: files, their bytes, and how many entries were left out for which
    reason."""

    files: int
    bytes: int
    ignored: dict[str, int]


def extract(
    archive: Path,
    into: Path,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    wanted: Wanted | None = None,
) -> ArchiveReport:
    """Unpack `archive` into the new folder `into`, whole or not at all. `progress` gets bytes done
    and bytes in all. Entries that are not `wanted`, by name, are checked as the others and left
    where they are.

    Raises BadArchive, naming the entry, for paths that lead outside, links, devices, encryption,
    clashing names, sizes that lie, archives in archives, methods of compression that can't be
    read, damage, and anything beyond the bounds in core.settings; UserError where the disk is too
    small or `should_stop` said so.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{into.name}.", suffix=".tmp", dir=into.parent))
    try:
        size = archive.stat().st_size
        unpacking = Unpacking(temporary, size, progress, should_stop, wanted)
        with archive.open("rb") as file, _damage_named():
            _unpack(file, unpacking)
        if not unpacking.files:
            raise BadArchive("The archive holds no files. Choose another one.")
        os.replace(temporary, into)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return ArchiveReport(unpacking.files, unpacking.bytes, dict(unpacking.ignored))


@contextmanager
def _damage_named() -> Iterator[None]:
    """The many ways in which zipfile, tarfile and the decompressors report damage, as BadArchive; a
    full disk as UserError."""
    try:
        yield
    except DAMAGED as error:
        raise _damaged(error) from error
    except OSError as error:
        if error.errno is None:
            raise _damaged(error) from error
        raise UserError(f"Unpacking failed: {error.strerror}. Nothing was kept.") from error


def _damaged(error: Exception) -> BadArchive:
    return BadArchive(f"The archive is damaged or cut short ({error}). Make or download it again.")


def _unpack(file: IO[bytes], unpacking: Unpacking) -> None:
    magic = file.read(8)
    file.seek(0)
    for start, name in FOREIGN.items():
        if magic.startswith(start):
            raise BadArchive(
                f"This is a {name} archive, whatever its name says. Repack it as ZIP or TAR."
            )
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        zips.unpack(file, unpacking)
    else:
        tars.unpack(file, magic, unpacking)
