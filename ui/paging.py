"""Pagination of long lists."""

from __future__ import annotations

from typing import Any

import streamlit as st

BUTTONS, BUTTON_PIXELS, ARROWS_PIXELS = 7, 36, 80


def pages(rows: int, size: int) -> int:
    """Return the number of pages for so many rows, at least 1."""
    return max(1, -(-rows // size))


def number(of: int, *, key: str, **more: Any) -> int:
    """Draw the page buttons, if there is more than one page; return the current page, from 1."""
    if of <= 1:
        return 1
    # Without a width Streamlit hides page numbers that there is room for.
    width = min(of, BUTTONS) * BUTTON_PIXELS + ARROWS_PIXELS
    return min(int(st.pagination(of, key=key, width=width, **more) or 1), of)


def rows(page: int, size: int) -> slice:
    """Return the slice of the rows of a page."""
    return slice((page - 1) * size, page * size)


def shown(total: int, size: int, *, key: str, **more: Any) -> slice:
    """Draw the page buttons and return the slice of the rows on the current page."""
    return rows(number(pages(total, size), key=key, **more), size)
