"""An endpoint from code: the lines that ask it, ready to be run."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.backends import Endpoint
from core.errors import NotFound
from core.models import store as models


def show(endpoint: Endpoint) -> None:
    """Every program that its backend has, and what to know about the answers."""
    for program in backends.of(endpoint).usage(endpoint):
        st.markdown(program.about)
        st.code(program.text, language=program.language)
    _about(endpoint)


def _about(endpoint: Endpoint) -> None:
    limits = endpoint.details.limits or (
        "A request has at most 6 MiB, and at most 32 photos. What it refuses comes as "
        '{"error": {"code", "message"}} with 400, 413, 415 or, when too many wait, 503. '
        "It listens on this machine only."
    )
    try:
        classes = (
            f"It answers with the likeliest of {len(models.read(endpoint.model_id).classes)} "
            "classes, as JSON. "
        )
    except NotFound:
        classes = ""
    st.caption(f"{classes}{limits}")
