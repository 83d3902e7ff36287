"""A running job in a line: where it runs, how old that is, and Stop. Pages that draw no charts need no more of a job."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.jobs import Job, State
from ui.text import plain


def stop_button(job: Job) -> None:
    """Stop, with what will happen; nothing for an ended job."""
    if job.state.is_finished:
        return
    asked = job.state is State.STOPPING or job.folder.stop_request.exists()
    label = "Stopping..." if asked else "Stop"
    if st.button(
        label, key=f"stop_{job.id}", icon=":material/stop_circle:", disabled=asked, help="It saves a checkpoint first, then ends."
    ):
        backends.of(job).stop(job)
        st.rerun(scope="fragment")


def where(job: Job) -> None:
    """What the job runs on, where that is not this machine, and how old all this is where it is not new."""
    backend = backends.of(job)
    if facts := backend.facts(job):
        st.caption(plain(f"{backend.title}: {', '.join(facts.values())}"), width="content")
    if notice := backend.notice(job):
        st.caption(f":orange[:material/history: {plain(notice)}]", width="content")
