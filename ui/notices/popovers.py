"""Popovers that close when what they were opened for is done."""

from __future__ import annotations

import streamlit as st

_CLOSED = ".closed"


def key(name: str) -> str:
    """Return the key of a popover, which is another one each time it was closed: Streamlit keeps a
    popover open as long as it keeps its key."""
    closed = st.session_state.get(f"{name}{_CLOSED}", 0)
    if closed:
        return f"{name}_{closed}"
    return name


def close(name: str) -> None:
    """Close the popover when the page is drawn the next time."""
    st.session_state[f"{name}{_CLOSED}"] = st.session_state.get(f"{name}{_CLOSED}", 0) + 1
