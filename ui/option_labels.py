"""Labels of the options of a choice: no two of them look the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Label = Callable[[Any], str]
_ID_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})t(\d{2})(\d{2})\d{2}-")
_ID = re.compile(r"-[a-z0-9]{6}$")
SHORT_ID = 6


def labels(options: Sequence[T], label: Label = str, hint: Label | None = None) -> dict[T, str]:
    """Return a label for each option; no two look the same.

    `hint` is added to labels that are not unique. The empty option ("all", "none") keeps its label.
    """
    found = {option: label(option) for option in options}
    more: tuple[Label, ...] = (hint or short_id, short_id)
    for say in more:
        for option in _repeated(found):
            if words := say(option):
                found[option] = f"{found[option]} ({words})"
    while repeated := _repeated(found):
        for number, option in enumerate(repeated, 1):
            found[option] = f"{found[option]} ({number})"
    return found


def short_id(option: Any) -> str:
    """Return the time in an id of Fieldmark, if there is one, and its last characters; "" for other
    values."""
    text = str(option)
    if not _ID.search(text):
        return ""
    when = ""
    if made := _ID_TIME.search(text):
        when = "{}-{}-{} {}:{}, ".format(*made.groups())
    return f"{when}{text[-SHORT_ID:]}"


def _repeated(found: dict[T, str]) -> list[T]:
    """Return the options whose labels are not unique; repeated blanks count as one."""
    seen = Counter(" ".join(text.split()) for text in found.values())
    return [
        option
        for option, text in found.items()
        if option != "" and seen[" ".join(text.split())] > 1
    ]
