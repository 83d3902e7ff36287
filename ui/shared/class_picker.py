"""The choice of a class for photos. A new class is never made by typing part of a name: it is an
option, and then has a field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import settings
from core.datasets.editing import review
from core.errors import UserError
from core.io import names
from ui import choices, messages
from ui.own_option import OWN

NEW_CLASS = "New class..."
FIELD = "Name of the new class"
_LEAVE_OUT = "\0leave out"


def show(
    title: str,
    classes: Sequence[str],
    *,
    key: str,
    start: str | None = None,
    proposed: Sequence[str] = (),
    leave_out: str = "",
    on_change: Callable[[str], None] | None = None,
) -> str | None:
    """The chosen class, or review.LEAVE_OUT for the option `leave_out`; None while nothing is
    chosen.

    `proposed` are classes that the dataset does not have yet. `on_change` is called with what a
    person chose, or typed as a new class.
    """
    more = [name for name in proposed if name not in classes]
    words = {
        OWN: NEW_CLASS,
        _LEAVE_OUT: leave_out,
        **{name: f"{name} (new class)" for name in more},
    }
    options = [*classes, *more]
    if leave_out:
        options.append(_LEAVE_OUT)
        if start == review.LEAVE_OUT:
            start = _LEAVE_OUT
    option = choices.maybe(
        title,
        [*options, OWN],
        label=lambda name: str(words.get(name, name)),
        start=start,
        key=key,
        placeholder="Choose a class",
        on_change=_say,
        args=(key, on_change, ()),
    )
    if option == OWN:
        return _new(classes, f"{key}_new", on_change)
    if option == _LEAVE_OUT:
        return review.LEAVE_OUT
    return option


def is_new(label: str | None, classes: Sequence[str]) -> bool:
    """Whether this class would be a new one."""
    return bool(label) and label not in classes


def _new(classes: Sequence[str], key: str, on_change: Callable[[str], None] | None) -> str | None:
    """The name that was typed; that of a class which is there already, where only capitals or
    blanks differ."""
    text = st.text_input(
        FIELD,
        key=key,
        max_chars=settings.MAX_NAME_LENGTH,
        on_change=_say,
        args=(key, on_change, classes),
    )
    if not text.strip():
        return None
    try:
        name = _known(text, classes)
    except UserError as error:
        messages.beside({FIELD: str(error)}, FIELD)
        return None
    if name in classes:
        st.caption("This class is there already.")
    return name


def _known(text: str, classes: Sequence[str]) -> str:
    name = names.clean_name(text, "class name")
    return {names.folded(known): known for known in classes}.get(names.folded(name), name)


def _say(key: str, on_change: Callable[[str], None] | None, classes: Sequence[str]) -> None:
    """Hands on what was chosen just now; a name that can't be used is said beside its field,
    when that is drawn."""
    value = st.session_state.get(key)
    if on_change is None or value is None or value == OWN:
        return
    if value == _LEAVE_OUT:
        on_change(review.LEAVE_OUT)
        return
    try:
        on_change(_known(value, classes))
    except UserError:
        return
