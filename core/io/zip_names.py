"""The names in a ZIP whose maker did not say in which encoding they are.

macOS writes UTF-8 without the flag that says so; Windows writes the code page of its country. What
can't be told for certain is refused, because a misread name is a misread class.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from zipfile import ZipInfo

from core.errors import BadArchive
from core.io.names import shown

UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075
# Systems that write names in their code page: FAT, NTFS and VFAT.
WINDOWS = (0, 10, 11, 14)
LATIN = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜøØáíóúñÑÁÂÀãÃÊËÈÍÎÏÌÓßÔÒõÕÚÛÙýÝ"
_WESTERN = re.compile(rf"[\x00-\x7f]*(?:[{LATIN}]{{1,2}}[\x00-\x7f]+)*(?:[{LATIN}]{{1,2}})?")
_KANA = re.compile("[\u3041-\u30ff]")
_JAPANESE = re.compile(
    r"[\x00-\x7f]*(?:[\u3005-\u3007\u3041-\u30ff\u4e00-\u9fff]{2,}[\x00-\x7f]*)+"
)


def decoded(entries: Sequence[ZipInfo]) -> list[str]:
    """The entries' names as their maker saw them, with slashes between folders.

    Raises BadArchive where names are in an encoding that can't be told.
    """
    raw = [b"" if entry.flag_bits & UTF8_FLAG else _raw(entry) for entry in entries]
    told = [_told(entry, data) for entry, data in zip(entries, raw, strict=True)]
    unknown = [data for data, name in zip(raw, told, strict=True) if name is None]
    systems = {entry.create_system for entry, name in zip(entries, told, strict=True) if not name}
    encoding = _encoding(unknown, systems) if unknown else "utf-8"
    names = [
        data.decode(encoding) if name is None else name
        for data, name in zip(raw, told, strict=True)
    ]
    return [_with_slashes(entry, name) for entry, name in zip(entries, names, strict=True)]


def _raw(entry: ZipInfo) -> bytes:
    # zipfile takes these names for code page 437, in which every byte is a character.
    return entry.orig_filename.encode("cp437")


def _told(entry: ZipInfo, raw: bytes) -> str | None:
    """The name where the archive says what it is; None where its encoding has to be found."""
    if entry.flag_bits & UTF8_FLAG or raw.isascii():
        # The full name: `filename` ends at the first NUL.
        return entry.orig_filename
    return _unicode_path(entry.extra, raw)


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in the extra field that Info-ZIP and WinZip write, where it is about this name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and body[1:5] == struct.pack("<L", zlib.crc32(raw)):
            try:
                return body[5:].decode()
            except UnicodeDecodeError:
                return None
    return None


def _encoding(names: Sequence[bytes], systems: set[int]) -> str:
    if all(_fits(name, "utf-8", None) for name in names):
        return "utf-8"
    if systems <= set(WINDOWS):
        for encoding, pattern in (("cp932", _JAPANESE), ("cp850", _WESTERN)):
            if all(_fits(name, encoding, pattern) for name in names) and _is_likely(
                names, encoding
            ):
                return encoding
    example = shown(names[0].decode("cp850"))
    raise BadArchive(
        f"The names in the archive are in an encoding that it does not say ({example!r}, for one). "
        "Make it again with names in UTF-8, or unpack it yourself and import its folder."
    )


def _fits(name: bytes, encoding: str, pattern: re.Pattern[str] | None) -> bool:
    try:
        text = name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return pattern is None or bool(pattern.fullmatch(text))


def _is_likely(names: Sequence[bytes], encoding: str) -> bool:
    """Japanese is told from Chinese by its kana: the bytes of some words are words in both."""
    return encoding != "cp932" or any(_KANA.search(name.decode(encoding)) for name in names)


def _with_slashes(entry: ZipInfo, name: str) -> str:
    """Some programs on Windows write backslashes between folders."""
    if entry.create_system in WINDOWS and "/" not in name:
        return name.replace("\\", "/")
    return name
