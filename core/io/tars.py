"""TAR archives, plain or compressed: one pass, because a compressed TAR has no table of contents.

Each entry is checked before it is written.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from typing import IO, Any

from core.errors import BadArchive
from core.io import files
from core.io.names import printable
from core.io.unpacking import CHUNK, Unpacking, refused

# Names and attributes of an entry are read at once; longer ones are an attack on memory.
MAX_HEADER_BYTES = 2**20
# `xz -9` needs 65 MiB; a file may ask for 4 GiB.
XZ_MEMORY = 2**27
TAR_BLOCK = 512


def unpack(file: IO[bytes], magic: bytes, unpacking: Unpacking) -> None:
    """Unpack a TAR that begins with `magic`."""
    if magic.startswith(b"\x1f\x8b"):
        _unpack(file, gzip.GzipFile(fileobj=file), unpacking)
    elif magic.startswith(b"BZh"):
        _unpack(file, bz2.BZ2File(file), unpacking)
    elif magic.startswith(b"\xfd7zXZ"):
        _unpack(file, io.BufferedReader(_Xz(file), CHUNK), unpacking)
    elif magic.startswith(b"\x28\xb5\x2f\xfd"):
        _unpack(file, io.BufferedReader(_Zstandard(file), CHUNK), unpacking)
    else:
        _unpack(file, file, unpacking)


def _unpack(raw: IO[bytes], plain: Any, unpacking: Unpacking) -> None:
    stream = _Forward(raw, plain, unpacking)
    try:
        archive = tarfile.open(fileobj=stream, mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
    except tarfile.ReadError:
        raise BadArchive(
            "This is neither a ZIP nor a TAR (plain, gz, bz2, xz or zst), or it is damaged at its "
            "beginning."
        ) from None
    with archive:
        while member := _next(archive, stream):
            _unpack_member(archive, member, raw, unpacking)
    stream.require_end()


def _next(archive: tarfile.TarFile, stream: _Forward) -> tarfile.TarInfo | None:
    """Return the next entry. Release tarfile's record of the previous ones, 1 KB each."""
    first = archive.firstmember  # type: ignore[attr-defined]
    if first is None:
        archive.members.clear()  # type: ignore[attr-defined]
        archive.pax_headers.clear()  # type: ignore[attr-defined]
        stream.header_left = MAX_HEADER_BYTES
    member = archive.next()
    stream.header_left = None
    return member


def _unpack_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, raw: IO[bytes], unpacking: Unpacking
) -> None:
    if member.issparse():
        raise refused(member.name, "is a sparse file, which cannot be a photo")
    if not (member.isdir() or member.isreg()):
        unpacking.leave_out(member.name, is_link=member.issym() or member.islnk())
        return
    target = unpacking.admit(member.name, member.size, member.isdir())
    source = archive.extractfile(member)
    if target is None:
        return
    if source is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    files.require_free_space(unpacking.folder, member.size, f"Unpacking {printable(member.name)}")
    total = unpacking.archive_bytes
    unpacking.write(member.name, target, source, member.size, lambda _: (raw.tell(), total))


class _Forward:
    """A stream that tarfile can only read onwards, in bounded pieces; a seek back would decompress
    everything again.

    `header_left` is how many more bytes the headers of the next entry may have; None while an
    entry's own bytes are read.
    """

    def __init__(self, raw: IO[bytes], plain: Any, unpacking: Unpacking) -> None:
        self._raw, self._plain, self._unpacking = raw, plain, unpacking
        self._position = 0
        self._last = b""
        self.header_left: int | None = MAX_HEADER_BYTES

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise _header_refused(f"says it has {size:,} bytes")
        if self.header_left is not None:
            self.header_left -= size
            if self.header_left < 0:
                raise _header_refused(f"has more than {files.human_bytes(MAX_HEADER_BYTES)}")
        return self._read(size)

    def _read(self, size: int) -> bytes:
        self._last = self._plain.read(size)
        self._position += len(self._last)
        self._unpacking.require_bounded(self._position)
        return self._last

    def tell(self) -> int:
        return self._position

    def seek(self, target: int) -> int:
        if target < self._position:
            raise tarfile.ReadError("its entries overlap")
        while self._position < target and self._read(min(CHUNK, target - self._position)):
            self._unpacking.tick(self._raw.tell(), self._unpacking.archive_bytes)
        return self._position

    def require_end(self) -> None:
        """Read to the end. A TAR ends with blocks of zeros, and a compressed one with a checksum.
        Raises BadArchive if they are missing, and if photos follow them."""
        if self._last.strip(b"\0") or len(self._last) != TAR_BLOCK:
            raise BadArchive(
                "The archive is incomplete or damaged: its end mark is missing. Create or "
                "download it again."
            )
        while data := self._read(CHUNK):
            self._unpacking.tick(self._raw.tell(), self._unpacking.archive_bytes)
            if data.strip(b"\0"):
                raise BadArchive(
                    "There are more bytes after the end of the archive, as if two were joined. "
                    "Unpack it and import its folder."
                )


def _header_refused(reason: str) -> BadArchive:
    return BadArchive(f"The archive is refused: one of its headers {reason}. Nothing was unpacked.")


class _Xz(io.RawIOBase):
    """The bytes in an xz file, decompressed in bounded memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._decoder = file, self._new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        """Return at least one byte, or none at the end."""
        while True:
            if self._decoder.eof:
                given = self._after_a_stream()
                if not given:
                    return b""
                self._decoder = self._new()
            else:
                given = self._more() if self._decoder.needs_input else b""
            if data := self._decompressed(given, size):
                return data

    def _decompressed(self, given: bytes, size: int) -> bytes:
        try:
            return self._decoder.decompress(given, size)
        except lzma.LZMAError as error:
            if "emory" not in str(error):
                raise
            raise BadArchive(
                f"The archive needs more than {files.human_bytes(XZ_MEMORY)} of memory to be "
                "unpacked. Make it again with `xz -9` or less, or unpack it yourself."
            ) from None

    def _more(self) -> bytes:
        if not (data := self._file.read(CHUNK)):
            raise EOFError("it ends within its compressed bytes")
        return data

    def _after_a_stream(self) -> bytes:
        """Return what follows a stream that has ended: the next one, after zeros that pad the
        file."""
        data = self._decoder.unused_data.lstrip(b"\0")
        while not data and (more := self._file.read(CHUNK)):
            data = more.lstrip(b"\0")
        return data

    def _new(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


class _Zstandard(io.RawIOBase):
    """The bytes in a zst file. Arrow refuses a file that takes more than 128 MiB of memory to be
    unpacked."""

    def __init__(self, file: IO[bytes]) -> None:
        from pyarrow import CompressedInputStream, PythonFile

        self._stream = CompressedInputStream(PythonFile(file, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except OSError as error:
            raise self._refused(error) from error
        buffer[: len(data)] = data
        return len(data)

    @staticmethod
    def _refused(error: OSError) -> Exception:
        if error.errno is not None:
            return error
        if "too much memory" in str(error):
            return BadArchive(
                "The archive needs more than 128 MB of memory to be unpacked. Make it again with "
                "`zstd -19` or less, without --ultra or --long, or unpack it yourself."
            )
        return EOFError(str(error))
