"""Importing: how it is started, the progress of a running import, and how one ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from core import backends
from core.io import files
from core.jobs import store as jobs
from core.jobs.specs import ImportSpec
from ui import links, messages
from ui.shared import job_state, live, submit
from ui.text import left, plain

LIVE_SECONDS = 0.7


def button(label: str, make: Callable[[], ImportSpec], *, key: str, icon: str, **more: Any) -> None:
    """The button that starts the import which `make` describes, and goes to its page."""
    submit.button(
        label,
        lambda job_id: backends.LOCAL.import_dataset(replace(make(), id=job_id)),
        _follow,
        form=key,
        kind=ImportSpec.kind,
        key=key,
        icon=icon,
        **more,
    )


def _follow(job: jobs.Job) -> None:
    if into := job.spec.get("dataset_id"):
        links.to("datasets", job=job.id, into=str(into))
    links.to("datasets", job=job.id)


def progress(job: jobs.Job) -> None:
    """The import as it goes on; the page is redrawn whole when it ends."""
    live.job(_progress, job, LIVE_SECONDS)


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


def _progress(job: jobs.Job) -> None:
    facts = job.status.progress
    done, total = int(facts.get("done", 0)), int(facts.get("total", 0))
    words = plain(str(facts.get("phase", "Starting")))
    if total:
        amount = _amount(done, total, str(facts.get("unit", "images")))
        words += f": {amount}{left(facts.get('eta_seconds'))}"
    if facts.get("at"):
        words += f". Now at {plain(str(facts['at']))}"
    live.bar(done, total, f"Importing *{plain(job.name)}*. {words}")
    job_state.stop_button(job)
    job_state.notes(job)


def _amount(done: int, total: int, unit: str) -> str:
    if unit == "bytes":
        return f"{files.human_bytes(done)} of {files.human_bytes(total)}"
    return f"{done:,} of {total:,} {unit}"
