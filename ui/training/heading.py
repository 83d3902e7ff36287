"""The lines below a job's title: what it is and where it comes from; and its name, tags and note,
changed in place."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import settings
from core.datasets import store
from core.errors import NotFound
from core.jobs import labels
from core.jobs import store as jobs
from core.jobs.store import Job
from core.training.setup import setup_of
from ui import links, messages, removal
from ui.notices import answers, popovers
from ui.shared import runs_table
from ui.text import plain

PAGES = {"training": "train", "tuning": "tune"}


def show(job: Job, facts: str = "") -> None:
    """Draw the job's data, facts, tags, origin and note; `facts` is Markdown."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        links.link(
            "datasets",
            plain(dataset_version(job)),
            ":material/photo_library:",
            dataset=str(job.spec["dataset_id"]),
            version=str(job.spec["version_id"]),
        )
        if facts:
            st.markdown(facts, width="content")
        if job.tags:
            st.markdown(tag_badges(job), width="content")
        _resumed_from(job)
    if job.note:
        st.caption(f":material/notes: {plain(job.note)}")


def tag_badges(job: Job) -> str:
    return " ".join(f":gray-badge[{plain(tag)}]" for tag in job.tags)


def model_facts(job: Job) -> str:
    """Return preset, architecture and mode of a training job as Markdown."""
    setup = setup_of(job.spec.get("hyperparameters", {}))
    parts = [part for part in (setup.preset, setup.arch, setup.mode) if part]
    return " · ".join(plain(part) for part in parts)


def dataset_version(job: Job) -> str:
    """Return `birds12 v2`; the dataset's id instead of its name if it is gone."""
    dataset_id = str(job.spec.get("dataset_id", ""))
    return f"{dataset_name(dataset_id)} {job.spec.get('version_id', '')}".strip()


def dataset_name(dataset_id: str) -> str:
    """Return the name of a dataset, or its id if it is gone."""
    try:
        return store.dataset(dataset_id).name
    except NotFound:
        return dataset_id


def started(job: Job) -> str:
    """Return when the job started, in the time zone of the browser."""
    moment = runs_table.local_time(job.status.started)
    if moment is None:
        return ""
    return f"started {moment:%Y-%m-%d %H:%M}"


def edit(job: Job) -> None:
    """Draw the popover that changes name, tags and note."""
    # A key with the job's id: an open popover must not stay open on the next job's page.
    popover = f"job_edit_{job.id}"
    with st.popover("Edit", icon=":material/edit:", key=popovers.key(popover)):
        before: Job = st.session_state.setdefault(f"job_before_{job.id}", job)
        name = st.text_input(
            "Name", job.name, key=f"job_name_{job.id}", max_chars=settings.MAX_NAME_LENGTH
        )
        tags = st.text_input(
            "Tags", ", ".join(job.tags), key=f"job_tags_{job.id}", placeholder="baseline, crows"
        )
        note = st.text_area("Note", job.note, key=f"job_note_{job.id}")
        pressed = st.button("Save", key=f"job_save_{job.id}", type="primary")
        if not pressed:
            return
        with messages.report_errors():
            wanted = [tag.strip() for tag in tags.split(",") if tag.strip()]
            labels.change_label(before, name, wanted, note)
            del st.session_state[f"job_before_{job.id}"]
            popovers.close(popover)
            answers.tell("Saved")
            st.rerun(scope="app")


def delete(job: Job, remove: Callable[[], None], facts: str) -> None:
    """Draw the popover that deletes the job; `facts` names what goes with it."""
    with st.popover("Delete", icon=":material/delete:", key=f"job_delete_{job.id}"):
        if not job.state.is_finished:
            st.caption("Still running. Stop the job first.")
        removal.show(
            job.name,
            job.id,
            remove,
            key=f"job_{job.kind}_delete",
            parameter="job",
            facts=facts,
            disabled=not job.state.is_finished,
        )


def _resumed_from(job: Job) -> None:
    origin = str(job.spec.get("resumed_from") or "")
    if not origin:
        return
    try:
        links.link(
            PAGES[job.kind],
            f"resumed from {plain(jobs.read(origin).name)}",
            ":material/resume:",
            job=origin,
        )
    except NotFound:
        st.caption("resumed from a job that was deleted", width="content")
