"""Stopping an endpoint, and starting a stopped, ended or failed one again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

import streamlit as st

from core import backends
from core.backends import Endpoint, EndpointState
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from core.jobs.status.asked import endpoint_spec
from core.jobs.store import Job
from ui import links, messages, removal
from ui.notices import answers
from ui.text import plain


def stop_button(endpoint: Endpoint) -> None:
    """Draw a popover that stops or detaches the endpoint after a click on its name."""
    verb, consequence = _describe(endpoint)
    with st.popover(
        verb, icon=":material/delete:", key=f"dp_ending_{endpoint.id}", help=consequence
    ):
        if st.button(
            f"{verb} {plain(removal.shortened(endpoint.name))}",
            key=f"dp_delete_{endpoint.id}",
            type="primary",
        ):
            with messages.report_errors():
                _stop(endpoint)
        st.caption(consequence)


def _describe(endpoint: Endpoint) -> tuple[str, str]:
    """Return the verb on the button, and what it does."""
    if not endpoint.details.IS_OURS:
        return "Detach", "Removes it from this list; the endpoint keeps running."
    consequence = "Deletes the server and its stored requests. The model stays."
    if endpoint.state is EndpointState.FAILED:
        return "Delete", consequence
    return "Stop and delete", consequence


def _stop(endpoint: Endpoint) -> None:
    """Stop the endpoint and offer to start it again."""
    verb, undo = "Stopped", "Start again"
    if not endpoint.details.IS_OURS:
        verb, undo = "Detached", "Attach again"
    elif endpoint.state is EndpointState.FAILED:
        verb = "Deleted"
    words = f"{verb} {removal.shortened(endpoint.name)}"
    again = None
    with suppress(NotFound):
        # Not found: another version of Fieldmark wrote a spec that this one can't read.
        again = replace(endpoint_spec(jobs.read(endpoint.id)), id=jobs.new_id("endpoint"))
    with st.spinner(f"Stopping {plain(endpoint.name)}"):
        backends.of(endpoint).delete(endpoint)
    if again is None:
        answers.tell(words)
    else:
        answers.tell(words, action=undo, act=partial(_restart, endpoint.backend, again))
    links.to("deploy")


def _restart(backend: str, spec: EndpointSpec) -> None:
    backends.named(backend).deploy(spec)


def start_again_button(job: Job, replaced: Endpoint | None = None) -> None:
    """Draw a button that starts an ended endpoint with the same settings under a new id.

    `replaced` is deleted once the new endpoint starts. Draws nothing if the settings can't be read.
    """
    try:
        spec = endpoint_spec(job)
    except NotFound:
        return
    # The new id is made with the button, not with the click: two clicks start one endpoint.
    nonce = f"dp_again_{spec.id}"
    new_id = str(st.session_state.setdefault(nonce, jobs.new_id("endpoint")))
    if not st.button("Start again", key=f"dp_restart_{spec.id}", icon=":material/restart_alt:"):
        return
    with messages.report_errors(), st.spinner("Starting"):
        endpoint = backends.named(job.backend).deploy(replace(spec, id=new_id))
        if replaced:
            backends.of(replaced).delete(replaced)
        del st.session_state[nonce]
        links.to("deploy", endpoint=endpoint.id)
