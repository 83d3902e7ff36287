"""Ways to a view of a dataset version, from anywhere on its page."""

from __future__ import annotations

import streamlit as st

from ui import links

VIEW = "ds_view"
_NEXT = "ds_next_view"


def to(dataset_id: str, version_id: str, view: str) -> None:
    """Goes to a view of a version; nothing after this call runs. A bound widget's parameter can't be set, so its value is, next."""
    st.session_state[_NEXT] = view
    links.to("datasets", dataset=dataset_id, version=version_id)


def arrive() -> None:
    """Takes up the view that `to` asked for; to be called before the choice of views is drawn."""
    if view := st.session_state.pop(_NEXT, ""):
        st.session_state[VIEW] = view
