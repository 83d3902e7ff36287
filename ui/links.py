"""Links: every view is a page with query parameters. No other module names the files of the
pages."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from core import settings

PAGES = settings.PROJECT / "pages"


def to(page: str, **parameters: str) -> None:
    """Open a page with these query parameters; nothing after this call runs."""
    st.switch_page(PAGES / f"{page}.py", query_params=parameters)


def link(page: str, label: str, icon: str | None = None, **parameters: str) -> None:
    """Draw a link to a page, which also opens in a new tab."""
    st.page_link(PAGES / f"{page}.py", label=label, icon=icon, query_params=parameters)


def show_address() -> None:
    """Send this page's parameters to the browser.

    After a link from a page to itself, Streamlit knows the new parameters but leaves the browser's
    address as it was, and the next click would bring the old ones back.
    """
    st.query_params.update({})


def parameter(name: str) -> str:
    """Return a query parameter of this page, or ""."""
    return str(st.query_params.get(name, ""))


def set_parameters(**parameters: str) -> None:
    """Set query parameters of this page; an empty value removes one."""
    for name, value in parameters.items():
        if value:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]


def keep_only(*names: str) -> None:
    """Remove all other query parameters, so that nothing of one view stays in the address of
    another.

    Parameters that are bound to a widget are removed by Streamlit with the widget.
    """
    for name in st.query_params.to_dict():
        if name not in names:
            with suppress(StreamlitAPIException):
                del st.query_params[name]


def button(
    label: str,
    page: str,
    *,
    key: str,
    icon: str | None = None,
    kind: Any = "secondary",
    hint: str | None = None,
    **parameters: str,
) -> None:
    """Draw a button that opens a page with these query parameters."""
    if st.button(label, key=key, icon=icon, type=kind, help=hint):
        to(page, **parameters)
