"""An endpoint from code: programs that send it photos, ready to run."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.backends import Endpoint
from core.errors import NotFound
from core.models import store as models


def show(endpoint: Endpoint) -> None:
    """Draw every program of the endpoint's backend, then the limits of a request."""
    for program in backends.of(endpoint).usage(endpoint):
        st.markdown(program.about)
        st.code(program.text, language=program.language)
    _about(endpoint)


def _about(endpoint: Endpoint) -> None:
    limits = endpoint.details.limits or (
        "A request can have up to 6 MiB and 32 photos. Errors are returned as "
        '{"error": {"code", "message"}} with status 400, 413, 415, or 503 if the queue is full. '
        "The endpoint is reachable from this machine only."
    )
    try:
        classes = (
            f"Answers are JSON with the top five of {len(models.read(endpoint.model_id).classes)} "
            "classes. "
        )
    except NotFound:
        classes = ""
    st.caption(f"{classes}{limits}")
