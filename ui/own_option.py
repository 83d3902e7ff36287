"""A choice among known options or a new one, which has a text field of its own: half of a name that
is typed to search never becomes a new option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from ui import choices
from ui.option_labels import Label

OWN = "\0own"


def maybe(
    title: str,
    options: Sequence[str],
    *,
    own: str,
    field: str,
    key: str,
    label: Label = str,
    start: str = "",
    on: Any = st,
) -> str | None:
    """Draw the select box and, for the option `own`, the text field `field`; return the choice or
    what was typed, None for neither."""
    chosen = choices.maybe(
        title,
        [*options, OWN],
        label=lambda option: own if option == OWN else label(option),
        start=start,
        key=key,
        on=on,
    )
    if chosen != OWN:
        return chosen
    return on.text_input(field, key=f"{key}_own", max_chars=256).strip() or None
