"""Words and numbers for people: ages, durations, shares, and foreign text made safe for
Markdown."""

from __future__ import annotations

import html
import re
import time
import unicodedata

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:$<>&=^])")
# What Streamlit makes of plain text after Markdown is done, escapes or not: links of addresses,
# emojis and icons of :names:, arrows of ->. It sees no such thing across the end of a piece.
_ADDRESS = r"(?i:(?<=htt)(?=ps?://[-\w]*\.)|(?<=ww)(?=w\.))|(?<=[-.+\w])(?=@[-\w]+\.)"
_EMOJI = r"(?<=:)(?=[-+\w]+:|material[/_])"
_JOINTS = re.compile(rf"{_ADDRESS}|{_EMOJI}|(?<=[-<>=~])(?=[-<>=~])")
# A piece of nothing, so that text before it and after it is parsed as two pieces.
_JOINT = ":small[]"
_SPACE = re.compile(r"\s+")
# A unit, its seconds, and from how many on it is used.
AGES = (
    ("days", 86400.0, 2 * 86400.0),
    ("h", 3600.0, 3600.0),
    ("min", 60.0, 60.0),
    ("s", 1.0, 5.0),
)
# Joiners belong to emojis and to scripts; beside plain letters they only hide.
_JOINERS = "\u200c\u200d"


def plain(text: str) -> str:
    """Foreign text (a class or file name) as Markdown that shows it letter by letter, links and
    HTML included."""
    pieces = _JOINTS.split(visible(_SPACE.sub(" ", text)))
    return _JOINT.join(_MARKDOWN.sub(r"\\\1", piece) for piece in pieces)


def visible(text: str) -> str:
    """The text with its invisible characters, which hide or turn round what it says, by number."""
    before = ("", *text)
    return "".join(_shown(letter, last) for letter, last in zip(text, before, strict=False))


def _shown(letter: str, before: str) -> str:
    if _is_hidden(letter, before):
        return f"[U+{ord(letter):04X}]"
    return letter


def _is_hidden(letter: str, before: str) -> bool:
    if letter in _JOINERS:
        return not before or before.isascii()
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def chart_text(text: str) -> str:
    """Foreign text for a Plotly chart, whose labels and hover texts know a little HTML."""
    return html.escape(visible(text), quote=False)


def with_code(text: str) -> str:
    """As `plain`, but what stands between backticks is shown as code."""
    return "".join(
        f"`{part}`" if place % 2 else plain(part) for place, part in enumerate(text.split("`"))
    )


def age(since: float | None) -> str:
    """How long ago, in one unit: `just now`, `40 s ago`, `3 min ago`, `2 h ago`, `5 days ago`."""
    if since is None:
        return ""
    seconds = max(0.0, time.time() - since)
    for unit, length, least in AGES:
        if seconds >= least:
            return f"{seconds // length:.0f} {unit} ago"
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
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {plural or noun + 's'}"


def figure(value: float | None, pattern: str) -> str:
    """A number by a pattern such as `{:.1f} ms`, or a dash where there is none."""
    if value is None:
        return "-"
    return pattern.format(value)


def left(seconds: float | None) -> str:
    """`, about 2 min 5 s left`, or nothing if that is not known."""
    if seconds:
        return f", about {duration(seconds)} left"
    return ""


def percent(share: float, digits: int = 0) -> str:
    """Return `95 %`, with so many digits after the point."""
    return f"{100 * share:.{digits}f} %"


def share(correct: int, total: int) -> str:
    """`321/355 = 0.904`, the way every accuracy is written here."""
    if total:
        return f"{correct}/{total} = {correct / total:.3f}"
    return "no images"


def parity_words(photos: int, same_class: int, difference: float) -> str:
    """Return the check of a fast engine against plain fp32 on `photos` photos."""
    same = "same class for all"
    if same_class != photos:
        same = f"same class for {same_class}, near ties for the others"
    change = f"{max(0.0001, difference):.2g}"
    return f"Check on {count(photos, 'photo')}: {same}, largest probability change {change}"
