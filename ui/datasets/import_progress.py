"""Importing: how it is started, the progress of a running import, and how one ended."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.io import files
from core.jobs import store as jobs
from core.jobs.specs import ImportSpec
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
            made = {
                name: str(job.status.progress.get(f"{name}_id", ""))
                for name in ("dataset", "version")
            }
            links.to("datasets", **made)
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
    facts = job.status.progress
    done, total = int(facts.get("done", 0)), int(facts.get("total", 0))
    unit = facts.get("unit", "images")
    amount = (
        f"{files.human_bytes(done)} of {files.human_bytes(total)}"
        if unit == "bytes"
        else f"{done:,} of {total:,} {unit}"
    )
    left = f", about {duration(facts['eta_seconds'])} left" if facts.get("eta_seconds") else ""
    words = (
        f"{plain(str(facts.get('phase', 'Starting')))}: {amount}{left}"
        if total
        else plain(str(facts.get("phase", "Starting")))
    )
    if facts.get("at"):
        words += f". Now at {plain(str(facts['at']))}"
    st.progress(
        min(1.0, done / total) if total else 0.0, text=f"{what} *{plain(job.name)}*. {words}"
    )
    job_state.stop_button(job)
    job_state.notes(job)
