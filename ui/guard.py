"""The line every page begins with: who may see it. A deep link can reach a page without the
router having run."""

from __future__ import annotations

import streamlit as st

from ui.shell import login
from ui.text import plain


def guard() -> None:
    """Stops the page for a visitor who is not signed in, where a login is configured (`[auth]`
    in secrets.toml)."""
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
