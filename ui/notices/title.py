"""The title of the browser's tab: what the page shows, the most specific first."""

from __future__ import annotations

import streamlit as st

from core.jobs.store import Job
from ui.text import visible

APP = "Fieldmark"
LONGEST = 60


def show(*parts: str) -> None:
    """Name the tab after what the page shows, such as ("birds12 v2", "Map", "Datasets"); empty
    parts are left out."""
    named = [visible(part)[:LONGEST] for part in parts if part]
    st.set_page_config(page_title=" - ".join([*named, APP]))


def show_job(job: Job, page: str) -> None:
    """Name the tab after a job and its state, which changes when the job ends."""
    state = "Running"
    if job.state.is_finished:
        state = str(job.state)
    show(job.name, state, page)
