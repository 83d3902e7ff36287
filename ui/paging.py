"""Long lists a page at a time."""

from __future__ import annotations

from typing import Any

import streamlit as st

BUTTONS, BUTTON_PIXELS, ARROWS_PIXELS = 7, 36, 80


def pages(rows: int, size: int) -> int:
    """How many pages so many rows take, at least one."""
    return max(1, -(-rows // size))


def number(of: int, *, key: str, **more: Any) -> int:
    """The page that is shown, from 1; the buttons for the others are drawn where there are any."""
    if of <= 1:
        return 1
    # In a row with other things Streamlit would hide numbers that there is room for.
    width = min(of, BUTTONS) * BUTTON_PIXELS + ARROWS_PIXELS
    return min(int(st.pagination(of, key=key, width=width, **more) or 1), of)


def rows(page: int, size: int) -> slice:
    """The rows of a page."""
    return slice((page - 1) * size, page * size)


def shown(total: int, size: int, *, key: str, **more: Any) -> slice:
    """Which of so many rows are shown now."""
    return rows(number(pages(total, size), key=key, **more), size)
