"""Stopping an endpoint, and starting a stopped, ended or failed one again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import streamlit as st

from core import backends
from core.backends import Endpoint, EndpointState
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from core.jobs.status.asked import endpoint_spec
from core.jobs.store import Job
from ui import links, messages, removal
from ui.text import plain

# The endpoint that this session stopped last: its backend's name and its spec.
STOPPED = "dp_stopped"


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
    """Stop the endpoint and remember how to start it again."""
    st.session_state.pop(STOPPED, None)
    with suppress(NotFound):
        # Not found: another version of Fieldmark wrote a spec that this one can't read.
        st.session_state[STOPPED] = endpoint.backend, endpoint_spec(jobs.read(endpoint.id))
    with st.spinner(f"Stopping {plain(endpoint.name)}"):
        backends.of(endpoint).delete(endpoint)
    links.to("deploy")


def offer_undo() -> None:
    """Offer to start the endpoint again that this session stopped last."""
    if STOPPED not in st.session_state:
        return
    backend, spec = st.session_state[STOPPED]
    done, again = "Stopped", "Start again"
    if spec.attached:
        done, again = "Detached", "Attach again"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="dp_undo"):
        st.markdown(f":material/check_circle: {done} **{plain(spec.name)}**.", width="content")
        _start_again(backend, spec, again)
        if st.button("Dismiss", key="dp_undo_dismiss", type="tertiary"):
            del st.session_state[STOPPED]
            st.rerun()


def start_again_button(job: Job, replaced: Endpoint | None = None) -> None:
    """Draw a button that starts an ended endpoint with the same settings under a new id.

    `replaced` is deleted once the new endpoint starts. Draws nothing if the settings can't be read.
    """
    with suppress(NotFound):
        _start_again(job.backend, endpoint_spec(job), "Start again", replaced)


def _start_again(
    backend: str, spec: EndpointSpec, label: str, replaced: Endpoint | None = None
) -> None:
    # The new id is made with the button, not with the click: two clicks start one endpoint.
    nonce = f"dp_again_{spec.id}"
    new_id = str(st.session_state.setdefault(nonce, jobs.new_id("endpoint")))
    if not st.button(label, key=f"dp_restart_{spec.id}", icon=":material/restart_alt:"):
        return
    with messages.report_errors():
        endpoint = backends.named(backend).deploy(replace(spec, id=new_id))
        if replaced:
            backends.of(replaced).delete(replaced)
        del st.session_state[nonce]
        st.session_state.pop(STOPPED, None)
        links.to("deploy", endpoint=endpoint.id)
