"""Importing: how it is started, the progress of a running import, and how one ended."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.io import files
from core.jobs import store as jobs
from core.jobs.specs import ImportSpec
from core.jobs.status.progress import ImportingProgress
from ui import links, messages
from ui.shared import job_state
from ui.text import duration, plain


def submit(spec: ImportSpec) -> None:
    """Starts the import and goes to its page."""
    with messages.shown():
        job = backends.LOCAL.import_dataset(spec)
        links.to("datasets", job=job.id, **({"into": spec.dataset_id} if spec.dataset_id else {}))


def progress(job: jobs.Job, what: str = "Importing") -> None:
    """The import, or another job of its kind, as it goes on; the page is redrawn whole when it
    ends."""
    st.fragment(_progress, run_every=0.7 if not job.state.is_finished else None)(job.id, what)


def outcome(job_id: str) -> None:
    """How an ended import ended: its dataset opens, or its reason is shown."""
    with messages.shown():
        job = backends.LOCAL.refresh(jobs.read(job_id))
        if job.state is jobs.State.COMPLETED:
            told = ImportingProgress.from_json(job.status.progress)
            links.to("datasets", dataset=told.dataset_id, version=told.version_id)
        if job.state is jobs.State.FAILED:
            st.error(
                f"The import of {plain(job.name)} failed. {plain(job.status.reason)}",
                icon=":material/error:",
            )
        elif job.state is jobs.State.STOPPED:
            st.info(
                f"The import of {plain(job.name)} was stopped. Nothing was kept of it.",
                icon=":material/stop_circle:",
            )


def _progress(job_id: str, what: str) -> None:
    job = backends.LOCAL.refresh(jobs.read(job_id))
    if job.state.is_finished:
        st.rerun()
    told = ImportingProgress.from_json(job.status.progress)
    st.progress(_share(told), text=f"{what} *{plain(job.name)}*. {_words(told)}")
    job_state.stop_button(job)
    job_state.notes(job)


def _share(told: ImportingProgress) -> float:
    if not told.total:
        return 0.0
    return min(1.0, told.done / told.total)


def _words(told: ImportingProgress) -> str:
    """What it does, how much of it is done, how long the rest takes, and which photo holds it
    up."""
    words = plain(told.phase or "Starting")
    if told.total:
        words += f": {_amount(told)}"
        if told.eta_seconds:
            words += f", about {duration(told.eta_seconds)} left"
    if told.at:
        words += f". Now at {plain(told.at)}"
    return words


def _amount(told: ImportingProgress) -> str:
    if told.unit == "bytes":
        return f"{files.human_bytes(told.done)} of {files.human_bytes(told.total)}"
    return f"{told.done:,} of {told.total:,} {told.unit}"
