"""The form that deletes a dataset or a job. It names the thing, and acts only if the address still
names it. Undo restores it from the bin."""

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
    """Draw a checkbox and a button that calls `act` for the thing `thing_id`, which the query
    parameter `parameter` names.

    Their keys contain the id: neither the tick nor a late click applies to another thing.
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
            "Nothing was deleted: the page shows something else by now. Check the name and try "
            "again."
        )
        return
    with messages.report_errors():
        act()


def tell(name: str, group: str) -> None:
    """Say on the next page that the thing was deleted, with Undo if it can be restored."""
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
