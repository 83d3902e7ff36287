"""The page of one batch: its progress, its actions, and the results so far."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core import backends, settings
from core.errors import NotFound
from core.jobs import labels
from core.jobs import store as jobs
from core.jobs.specs import TransformSpec
from core.jobs.status.asked import transform_spec
from core.jobs.status.progress import BatchProgress
from core.jobs.store import Job, State
from core.models import store as models
from core.models.store import Model
from ui import links, messages, removal
from ui.batch import about as batch_about
from ui.batch import results as batch_results
from ui.notices import answers, popovers
from ui.shared import job_state, live
from ui.text import age, count, duration, left, plain

LIVE_SECONDS = 0.8
SOURCES = {
    "split": "Photos of",
    "folder": "Photos of the folder",
    "archive": "Photos of the archive",
    "upload": "Uploaded photos:",
    "s3": "Photos at",
}


def show(job: Job) -> None:
    """Draw the page of one batch. Raises NotFound for a job of another kind."""
    if job.kind != TransformSpec.kind:
        raise NotFound(f"{job.name} is a {job.kind} job, not a batch.")
    job = backends.of(job).refresh(job)
    model = _model(job)
    _about(job, model)
    live.job(_live, job, LIVE_SECONDS)
    if model is None:
        st.warning(
            "The model of this batch was deleted. The table can still be downloaded.",
            icon=":material/warning:",
        )
        batch_about.downloads_of(job)
        return
    batch_results.show(job, model)


def _model(job: Job) -> Model | None:
    try:
        return models.read(str(job.spec.get("model_id", "")))
    except NotFound:
        return None


def _about(job: Job, model: Model | None) -> None:
    """Draw the title with the actions beside it, and one line about photos and model below."""
    spec = transform_spec(job)
    with st.container(horizontal=True, vertical_alignment="center", key="ba_head"):
        st.title(plain(job.name), width="content")
        st.space("stretch")
        if job.state in (State.FAILED, State.STOPPED):
            _resume(job, spec)
        with st.popover(
            "More", icon=":material/more_horiz:", key=popovers.key(f"ba_more_{job.id}")
        ):
            _more(job)
    photos = spec.shown or spec.path or f"{spec.dataset_id} {spec.version_id}, {spec.split}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{SOURCES[spec.source]} {plain(photos)}", width="content")
        if model:
            links.link(
                "models", f"Model {plain(model.name)}", ":material/verified:", model=model.id
            )


def _live(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        words = job_state.badge(job.state)
        if job.state.is_finished and job.status.started:
            words += f" started {age(job.status.started)}, took {duration(job.status.seconds)}"
        st.markdown(words, width="content")
        job_state.where(job)
        job_state.stop_button(job, "Finished photos are kept; the batch can be resumed.")
    if job.state is State.FAILED:
        st.error(plain(job.status.reason), icon=":material/error:")
    elif job.state is State.STOPPED:
        st.info(
            "Stopped. The finished photos are below; Resume continues with the rest.",
            icon=":material/stop_circle:",
        )
    elif not job.state.is_finished:
        _progress(job)
        job_state.notes(job)


def _progress(job: Job) -> None:
    progress = BatchProgress.from_json(job.status.progress)
    if progress.done is None:
        words = plain(progress.phase or "Starting")
        if progress.listed:
            words += f": {progress.listed:,}"
        st.progress(0.0, text=words)
        return
    total = progress.total or 0
    words = f"{progress.done:,} of {count(total, 'photo')}"
    if progress.images_per_second:
        words += f", {progress.images_per_second:,.0f} per second"
    words += left(progress.eta_seconds)
    if progress.errors:
        words += f", {count(progress.errors, 'error')}"
    live.bar(progress.done, total, words)
    if progress.skipped:
        before = count(progress.skipped, "photo")
        st.caption(f"{before} finished in the stopped batch and are not repeated.")


def _resume(job: Job, spec: TransformSpec) -> None:
    st.session_state.setdefault(f"ba_resume_{job.id}", jobs.new_id("transform"))
    if st.button(
        "Resume",
        key=f"ba_resume_go_{job.id}",
        icon=":material/resume:",
        type="primary",
        help="Creates a new batch for the rest; finished photos are not repeated.",
    ):
        with messages.report_errors(), st.spinner("Starting"):
            again = replace(spec, id=st.session_state[f"ba_resume_{job.id}"], resumed_from=job.id)
            links.to("batch", job=backends.of(job).transform(again).id)


def _more(job: Job) -> None:
    name = st.text_input(
        "Name", job.name, key=f"ba_name_{job.id}", max_chars=settings.MAX_NAME_LENGTH
    )
    if st.button("Rename", key=f"ba_rename_{job.id}"):
        with messages.report_errors():
            labels.set_label(job.id, name=name)
            popovers.close(f"ba_more_{job.id}")
            answers.tell(f"Renamed to {name.strip()}")
            st.rerun()
    removal.show(
        job.name,
        job.id,
        lambda: _delete(job),
        key="ba_delete",
        parameter="job",
        facts="the batch and its table",
        disabled=not job.state.is_finished,
    )


def _delete(job: Job) -> None:
    removal.tell(job.name, jobs.move_to_bin(job.id))
    links.to("batch")
