"""A choice among known options, or one of a person's own, which is typed only after they said
that it is another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from ui import choices
from ui.choices import Label

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
    """The option, or what was typed; `own` is the option that opens the text `field`. None while
    there is nothing."""
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
