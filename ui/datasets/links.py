"""Links to the views of a dataset version."""

from __future__ import annotations

import streamlit as st

from core.datasets.store import Dataset, Version
from ui import links

VIEW = "ds_view"
# The photo whose own page is shown; `photo` is the one that the viewer shows.
PAGE = "photo_page"
# Choices on the page that are kept while a photo's own page is open: Streamlit forgets widgets that
# are not drawn.
KEPT = (
    "ds_view",
    "ds_class",
    "ds_split",
    "ds_page",
    "ds_select",
    "ds_find",
    "ds_sort",
    "ds_down",
    "ds_boxes",
    "ds_sizes",
    "ds_colour",
    "ds_layout",
)
KEPT_BEGIN = ("ds_map_page", "ds_issue_page", "ds_history_page", "ds_compare_")
_NEXT = "ds_next_values"
_BACK = "ds_back"


def to(dataset_id: str, version_id: str, view: str, **values: str | int) -> None:
    """Go to a view of a version; nothing after this call runs.

    `values` are those of widgets on that view, by key. A parameter that is bound to a widget can't
    be set, so `arrive` sets the widget's value.
    """
    st.session_state[_NEXT] = {VIEW: view, **values}
    named = {name: value for name, value in values.items() if isinstance(value, str) and value}
    links.to("datasets", dataset=dataset_id, version=version_id, **named)


def arrive() -> None:
    """Set the choices of `to` or `back`; must be called before their widgets are drawn."""
    for name, value in st.session_state.pop(_NEXT, {}).items():
        st.session_state[name] = value


def open_photo(dataset_id: str, version_id: str, path: str) -> None:
    """Go to a photo's own page; nothing after this call runs. The choices on this page are kept for
    the way back."""
    values = {
        str(name): value
        for name, value in st.session_state.items()
        if name in KEPT or str(name).startswith(KEPT_BEGIN)
    }
    free = {
        name: value
        for name, value in st.query_params.items()
        if name not in values and name not in (PAGE, "photo", "job")
    }
    st.session_state[_BACK] = (values, free)
    links.to("datasets", dataset=dataset_id, version=version_id, **{PAGE: path})


def back(dataset: Dataset, version: Version) -> None:
    """Draw the button that leads from a photo's page back to where it was opened."""
    if st.button("Back", key="ds_photo_back", icon=":material/arrow_back:", type="tertiary"):
        values, free = st.session_state.pop(_BACK, ({}, {}))
        st.session_state[_NEXT] = values
        same = {**free, "dataset": dataset.id, "version": version.id}
        links.to("datasets", **same)
