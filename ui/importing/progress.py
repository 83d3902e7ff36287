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
from core.jobs.status.progress import ImportingProgress
from ui import links, messages
from ui.shared import job_state, live, submit
from ui.text import left, plain

LIVE_SECONDS = 0.7
DOING = {"import": "Importing", "plan": "Looking into"}


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
    """The import, or the look before one, as it goes on; the page is redrawn whole when it ends."""
    live.job(_progress, job, LIVE_SECONDS)


def outcome(job_id: str) -> None:
    """How an ended import ended: its dataset opens, or its reason is shown."""
    with messages.report_errors():
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


def _progress(job: jobs.Job) -> None:
    told = ImportingProgress.from_json(job.status.progress)
    live.bar(told.done, told.total, f"{DOING[job.kind]} *{plain(job.name)}*. {_words(told)}")
    job_state.stop_button(job)
    job_state.notes(job)


def _words(told: ImportingProgress) -> str:
    """What it does, how much of it is done, how long the rest takes, and which photo holds it
    up."""
    words = plain(told.phase or "Starting")
    if told.total:
        words += f": {_amount(told)}{left(told.eta_seconds)}"
    if told.at:
        words += f". Now at {plain(told.at)}"
    return words


def _amount(told: ImportingProgress) -> str:
    if told.unit == "bytes":
        return f"{files.human_bytes(told.done)} of {files.human_bytes(told.total)}"
    return f"{told.done:,} of {told.total:,} {told.unit}"
