"""The names in a ZIP that does not declare their encoding. macOS writes UTF-8 without the flag for
it; Windows writes the code page of its locale. An uncertain encoding is refused, because a misread
name is a wrong class."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from zipfile import ZipInfo

from core.errors import BadArchive
from core.io.names import printable

# What a person can choose: the codec, and where its names come from.
ENCODINGS = {
    "utf-8": "UTF-8",
    "cp932": "Japanese (Shift-JIS)",
    "gb18030": "Simplified Chinese (GB 18030)",
    "big5": "Traditional Chinese (Big5)",
    "cp949": "Korean (CP 949)",
    "cp437": "US English, DOS (CP 437)",
    "cp850": "Western Europe, DOS (CP 850)",
    "cp1252": "Western Europe, Windows (CP 1252)",
    "cp852": "Central Europe, DOS (CP 852)",
    "cp866": "Cyrillic, DOS (CP 866)",
    "cp1251": "Cyrillic, Windows (CP 1251)",
}
UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075
# File systems whose names are in a code page: FAT, NTFS and VFAT.
WINDOWS = (0, 10, 11, 14)
LATIN = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜøØáíóúñÑÁÂÀãÃÊËÈÍÎÏÌÓßÔÒõÕÚÛÙýÝ"
_WESTERN = re.compile(rf"[\x00-\x7f]*(?:[{LATIN}]{{1,2}}[\x00-\x7f]+)*(?:[{LATIN}]{{1,2}})?")
_KANA = re.compile("[\u3041-\u30ff]")
_JAPANESE = re.compile(
    r"[\x00-\x7f]*(?:[\u3005-\u3007\u3041-\u30ff\u4e00-\u9fff]{2,}[\x00-\x7f]*)+"
)


def decoded(entries: Sequence[ZipInfo], encoding: str = "") -> tuple[list[str], str]:
    """Return the entries' original names, with slashes between folders, and the encoding guessed
    for those that do not declare one ('' if none was guessed). Raises BadArchive if it cannot be
    guessed, or if names are not in the given one."""
    told = [_told(entry) for entry in entries]
    unknown = [entry for entry, name in zip(entries, told, strict=True) if name is None]
    taken = encoding
    if unknown and not encoding:
        taken = _encoding([raw(entry) for entry in unknown], {one.create_system for one in unknown})
    names = [
        _decoded(raw(entry), taken) if name is None else name
        for entry, name in zip(entries, told, strict=True)
    ]
    if encoding:
        taken = ""
    return _with_slashes(names), taken


def _decoded(name: bytes, encoding: str) -> str:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        example = printable(name.decode("cp850"))
        raise BadArchive(
            f"The name {example!r} in the archive is not in the encoding {encoding}. Choose "
            "another one."
        ) from None


def raw(entry: ZipInfo) -> bytes:
    """Return the bytes of an entry's name in the archive."""
    if entry.flag_bits & UTF8_FLAG:
        return entry.orig_filename.encode("utf-8", "surrogatepass")
    # zipfile decodes these names as code page 437, in which every byte is a character.
    return entry.orig_filename.encode("cp437")


def _told(entry: ZipInfo) -> str | None:
    """Return the name if the archive declares its encoding, else None."""
    name = raw(entry)
    if entry.flag_bits & UTF8_FLAG or name.isascii():
        # The full name: `filename` ends at the first NUL.
        return entry.orig_filename
    return _unicode_path(entry.extra, name)


def _unicode_path(extra: bytes, name: bytes) -> str | None:
    """Return the name in the extra field of Info-ZIP and WinZip, if it belongs to this name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and body[1:5] == struct.pack("<L", zlib.crc32(name)):
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
    example = printable(names[0].decode("cp850"))
    raise BadArchive(
        f"The archive does not declare the encoding of its names (for example {example!r}). "
        "Choose the encoding when you import it, or unpack it and use its folder."
    )


def _fits(name: bytes, encoding: str, pattern: re.Pattern[str] | None) -> bool:
    try:
        text = name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return pattern is None or bool(pattern.fullmatch(text))


def _is_likely(names: Sequence[bytes], encoding: str) -> bool:
    """Japanese is distinguished from Chinese by its kana: the bytes of some words are words in
    both."""
    return encoding != "cp932" or any(_KANA.search(name.decode(encoding)) for name in names)


def _with_slashes(names: list[str]) -> list[str]:
    """Some programs on Windows, such as .NET, write backslashes between folders. They do so in all
    names, so if any name has a slash, a backslash is an ordinary character."""
    if any("/" in name for name in names):
        return names
    return [name.replace("\\", "/") for name in names]
