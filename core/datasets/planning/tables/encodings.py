"""Which encoding a foreign text is in, told by whether its words are words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Tried in this order where a text is not UTF-8; a person may choose any of them.
CANDIDATES = ("cp932", "gb18030", "big5", "euc_kr", "cp1252", "cp1251", "cp1250", "mac_roman")
CHOICES = ("utf-8", "utf-16", *CANDIDATES, "cp437", "cp850", "iso8859_15")
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
# Above this share of its words that are none, a reading is not believed.
ODD_SHARE = 0.2
# Letters with accents are a part of a Latin word, never most of it.
ACCENTED_SHARE = 0.6
# What a Shift-JIS text nearly always holds, and a Latin one read as such nearly never.
MIN_KANA = 0.1

# The first bytes of the letters that are in everyday use; the rest of these tables is rare.
COMMON = {"gb18030": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "euc_kr": (0xB0, 0xC8)}
RARE_SHARE = 0.34

_WORD = re.compile(r"\w*[^\x00-\x7f]\w*")


def marked(head: bytes) -> str:
    """The encoding that the first bytes of a file name, or those of UTF-16 without a mark show; or
    the empty string."""
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    if len(head) >= 4 and head[1] == head[3] == 0 and head[0] and head[2]:
        return "utf-16-le"
    if len(head) >= 4 and head[0] == head[2] == 0 and head[1] and head[3]:
        return "utf-16-be"
    return ""


def guessed(lines: Iterable[bytes]) -> str:
    """The most credible encoding of lines that are not UTF-8, of CANDIDATES; cp1252 where none
    is."""
    data = b"\n".join(line for line in lines if not line.isascii())
    best, least = "cp1252", 1.0
    for encoding in CANDIDATES:
        odd = _odd_share(data, encoding)
        if odd < least:
            best, least = encoding, odd
    return best


def _odd_share(data: bytes, encoding: str) -> float:
    """The share of the words with foreign letters that are no words in this encoding."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return 1.0
    words = _WORD.findall(text)
    odd = sum(_is_odd(word, encoding) for word in words) + _stray(text)
    if encoding == "cp932" and _kana(text) < MIN_KANA:
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
    """Half-width kana are what bytes of Latin letters look like in Shift-JIS."""
    if encoding in COMMON:
        first, last = COMMON[encoding]
        return not first <= char.encode(encoding)[0] <= last
    return "\uff61" <= char <= "\uff9f"


def _stray(text: str) -> int:
    """Control characters and symbols that no name holds."""
    return sum(
        unicodedata.category(char) in ("Cc", "Cn", "Co", "Sm", "So", "Sc")
        for char in text
        if char > "\x7f"
    )


def _kana(text: str) -> float:
    foreign = [char for char in text if char > "\x7f"]
    kana = sum("\u3040" <= char <= "\u30ff" for char in foreign)
    return kana / max(len(foreign), 1)


def _script(char: str) -> str:
    if char.isascii():
        return "LATIN"
    name = unicodedata.name(char, "?").split()[0]
    return "CJK" if name in ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA") else name
