"""The progress of an import or a preview, how it ended, and the button that starts an import."""

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
from ui.notices import answers
from ui.shared import job_state, live, submit
from ui.text import count, duration, plain

LIVE_SECONDS = 0.7
DOING = {"import": "Importing", "plan": "Previewing"}
STOP_HELP = {
    "import": "Stops the import. None of its photos are kept.",
    "plan": "Stops the preview. Your files are unchanged.",
}


def button(label: str, make: Callable[[], ImportSpec], *, key: str, icon: str, **more: Any) -> None:
    """Show the button that starts the import described by `make` and opens its page."""
    submit.button(
        label,
        lambda job_id: backends.LOCAL.import_dataset(replace(make(), id=job_id)),
        _open,
        form=key,
        kind=ImportSpec.kind,
        key=key,
        icon=icon,
        **more,
    )


def _open(job: jobs.Job) -> None:
    if dataset_id := job.spec.get("dataset_id"):
        links.to("datasets", job=job.id, into=str(dataset_id))
    links.to("datasets", job=job.id)


def progress(job: jobs.Job) -> None:
    """Show a running import or preview; the whole page is redrawn when it ends."""
    live.job(_progress, job, LIVE_SECONDS)


def outcome(job_id: str) -> None:
    """Open the dataset of a completed import, or say why there is none."""
    with messages.report_errors():
        job = backends.LOCAL.refresh(jobs.read(job_id))
        if job.state is jobs.State.COMPLETED:
            _open_dataset(job)
        if job.state is jobs.State.FAILED:
            st.error(
                f"Importing {plain(job.name)} failed. {plain(job.status.reason)}",
                icon=":material/error:",
            )
        elif job.state is jobs.State.STOPPED:
            st.info(
                f"The import of {plain(job.name)} was stopped. Nothing was kept.",
                icon=":material/stop_circle:",
            )


def _open_dataset(job: jobs.Job) -> None:
    reported = ImportingProgress.from_json(job.status.progress)
    photos = ""
    if reported.imported:
        photos = f"{count(reported.imported, 'photo')} into "
    answers.tell(f"Imported {photos}{job.name}.")
    links.to("datasets", dataset=reported.dataset_id, version=reported.version_id)


def _progress(job: jobs.Job) -> None:
    reported = ImportingProgress.from_json(job.status.progress)
    live.bar(reported.share, 1.0, f"{DOING[job.kind]} *{plain(job.name)}*. {_phase(reported)}")
    job_state.stop_button(job, STOP_HELP[job.kind])
    job_state.notes(job)


def _phase(reported: ImportingProgress) -> str:
    """What the job does now, its counts, the time left, and the photo that delays it."""
    words = plain(reported.phase or "Starting")
    if counts := _counts(reported):
        words += f": {counts}"
    if reported.eta_seconds:
        words += f". Time left: {duration(reported.eta_seconds)}"
    if reported.at:
        words += f". Waiting for {plain(reported.at)}"
    return words


def _counts(reported: ImportingProgress) -> str:
    if reported.unit == "bytes" and reported.total:
        return f"{files.human_bytes(reported.done)} of {files.human_bytes(reported.total)}"
    if reported.total:
        return f"{reported.done:,} of {reported.total:,}"
    if reported.done:
        return f"{reported.done:,}"
    return ""
