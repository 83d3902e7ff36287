"""Deleting a thing: the form names it, its tick belongs to that thing alone, and it acts on what
the address names or not at all. Undo restores what was deleted from the bin."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.bin import deleted
from ui import links, messages
from ui.notices import answers
from ui.text import plain

SHORT = 30


def show(
    name: str,
    thing_id: str,
    act: Callable[[], None],
    *,
    key: str,
    parameter: str,
    facts: str = "",
    verb: str = "Delete",
    help: str | None = None,  # noqa: A002, as Streamlit calls it
    disabled: bool = False,
) -> None:
    """A tick and a button that call `act` for the thing `thing_id`, which the parameter of the
    address names.

    Neither outlives the thing: their keys hold its id, so a tick never passes to the next one, nor
    does a click that comes late.
    """
    more = f" ({plain(facts)})" if facts else ""
    sure = st.checkbox(
        f"{verb} **{plain(name)}**{more}",
        key=f"{key}_sure_{thing_id}",
        help=help,
        disabled=disabled,
    )
    pressed = st.button(
        f"{verb} {plain(shortened(name))}",
        key=f"{key}_{thing_id}",
        icon=":material/delete:",
        disabled=disabled or not sure,
    )
    if not pressed or not sure:
        return
    if links.parameter(parameter) != thing_id:
        st.error(
            "The address names another thing by now, so nothing was done. Look again, and repeat "
            "it."
        )
        return
    with messages.report_errors():
        act()


def tell(name: str, group: str) -> None:
    """Say on the next page that the thing was deleted, with Undo if it is in the bin."""
    words = f"Deleted {shortened(name)}"
    if group:
        answers.tell(words, act=lambda: _restore(name, group))
    else:
        answers.tell(words)


def _restore(name: str, group: str) -> None:
    deleted.restore(group)
    answers.tell(f"Restored {shortened(name)}")


def shortened(name: str) -> str:
    if len(name) <= SHORT:
        return name
    return f"{name[: SHORT - 3]}..."
