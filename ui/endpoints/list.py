"""The list of endpoints with live figures, and the endpoints that stopped by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends
from core.backends import Endpoint, EndpointState
from core.endpoints import capture
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.status.endpoints import Details
from core.jobs.store import Job
from core.models import store as models
from ui import links, messages, removal
from ui.endpoints import monitor as endpoint_monitor
from ui.endpoints import state, stop
from ui.shared import live
from ui.text import age, plain

REFRESH_SECONDS = 2.0


def show(endpoints: Sequence[Endpoint]) -> None:
    """Draw a card for each endpoint; refreshed while any of them changes or serves."""
    if not endpoints:
        st.caption("No endpoints are running.")
    busy = any(endpoint.state is not EndpointState.FAILED for endpoint in endpoints)
    live.redrawn(_cards, REFRESH_SECONDS, running=busy)([endpoint.id for endpoint in endpoints])


def _cards(known: Sequence[str]) -> None:
    endpoints = backends.endpoints()
    if [endpoint.id for endpoint in endpoints] != list(known):
        st.rerun()
    for endpoint in endpoints:
        with st.container(
            border=True, horizontal=True, vertical_alignment="center", key=f"dp_card_{endpoint.id}"
        ):
            st.markdown(state.badge(endpoint), width="content")
            links.link("deploy", f"**{plain(endpoint.name)}**", endpoint=endpoint.id)
            st.caption(plain(" · ".join(filter(None, _facts(endpoint)))))
            if endpoint.state is not EndpointState.DELETING:
                stop.stop_button(endpoint)


def _facts(endpoint: Endpoint) -> list[str]:
    """Model, where it runs, age, automatic stop and figures; instead of figures, what a starting
    endpoint does, or why it failed."""
    facts = [
        _model_name(endpoint),
        backends.of(endpoint).title,
        f"started {age(endpoint.created)}",
    ]
    if endpoint.state is EndpointState.FAILED:
        return [*facts, endpoint.reason]
    facts += [state.auto_stop(endpoint), state.cost(endpoint)]
    if endpoint.state is not EndpointState.IN_SERVICE:
        return [*facts, endpoint.details.phase.lower()]
    return [*facts, *state.counts(backends.of(endpoint).figures(endpoint))]


def _model_name(endpoint: Endpoint) -> str:
    """Return the model's name; empty if the endpoint is called like it."""
    if not endpoint.model_id:
        return "unknown model"
    try:
        name = models.read(endpoint.model_id).name
    except NotFound:
        return "deleted model"
    return name if name != endpoint.name else ""


def show_ended_list(ended: Sequence[Job]) -> None:
    """Draw the endpoints that stopped at their deadline or outside Fieldmark, folded."""
    if not ended:
        return
    with st.expander(f"Stopped automatically ({len(ended)})"):
        for job in ended:
            with st.container(
                horizontal=True, vertical_alignment="center", key=f"dp_ended_{job.id}"
            ):
                links.link("deploy", plain(job.name), endpoint=job.id)
                st.caption(f"ended {age(job.status.ended)}", width="content")
                stop.start_again_button(job)


def show_ended(job: Job) -> None:
    """Draw the page of an endpoint that stopped by itself, with the requests that it stored."""
    reason = Details.from_json(job.status.progress).gone or "It reached its auto-stop time."
    st.markdown(f":gray-badge[Ended {age(job.status.ended)}] {plain(reason)}")
    with st.container(horizontal=True):
        stop.start_again_button(job)
        links.button(
            "Deploy with other settings",
            "deploy",
            key="dp_redeploy",
            icon=":material/rocket_launch:",
            model=str(job.spec["model_id"]),
        )
        name = plain(removal.shortened(job.name))
        if st.button(
            f"Delete {name}",
            key=f"dp_forget_{job.id}",
            icon=":material/delete:",
            help="Deletes its log and stored requests.",
        ):
            with messages.report_errors():
                removal.tell(job.name, jobs.move_to_bin(job.id))
                links.to("deploy")
    if capture.stamp(job.folder)[0]:
        endpoint_monitor.show(job)
