"""The select box for the class of photos. A new class is an explicit option with its own field:
typing part of a name never creates one."""

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
    """Draw the select box; return the chosen class, review.LEAVE_OUT for the option `leave_out`, or
    None.

    `proposed` are classes that the dataset does not have yet. `on_change` is called with the class
    that a person chose or typed.
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
        on_change=_report,
        args=(key, on_change, ()),
    )
    if option == OWN:
        return _new(classes, f"{key}_new", on_change)
    if option == _LEAVE_OUT:
        return review.LEAVE_OUT
    return option


def is_new(label: str | None, classes: Sequence[str]) -> bool:
    """Return whether this class would be a new one."""
    return bool(label) and label not in classes


def _new(classes: Sequence[str], key: str, on_change: Callable[[str], None] | None) -> str | None:
    """Draw the field for a new class; return the typed name, or an existing one that differs only
    in capitals or blanks."""
    text = st.text_input(
        FIELD,
        key=key,
        max_chars=settings.MAX_NAME_LENGTH,
        on_change=_report,
        args=(key, on_change, classes),
    )
    if not text.strip():
        return None
    try:
        name = _existing_or_clean(text, classes)
    except UserError as error:
        messages.beside({FIELD: str(error)}, FIELD)
        return None
    if name in classes:
        st.caption("This class exists already.")
    return name


def _existing_or_clean(text: str, classes: Sequence[str]) -> str:
    name = names.clean_name(text, "class name")
    return {names.folded(known): known for known in classes}.get(names.folded(name), name)


def _report(key: str, on_change: Callable[[str], None] | None, classes: Sequence[str]) -> None:
    """Call `on_change` with the new choice. An invalid name is reported beside its field when that
    is drawn."""
    value = st.session_state.get(key)
    if on_change is None or value is None or value == OWN:
        return
    if value == _LEAVE_OUT:
        on_change(review.LEAVE_OUT)
        return
    try:
        on_change(_existing_or_clean(value, classes))
    except UserError:
        return
