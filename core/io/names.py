"""Names of datasets and classes: any script, but no characters that a table, a path or a reader
would misread."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from core import settings
from core.errors import UserError

# Emoji and several scripts need these two invisible characters; all others only mislead.
JOINERS = frozenset("\u200c\u200d")
MAX_SHOWN = 160


def clean_name(text: str, what: str) -> str:
    """Return `text` trimmed and in Unicode's composed form (NFC); `what` names the object in the
    message.

    Raises UserError if nothing is left, if it is longer than settings.MAX_NAME_LENGTH, holds
    control or invisible characters, or consists of dots only.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name.strip("."):
        raise UserError(
            f"The {what} {printable(text)!r} is not a valid name. Use 1 to "
            f"{settings.MAX_NAME_LENGTH} "
            "characters.",
            field="name",
        )
    if len(name) > settings.MAX_NAME_LENGTH:
        raise UserError(
            f"The {what} {printable(name[:40])!r}... has {len(name)} characters; at most "
            f"{settings.MAX_NAME_LENGTH} can be used. Shorten it.",
            field="name",
        )
    if not _printable(name):
        raise UserError(
            f"The {what} {printable(name)!r} holds a line break or an invisible character. Leave "
            "it out.",
            field="name",
        )
    return name


def numbered(name: str, taken: Iterable[str]) -> str:
    """Return the name, followed by the first free number if a name that looks the same is taken."""
    known = {folded(other) for other in taken}
    number, found = 1, name[: settings.MAX_NAME_LENGTH]
    while folded(found) in known:
        number += 1
        ending = f" {number}"
        found = name[: settings.MAX_NAME_LENGTH - len(ending)].rstrip() + ending
    return found


def slug(name: str) -> str:
    """Return 1 to 32 lower-case ASCII letters, digits and hyphens: safe as a folder, in a URL and
    as a SageMaker name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32].strip("-") or "dataset"


def printable(text: str) -> str:
    """Return an untrusted text for a message or a table: one line, without control characters, of
    limited length."""
    if text.isprintable() and len(text) <= MAX_SHOWN:
        return text
    visible = "".join(char if _printable(char) else "\N{REPLACEMENT CHARACTER}" for char in text)
    return visible if len(visible) <= MAX_SHOWN else f"{visible[:MAX_SHOWN]}..."


def clashes(names: Iterable[str]) -> list[list[str]]:
    """Return groups of different names that a reader or a file system takes for one: they differ in
    capitals, Unicode composition or outer blanks."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[folded(name)].add(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def folded(name: str) -> str:
    if name.isascii():
        return name.strip().casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def _printable(text: str) -> bool:
    return all(char.isprintable() or char in JOINERS for char in text)
