"""The button that ends a form and starts something: two clicks start one, what is refused is said
below it, and otherwise the page goes to where that is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from core.errors import UserError
from core.jobs import store as jobs
from ui import messages

Started = TypeVar("Started")


def button(
    label: str,
    start: Callable[[str], Started],
    go: Callable[[Started], None],
    *,
    form: str,
    kind: str,
    key: str,
    icon: str,
    on: Any = st,
    **more: Any,
) -> None:
    """Calls `start` with the id that the job is to have, and `go` with what it made.

    `form` names the form in the session, `kind` is the job's.
    """
    # The id is made with the form and not with the click: two clicks are one job, and only when it
    # is there is a new one made.
    nonce = f"{form}_id"
    job_id = str(st.session_state.setdefault(nonce, jobs.new_id(kind)))
    if not on.button(label, key=key, icon=icon, **{"type": "primary", **more}):
        return
    with messages.report_errors():
        try:
            started = start(job_id)
        except UserError as error:
            messages.beside(messages.as_fields(error), error.field)
            return
        del st.session_state[nonce]
        go(started)
