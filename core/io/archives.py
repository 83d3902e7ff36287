"""Untrusted archives: refused whole rather than repaired; each limit is checked before the bytes it
applies to are written.

ZIP and TAR (plain, gz, bz2, xz, zst), recognised by content. Nothing here calls `extractall`, which
renames entries that must be refused.
"""

from __future__ import annotations

import codecs
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from core.errors import BadArchive, UserError
from core.io import tars, zips
from core.io.names import printable
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
    """The result of unpacking: files, their bytes, and the number of entries left out by reason,
    with an example of each. `guessed` is the encoding used for names that do not declare one; empty
    if all do, or if the caller gave it."""

    files: int
    bytes: int
    ignored: dict[str, int]
    examples: dict[str, str] = field(default_factory=dict)
    guessed: str = ""


def extract(
    archive: Path,
    into: Path,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    wanted: Wanted | None = None,
    encoding: str = "",
) -> ArchiveReport:
    """Unpack `archive` into the new folder `into`, whole or not at all. `progress` gets bytes done
    and bytes in all. Entries that are not `wanted`, by name, are checked like the others but not
    written; links and devices in a TAR are left out and counted. Names in a ZIP without a declared
    encoding are decoded with `encoding`, or, if it is empty, with a guessed one.

    Raises BadArchive, naming the entry, for paths that lead outside, links and devices in a ZIP,
    encryption, clashing names, false sizes, overlapping entries, nested archives, unsupported
    compression methods, damage, and anything over the limits in core.settings; UserError if the
    disk is too small, `should_stop` said so, or there is no such encoding.
    """
    _require_encoding(encoding)
    into.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{into.name}.", suffix=".tmp", dir=into.parent))
    try:
        size = archive.stat().st_size
        unpacking = Unpacking(temporary, size, progress, should_stop, wanted)
        with archive.open("rb") as file, _damage_named():
            _unpack(file, unpacking, encoding)
        if not unpacking.files:
            raise BadArchive("The archive holds no files. Choose another one.")
        os.replace(temporary, into)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return ArchiveReport(
        unpacking.files,
        unpacking.bytes,
        dict(unpacking.ignored),
        unpacking.examples,
        unpacking.guessed,
    )


def _require_encoding(encoding: str) -> None:
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        raise UserError(f"There is no encoding named {printable(encoding)!r}.") from None


@contextmanager
def _damage_named() -> Iterator[None]:
    """Translate the many exceptions by which zipfile, tarfile and the decompressors report damage
    to BadArchive, and a full disk to UserError."""
    try:
        yield
    except DAMAGED as error:
        raise _damaged(error) from error
    except OSError as error:
        if error.errno is None:
            raise _damaged(error) from error
        raise UserError(f"Unpacking failed: {error.strerror}. Nothing was kept.") from error


def _damaged(error: Exception) -> BadArchive:
    return BadArchive(
        f"The archive is damaged or incomplete ({error}). Create or download it again."
    )


def _unpack(file: IO[bytes], unpacking: Unpacking, encoding: str) -> None:
    magic = file.read(8)
    file.seek(0)
    for start, name in FOREIGN.items():
        if magic.startswith(start):
            raise BadArchive(
                f"This is a {name} archive, which is not supported. Repack it as ZIP or TAR, or "
                "unpack it and import its folder."
            )
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        zips.unpack(file, unpacking, encoding)
    else:
        tars.unpack(file, magic, unpacking)
