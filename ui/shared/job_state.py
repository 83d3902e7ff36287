"""A job's state in words and colours, what a running job does or waits for, and its Stop button."""

from __future__ import annotations

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core import backends
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.status.progress import Progress
from core.jobs.store import Job, State
from ui import links
from ui.text import plain

WORDS = {State.PENDING: "Waiting", State.IN_PROGRESS: "Running"}
COLOURS = {
    State.PENDING: "gray",
    State.IN_PROGRESS: "blue",
    State.STOPPING: "orange",
    State.COMPLETED: "green",
    State.FAILED: "red",
    State.STOPPED: "gray",
}
ICONS = {
    State.PENDING: "schedule",
    State.IN_PROGRESS: "progress_activity",
    State.STOPPING: "pending",
    State.COMPLETED: "check_circle",
    State.FAILED: "error",
    State.STOPPED: "stop_circle",
}
TRAINING_PAGES = {"training": "train", "inspect": "datasets", "tuning": "tune"}


def word(state: State) -> str:
    """Return the state as a person reads it."""
    return WORDS.get(state, str(state))


def badge(state: State) -> str:
    """Return the state as a coloured badge in Markdown."""
    return f":{COLOURS[state]}-badge[:material/{ICONS[state]}: {word(state)}]"


def column() -> ColumnConfig:
    """Return the column of a table that shows states: each cell is a list of one `word`."""
    return st.column_config.MultiselectColumn(
        "State",
        options=[word(state) for state in State],
        color=[COLOURS[state] for state in State],
        width=110,
    )


def stop_button(job: Job, hint: str = "") -> None:
    """Draw Stop, and how long it takes if that is long; nothing for an ended job. `hint` says what
    stopping does, if not as usual."""
    if job.state.is_finished:
        return
    backend = backends.of(job)
    asked = job.state is State.STOPPING or job.folder.stop_request.exists()
    if st.button(
        "Stopping..." if asked else "Stop",
        key=f"stop_{job.id}",
        icon=":material/stop_circle:",
        disabled=asked,
        help=f"{hint or backend.stop_hint} {backend.stop_delay}".strip(),
    ):
        backend.stop(job)
        st.rerun(scope="fragment")
    if backend.stop_delay:
        st.caption(backend.stop_delay, width="content")


def where(job: Job) -> None:
    """Draw what a job on a platform runs on, and how old this information is."""
    backend = backends.of(job)
    if facts := backend.facts(job):
        st.caption(plain(f"{backend.title}: {', '.join(facts.values())}"), width="content")
    if notice := backend.notice(job):
        st.caption(f":orange[:material/history: {plain(notice)}]", width="content")


def phase(job: Job) -> str:
    """Return what a running job does; if it waits for another job, with that job's name."""
    other = _awaited(job)
    if other is not None:
        return f"Waiting for {other.name} to extract the features"
    return Progress.from_json(job.status.progress).phase or "Starting"


def notes(job: Job) -> None:
    """Draw a link to the job that this one waits for, and a warning if this job is silent."""
    if job.state.is_finished:
        return
    if (other := _awaited(job)) is not None:
        st.caption("Both jobs need the same features, which are extracted once.")
        page = TRAINING_PAGES.get(other.kind, "train")
        links.link(
            page,
            f"Open {plain(other.name)}",
            ":material/hourglass_top:",
            job=other.tuning_id or other.id,
        )
    if silent := Progress.from_json(job.status.progress).silent:
        st.warning(plain(silent), icon=":material/warning:")


def _awaited(job: Job) -> Job | None:
    """Return the job that this one waits for; None if there is none or it was deleted."""
    other = Progress.from_json(job.status.progress).waits_for
    try:
        if other:
            return jobs.read(other)
        return None
    except NotFound:
        return None
