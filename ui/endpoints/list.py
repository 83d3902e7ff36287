"""The endpoints there are, with live figures, and those that have deleted themselves at their
deadline."""

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
from ui.endpoints.view import badge, until
from ui.shared import live
from ui.text import age, count, plain

LOOK_SECONDS = 2.0


def show(endpoints: Sequence[Endpoint]) -> None:
    """Every endpoint in one card each; it looks again by itself while one is up."""
    if not endpoints:
        st.caption("Nothing is being served.")
    busy = any(
        endpoint.state in (EndpointState.CREATING, EndpointState.IN_SERVICE)
        for endpoint in endpoints
    )
    live.redrawn(_cards, LOOK_SECONDS, running=busy)([endpoint.id for endpoint in endpoints])


def _cards(known: Sequence[str]) -> None:
    now = backends.endpoints()
    if [endpoint.id for endpoint in now] != list(known):
        st.rerun()
    for endpoint in now:
        with st.container(
            border=True, horizontal=True, vertical_alignment="center", key=f"dp_card_{endpoint.id}"
        ):
            st.markdown(badge(endpoint), width="content")
            links.link("deploy", plain(endpoint.name), endpoint=endpoint.id)
            st.caption(_line(endpoint))


def _line(endpoint: Endpoint) -> str:
    words = f"{plain(backends.of(endpoint).title)}, made {age(endpoint.created)}{until(endpoint)}"
    if endpoint.state is EndpointState.FAILED:
        return f"{words}. {plain(endpoint.reason)}"
    figures = backends.of(endpoint).figures(endpoint)
    if figures.requests is None:
        now = endpoint.details.phase or "starting"
        if endpoint.state is EndpointState.IN_SERVICE:
            now = "in service"
        return f"{words}, {plain(now).lower()}"
    counted = f"{count(figures.requests, 'request')}, {count(figures.errors or 0, 'error')}"
    if figures.p50_ms is not None:
        counted += f", p50 {figures.p50_ms:.1f} ms"
    return f"{plain(_model_name(endpoint))}, {words}, {counted}"


def _model_name(endpoint: Endpoint) -> str:
    try:
        return models.read(endpoint.model_id).name
    except NotFound:
        return "its model is gone"


def ended(found: Sequence[Job]) -> None:
    """Endpoints that deleted themselves at their deadline."""
    if not found:
        return
    with st.expander(
        f"{count(len(found), 'endpoint')} that deleted "
        f"{'itself' if len(found) == 1 else 'themselves'} as chosen"
    ):
        for job in found:
            with st.container(
                horizontal=True, vertical_alignment="center", key=f"dp_ended_{job.id}"
            ):
                links.link("deploy", plain(job.name), endpoint=job.id)
                st.caption(f"ended {age(job.status.ended)}", width="content")


def show_ended(job: Job) -> None:
    """One that has deleted itself: what it kept, until that is removed too."""
    gone = Details.from_json(job.status.progress).gone
    why = gone or "It deleted itself, as chosen when it was started."
    st.markdown(f":gray-badge[Ended {age(job.status.ended)}] {plain(why)}")
    with st.container(horizontal=True):
        links.button(
            "Deploy its model again",
            "deploy",
            key="dp_redeploy",
            icon=":material/rocket_launch:",
            model=str(job.spec["model_id"]),
        )
        name = plain(removal.shortened(job.name))
        if st.button(
            f"Forget {name}",
            key=f"dp_forget_{job.id}",
            icon=":material/delete:",
            help="Removes its log and the photos that it kept.",
        ):
            with messages.report_errors():
                jobs.delete(job.id)
                links.to("deploy")
    if capture.stamp(job.folder)[0]:
        endpoint_monitor.show(job)
