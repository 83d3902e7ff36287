"""An endpoint on its page: state and live figures, and one view at a time of what can be done
with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core import backends
from core.aws import prices
from core.backends import Endpoint, EndpointState
from core.jobs import store as jobs
from core.jobs.status.asked import endpoint_spec
from core.jobs.status.endpoints import Form
from ui import choices, links, messages, removal
from ui.endpoints import code as endpoint_code
from ui.endpoints import load_test as endpoint_load
from ui.endpoints import monitor as endpoint_monitor
from ui.endpoints import photos as endpoint_photos
from ui.shared import live
from ui.text import age, count, duration, figure, parity_words, plain

COLOURS = {
    EndpointState.CREATING: "blue",
    EndpointState.IN_SERVICE: "green",
    EndpointState.DELETING: "orange",
    EndpointState.FAILED: "red",
}
VIEWS = ("Photos", "Load test", "Monitor", "Use it from code", "Log")
COUNTED = "Since it is in service; the smoke image is not counted."
LOOK_SECONDS = 2.0
CREATING_SECONDS = 0.5


def badge(endpoint: Endpoint) -> str:
    return f":{COLOURS[endpoint.state]}-badge[{endpoint.state}]"


def show(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> None:
    """One endpoint; `endpoints` are all there are, for those that can stand beside it."""
    if endpoint.state is EndpointState.CREATING:
        live.redrawn(_creating, CREATING_SECONDS, running=True)(endpoint.id)
        return
    if endpoint.state is EndpointState.FAILED:
        _failed(endpoint)
        return
    if endpoint.state is EndpointState.DELETING:
        live.redrawn(_deleting, LOOK_SECONDS, running=True)(endpoint.id)
        return
    live.redrawn(_live, LOOK_SECONDS, running=True)(endpoint.id)
    _about(endpoint)
    view = choices.view(
        "View", VIEWS, key="dp_view", keep=("endpoint",), label_visibility="collapsed"
    )
    if view in _SHOWS:
        _SHOWS[view](endpoint)
    else:
        endpoint_photos.show(endpoint, endpoints)


def _log(endpoint: Endpoint) -> None:
    chunk = backends.of(endpoint).log(jobs.read(endpoint.id))
    st.code(chunk.text[-10_000:] or "Nothing yet.", language=None)


_SHOWS = {
    "Load test": endpoint_load.show,
    "Monitor": lambda endpoint: endpoint_monitor.show(jobs.read(endpoint.id)),
    "Use it from code": endpoint_code.show,
    "Log": _log,
}


def _now(endpoint_id: str) -> Endpoint | None:
    return next((endpoint for endpoint in backends.endpoints() if endpoint.id == endpoint_id), None)


def _creating(endpoint_id: str) -> None:
    now = _now(endpoint_id)
    if now is None or now.state is not EndpointState.CREATING:
        st.rerun()
    phases, phase = now.details.phases, now.details.phase or "Starting"
    done = 0.05
    if phase in phases:
        done = (phases.index(phase) + 1) / (len(phases) + 1)
    st.progress(done, text=f"{phase}. Started {age(now.created)}{_cost(now)}.")
    _stale(now)
    delete_button(now)


def _deleting(endpoint_id: str) -> None:
    now = _now(endpoint_id)
    if now is None or now.state is not EndpointState.DELETING:
        st.rerun()
    st.markdown(f"{badge(now)} made {age(now.created)}{_cost(now)}")
    st.caption(
        ":material/progress_activity: It is being ended, also when this page or the app is closed."
    )
    _stale(now)


def _failed(endpoint: Endpoint) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{badge(endpoint)} made {age(endpoint.created)}", width="content")
        links.link("models", "Its model", ":material/verified:", model=endpoint.model_id)
        _restart_button(endpoint)
        delete_button(endpoint)
    st.error(plain(endpoint.reason), icon=":material/error:")
    _log(endpoint)


def _restart_button(endpoint: Endpoint) -> None:
    """The same again, in place of this one."""
    st.session_state.setdefault(f"dp_again_{endpoint.id}", jobs.new_id("endpoint"))
    if st.button(
        "Start it again",
        key=f"dp_restart_{endpoint.id}",
        icon=":material/restart_alt:",
        type="primary",
    ):
        with messages.report_errors():
            spec = replace(
                endpoint_spec(jobs.read(endpoint.id)),
                id=st.session_state[f"dp_again_{endpoint.id}"],
            )
            again = backends.of(endpoint).deploy(spec)
            backends.of(endpoint).delete(endpoint)
            links.to("deploy", endpoint=again.id)


def delete_button(endpoint: Endpoint) -> None:
    """Ends the endpoint, or takes away what is left of it; asks first, by its name."""
    verb, words = _ending(endpoint)
    with st.popover(verb, icon=":material/delete:", key=f"dp_ending_{endpoint.id}", help=words):
        if st.button(
            f"{verb} {plain(removal.shortened(endpoint.name))}",
            key=f"dp_delete_{endpoint.id}",
            type="primary",
        ):
            with messages.report_errors():
                with st.spinner("Ending the endpoint"):
                    backends.of(endpoint).delete(endpoint)
                links.to("deploy")
        st.caption(words)


def _ending(endpoint: Endpoint) -> tuple[str, str]:
    """What ending it is called, and what it does."""
    if not endpoint.details.IS_OURS:
        return "Detach", "It is only forgotten here."
    words = "The model stays; the server and the photos that it kept go."
    if endpoint.state is EndpointState.FAILED:
        return "Delete", words
    return "Stop and delete", words


def _live(endpoint_id: str) -> None:
    """State and counts; it looks again by itself, and draws the page anew when the endpoint is
    no longer what it was."""
    now = _now(endpoint_id)
    if now is None or now.state is not EndpointState.IN_SERVICE:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{badge(now)} made {age(now.created)}{until(now)}{_cost(now)}", width="content"
        )
        if now.model_id:
            links.link("models", "Its model", ":material/verified:", model=now.model_id)
        delete_button(now)
    _stale(now)
    backend = backends.of(now)
    figures = backend.figures(now)
    with st.grid(4 + backend.counts_waiting, min_column_width=130, gap="small"):
        _count("Requests", figures.requests, now.details.counted or COUNTED)
        refused = f"{figures.busy:,} of them because too many waited."
        _count("Errors", figures.errors, f"Requests that were refused or failed, {refused}")
        if backend.counts_waiting:
            waiting = "Photos in the queue or being answered at this moment."
            _count("Waiting", figures.waiting, waiting)
        newest = f"over the newest {count(figures.timed, 'request')}."
        timed = now.details.timed_as or f"From a request's first byte to its answer, {newest}"
        _time("p50", figures.p50_ms, timed)
        _time("p95", figures.p95_ms, timed)


def _cost(endpoint: Endpoint) -> str:
    """`, 1 x ml.m5.large, 0.05 USD so far`, or nothing where it costs nothing."""
    details = endpoint.details
    if not details.instance:
        return ""
    words = f", {details.instance}"
    if details.usd_per_hour:
        hours = (time.time() - endpoint.created) / 3600
        words += f", {prices.money(details.usd_per_hour * hours)} so far"
    return plain(words)


def _stale(endpoint: Endpoint) -> None:
    """Where its platform does not answer: since when, and why."""
    if why := endpoint.details.stale:
        st.warning(
            f"As it was {age(endpoint.details.seen)}: {plain(why)}",
            icon=":material/cloud_off:",
        )


def _count(label: str, number: int | None, words: str) -> None:
    st.metric(label, figure(number, "{:,}"), border=True, help=words)


def _time(label: str, milliseconds: float | None, words: str) -> None:
    st.metric(label, figure(milliseconds, "{:.1f} ms"), border=True, help=words)


def until(endpoint: Endpoint) -> str:
    """`, deletes itself in 2 h 5 min`, or nothing."""
    deadline = endpoint.details.deadline
    if deadline:
        return f", deletes itself in {duration(max(0.0, deadline - time.time()))}"
    return ""


def _about(endpoint: Endpoint) -> None:
    """What answers, how it was found to be as good as plain fp32, and what is worth knowing
    about the start."""
    details = endpoint.details
    words = details.form + _compared(details.chosen)
    words += f". The smoke image came back in {details.smoke_ms} ms"
    if details.start_seconds is not None:
        words += f", {details.start_seconds:.1f} s after the start"
    st.caption(plain(f"{words}.{details.remarks}"))


def _compared(chosen: Form) -> str:
    """How the form that was chosen compares with plain fp32; empty where there was no choice."""
    words = ""
    if chosen.plain_milliseconds and chosen.milliseconds != chosen.plain_milliseconds:
        words = (
            f", {chosen.milliseconds:.1f} ms of processor time a photo "
            f"(plain fp32: {chosen.plain_milliseconds:.1f})"
        )
    if chosen.photos:
        parity = parity_words(chosen.photos, chosen.same_class, chosen.max_difference)
        words += f". {parity}"
    return words
