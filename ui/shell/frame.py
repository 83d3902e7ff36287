"""What stands around every page without taking room in it: the browser's history, and what the last
action did."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.notices import answers
from ui.shell import history

_STYLE = Path(__file__).with_suffix(".css")


def show() -> None:
    """Draw the frame; to be called before the page, which may be drawn again after an Undo."""
    with st.container(key="frame"):
        st.html(_STYLE)
        history.show()
        answers.show()
