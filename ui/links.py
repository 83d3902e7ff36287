"""Deep links: every view is a page with query parameters, and these are the only places that
name them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from core import settings

PAGES = settings.PROJECT / "pages"


def to(page: str, **parameters: str) -> None:
    """Goes to a page and sets its query parameters; nothing after this call runs."""
    st.switch_page(PAGES / f"{page}.py", query_params=parameters)


def link(page: str, label: str, icon: str | None = None, **parameters: str) -> None:
    """A link that a person can also open in a new tab."""
    st.page_link(PAGES / f"{page}.py", label=label, icon=icon, query_params=parameters)


def parameter(name: str) -> str:
    """A query parameter of this page, or the empty string."""
    return str(st.query_params.get(name, ""))


def set_parameters(**parameters: str) -> None:
    """Puts a choice into the address, so that the view can be linked to; an empty value takes
    the parameter out."""
    for name, value in parameters.items():
        if value:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]


def keep_only(*names: str) -> None:
    """Take every other parameter out of the address.

    So nothing of one view of a page stays in the address of another. A widget that is bound to a
    parameter takes it out itself.
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
    """A button that leads to another page."""
    if st.button(label, key=key, icon=icon, type=kind, help=hint):
        to(page, **parameters)
