"""Detect the encoding of a text by how plausible its words are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Tried in this order if a text is not UTF-8.
CANDIDATES = ("cp932", "gb18030", "big5", "euc_kr", "cp1252", "cp1251", "cp1250", "mac_roman")
CHOICES = ("utf-8", "utf-16", *CANDIDATES, "cp437", "cp850", "iso8859_15")
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
# An encoding is rejected above this share of implausible words.
ODD_SHARE = 0.2
# Accented letters are never most of a Latin word.
ACCENTED_SHARE = 0.6
# Nearly every Shift-JIS text has this share of kana; a Latin text decoded as such does not.
MIN_KANA = 0.1

# First bytes of common characters; other characters in these encodings are rare.
COMMON = {"gb18030": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "euc_kr": (0xB0, 0xC8)}
RARE_SHARE = 0.34

_WORD = re.compile(r"[\w\x80-\U0010ffff]+")


def detect_mark(head: bytes) -> str:
    """Return the encoding given by a byte order mark, or UTF-16 recognised without one; or ''."""
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    if len(head) >= 4 and head[1] == head[3] == 0 and head[0] and head[2]:
        return "utf-16-le"
    if len(head) >= 4 and head[0] == head[2] == 0 and head[1] and head[3]:
        return "utf-16-be"
    return ""


def guess_encoding(lines: Iterable[bytes]) -> str:
    """Return the most plausible of CANDIDATES for lines that are not UTF-8; cp1252 if none is."""
    data = b"\n".join(line for line in lines if not line.isascii())
    best, least = "cp1252", 1.0
    for encoding in CANDIDATES:
        odd = _odd_share(data, encoding)
        if odd < least:
            best, least = encoding, odd
    return best


def _odd_share(data: bytes, encoding: str) -> float:
    """Return the share of non-ASCII words that are implausible in this encoding."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return 1.0
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    odd = sum(_is_odd(word, encoding) for word in words) + _count_symbols(text)
    if encoding == "cp932" and _share_of_kana(text) < MIN_KANA:
        return max(ODD_SHARE, odd / max(len(words), 1))
    return odd / max(len(words), 1)


def _is_odd(word: str, encoding: str) -> bool:
    letters = [char for char in word if char.isalpha()]
    scripts = {_script(char) for char in letters}
    if len(scripts) > 1:
        return True
    if scripts == {"LATIN"}:
        return sum(not char.isascii() for char in letters) > ACCENTED_SHARE * len(letters)
    return sum(_is_rare(char, encoding) for char in letters) > RARE_SHARE * len(letters)


def _is_rare(char: str, encoding: str) -> bool:
    """Return whether a character is rare; Latin bytes decoded as Shift-JIS give half-width kana."""
    if encoding in COMMON:
        first, last = COMMON[encoding]
        return not first <= char.encode(encoding)[0] <= last
    return "\uff61" <= char <= "\uff9f"


def _count_symbols(text: str) -> int:
    """Count control characters and symbols, which names do not contain."""
    return sum(
        unicodedata.category(char) in ("Cc", "Cn", "Co", "Sm", "So", "Sc")
        for char in text
        if char > "\x7f"
    )


def _share_of_kana(text: str) -> float:
    foreign = [char for char in text if char > "\x7f"]
    kana = sum("\u3040" <= char <= "\u30ff" for char in foreign)
    return kana / max(len(foreign), 1)


def _script(char: str) -> str:
    if char.isascii():
        return "LATIN"
    name = unicodedata.name(char, "?").split()[0]
    return "CJK" if name in ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA") else name
