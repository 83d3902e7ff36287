"""The login check that every page begins with: a deep link can open a page before the router has
run."""

from __future__ import annotations

import streamlit as st

from ui.shell import login
from ui.text import plain


def guard() -> None:
    """Show the sign-in form instead of the page if a login is configured (`[auth]` in secrets.toml)
    and the visitor is not signed in."""
    found = login.current()
    if not found.is_required or (not found.problem and st.user.get("is_logged_in")):
        return
    st.title("Fieldmark")
    if found.problem:
        st.error(plain(found.problem), icon=":material/error:")
    st.write("Sign in to see datasets, jobs, models and endpoints.")
    for name in found.providers:
        _offer(name, disabled=bool(found.problem))
    st.stop()


def _offer(provider: str, *, disabled: bool) -> None:
    label, key = f"Sign in with {plain(provider)}", f"sign_in_{provider}"
    if provider == "default":
        label = "Sign in"
    st.button(label, key, type="primary", on_click=st.login, args=(provider,), disabled=disabled)
