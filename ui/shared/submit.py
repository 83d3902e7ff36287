"""The button that submits a form: two clicks start one job, an error is shown, and
otherwise the page of the job opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

import streamlit as st

from core.errors import UserError
from core.jobs import store as jobs
from ui import messages

Started = TypeVar("Started")
NOWHERE: Mapping[str, Any] = {}


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
    beside: Mapping[str, Any] = NOWHERE,
    **more: Any,
) -> None:
    """Draw the button. A click calls `start` with the id of the new job, and `go` with its result.

    `form` names the form in the session, `kind` is the job's. `beside` are places right below
    fields, for what `start` refuses about them; anything else is said below the button.
    """
    # The id belongs to the form and not to the click, so two clicks are one job. Once the job
    # exists, the form gets a new id.
    nonce = f"{form}_id"
    job_id = str(st.session_state.setdefault(nonce, jobs.new_id(kind)))
    if not on.button(label, key=key, icon=icon, **{"type": "primary", **more}):
        return
    with messages.report_errors():
        try:
            with st.spinner("Starting"):
                started = start(job_id)
        except UserError as error:
            with beside.get(error.field, nullcontext()):
                messages.beside(messages.as_fields(error), error.field)
            return
        del st.session_state[nonce]
        go(started)
