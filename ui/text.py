"""Words and numbers for people: ages, durations, shares, and foreign text made safe for Markdown."""

from __future__ import annotations

import re
import time

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:$<>&])")


def plain(text: str) -> str:
    """Foreign text (a class or file name) as Markdown that shows it letter by letter, links and HTML included."""
    return _MARKDOWN.sub(r"\\\1", text.replace("\n", " "))


def with_code(text: str) -> str:
    """As `plain`, but what stands between backticks is shown as code."""
    return "".join(f"`{part}`" if place % 2 else plain(part) for place, part in enumerate(text.split("`")))


def age(since: float | None) -> str:
    """How long ago, in one unit: `just now`, `40 s ago`, `3 min ago`, `2 h ago`, `5 days ago`."""
    if since is None:
        return ""
    seconds = max(0.0, time.time() - since)
    for unit, length in (("days", 2 * 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 5.0)):
        if seconds >= length:
            return f"{seconds // (86400 if unit == 'days' else 1 if unit == 's' else length):.0f} {unit} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """A length of time in its two coarsest units at most."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    return f"{int(seconds // 86400)} days"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 photo`, `715 photos`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def share(correct: int, total: int) -> str:
    """`321/355 = 0.904`, the way every accuracy is written here."""
    return f"{correct}/{total} = {correct / total:.3f}" if total else "no images"


def parity_words(photos: int, same_class: int, difference: float) -> str:
    """What was found when a fast form was compared with plain fp32 on `photos` photos."""
    same = "the same class for all" if same_class == photos else f"the same class for {same_class}, the others undecided between two"
    return f"Compared with plain fp32 on {count(photos, 'photo')}: {same}, no probability differs by more than {difference:.4f}"
