"""The line every page begins with: who may see it. A deep link can reach a page without the router having run."""

from __future__ import annotations

import streamlit as st


def guard() -> None:
    """Stops the page for a visitor who is not signed in, where a login is configured (`[auth]` in secrets.toml)."""
    if not login_is_configured() or st.user.get("is_logged_in"):
        return
    st.title("Fieldmark")
    st.write("Sign in to see datasets, jobs, models and endpoints.")
    st.button("Sign in", type="primary", on_click=st.login)
    st.stop()


def login_is_configured() -> bool:
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False
