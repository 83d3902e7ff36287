"""The page of one endpoint: its state in one line, then one view of it at a time."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends
from core.backends import Endpoint, EndpointState
from core.jobs import store as jobs
from core.jobs.status.endpoints import Figures
from ui import choices, links, messages
from ui.endpoints import about, state, stop
from ui.endpoints import code as endpoint_code
from ui.endpoints import load_test as endpoint_load
from ui.endpoints import monitor as endpoint_monitor
from ui.endpoints import photos as endpoint_photos
from ui.shared import live
from ui.text import age, plain

VIEWS = ("Photos", "Load test", "Monitor", "Use it from code", "Log")
REFRESH_SECONDS = 2.0
STARTING_REFRESH_SECONDS = 0.5
LOG_CHARACTERS = 10_000


def show(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> None:
    """Draw the page; `endpoints` are all endpoints, for side-by-side answers."""
    if endpoint.state is EndpointState.CREATING:
        live.redrawn(_starting, STARTING_REFRESH_SECONDS, running=True)(endpoint.id)
    elif endpoint.state is EndpointState.FAILED:
        _failed(endpoint)
    elif endpoint.state is EndpointState.DELETING:
        live.redrawn(_deleting, REFRESH_SECONDS, running=True)(endpoint.id)
    else:
        _serving(endpoint, endpoints)


def _serving(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> None:
    # Filled after the view: the photos that the view sends are counted in the line above it.
    headline = st.container(key="dp_headline")
    view = choices.view(
        "View", VIEWS, key="dp_view", keep=("endpoint",), label_visibility="collapsed"
    )
    with messages.report_errors():
        if view in _SHOWS:
            _SHOWS[view](endpoint)
        else:
            endpoint_photos.show(endpoint, endpoints)
    with headline:
        live.redrawn(_headline, REFRESH_SECONDS, running=True)(endpoint.id)


def _log(endpoint: Endpoint) -> None:
    chunk = backends.of(endpoint).log(jobs.read(endpoint.id))
    st.code(chunk.text[-LOG_CHARACTERS:] or "The log is empty.", language=None)


_SHOWS = {
    "Load test": endpoint_load.show,
    "Monitor": endpoint_monitor.show_endpoint,
    "Use it from code": endpoint_code.show,
    "Log": _log,
}


def _read(endpoint_id: str, expected: EndpointState) -> Endpoint:
    """Return the endpoint as it is now; rerun the whole page if its state is another one."""
    now = {endpoint.id: endpoint for endpoint in backends.endpoints()}.get(endpoint_id)
    if now is None or now.state is not expected:
        st.rerun()
    return now


def _starting(endpoint_id: str) -> None:
    endpoint = _read(endpoint_id, EndpointState.CREATING)
    phases, phase = endpoint.details.phases, endpoint.details.phase or "Starting"
    done = 0.05
    if phase in phases:
        done = (phases.index(phase) + 1) / (len(phases) + 1)
    facts = ", ".join(filter(None, (f"Started {age(endpoint.created)}", state.cost(endpoint))))
    st.progress(done, text=f"{phase}. {plain(facts)}.")
    state.warn_if_stale(endpoint)
    stop.stop_button(endpoint)


def _deleting(endpoint_id: str) -> None:
    endpoint = _read(endpoint_id, EndpointState.DELETING)
    facts = ", ".join(filter(None, (f"Started {age(endpoint.created)}", state.cost(endpoint))))
    st.markdown(f"{state.badge(endpoint)} {plain(facts)}.")
    st.caption(":material/progress_activity: Deletion continues when you close this page.")
    state.warn_if_stale(endpoint)


def _failed(endpoint: Endpoint) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{state.badge(endpoint)} started {age(endpoint.created)}", width="content")
        _model_link(endpoint)
        stop.start_again_button(jobs.read(endpoint.id), endpoint)
        stop.stop_button(endpoint)
    st.error(plain(endpoint.reason), icon=":material/error:")
    _log(endpoint)


def _headline(endpoint_id: str) -> None:
    """State, model, age and counts in one line; refreshed while the page is open."""
    endpoint = _read(endpoint_id, EndpointState.IN_SERVICE)
    figures = backends.of(endpoint).figures(endpoint)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(state.badge(endpoint), width="content")
        _model_link(endpoint)
        st.caption(plain(" · ".join(_facts(endpoint, figures))), width="content")
        with st.popover("About this endpoint", icon=":material/info:", type="tertiary"):
            about.show(endpoint, figures)
        stop.stop_button(endpoint)
    state.warn_if_stale(endpoint)


def _facts(endpoint: Endpoint, figures: Figures) -> list[str]:
    facts = [f"started {age(endpoint.created)}", state.auto_stop(endpoint), state.cost(endpoint)]
    return [*filter(None, facts), *state.counts(figures)]


def _model_link(endpoint: Endpoint) -> None:
    if endpoint.model_id:
        links.link("models", "Model", ":material/verified:", model=endpoint.model_id)
