"""A list of jobs, each line a way to its page; folders that can't be read stand among them with the reason."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends
from core.jobs import Job, State, Unreadable
from ui import links
from ui.text import age, duration, plain

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
PAGES = {"training": "train", "import": "datasets", "endpoint": "deploy"}


def badge(state: State) -> str:
    """The state as a coloured badge in Markdown."""
    return f":{COLOURS[state]}-badge[:material/{ICONS[state]}: {state}]"


def show(jobs: Sequence[Job | Unreadable], *, key: str, empty: str) -> None:
    """One line per job: what it is, its state, when it was made and how long it ran."""
    if not jobs:
        st.caption(empty)
    for number, item in enumerate(jobs):
        with st.container(key=f"{key}_{number}", horizontal=True, vertical_alignment="center", gap="small"):
            if isinstance(item, Unreadable):
                st.markdown(f":orange-badge[:material/warning: unreadable] `{item.id}` {plain(item.reason)}")
            else:
                _line(backends.of(item).refresh(item))


def _line(job: Job) -> None:
    st.markdown(badge(job.state), width="content")
    links.link(PAGES[job.kind], plain(job.name), job=job.id)
    seconds = f", ran {duration(job.status.seconds)}" if job.status.started else ""
    st.caption(f"{job.kind}, {age(job.created)}{seconds}", width="content")
