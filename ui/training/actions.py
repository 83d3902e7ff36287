"""The actions of a training job (open its model, resume, clone, edit, delete), its settings, and
the job as code."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.backends import Backend
from core.errors import NotFound, UserError
from core.io.names import numbered
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec
from core.jobs.status.asked import training_spec
from core.jobs.store import Job, State
from core.models import store as models
from ui import links, messages, removal
from ui.training import compute_form, heading
from ui.training import job as job_card
from ui.training.compute_form import Where


def show(job: Job) -> None:
    """Draw the row of buttons under the title."""
    job = backends.of(job).refresh(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.state is State.COMPLETED and _has_model(job):
            links.button(
                "Open the model",
                "models",
                key="tr_model",
                icon=":material/verified:",
                kind="primary",
                model=job.id,
            )
            links.button(
                "Deploy", "deploy", key="tr_deploy", icon=":material/rocket_launch:", model=job.id
            )
        if job.state in (State.FAILED, State.STOPPED):
            _resume(job)
        links.button("Clone", "train", key="tr_clone", icon=":material/content_copy:", clone=job.id)
        if job.tuning_id:
            number = str(job.spec.get("trial", ""))
            links.link(
                "tune",
                f"Trial {number} of a tuning job",
                ":material/tune:",
                job=job.tuning_id,
                trial=number,
            )
        heading.edit(job)
        heading.delete(job, lambda: _delete(job), "the job, its model and its log")


def details(job: Job) -> None:
    """Draw the settings and the job as code."""
    with st.expander("Settings", icon=":material/tune:"):
        job_card.settings_of(job)
    job_card.as_code(job)


def _resume(job: Job) -> None:
    words = "There is no checkpoint: a new job starts from the beginning."
    if job.folder.checkpoints.is_dir() and any(job.folder.checkpoints.iterdir()):
        words = "A new job continues from the last checkpoint."
    st.session_state.setdefault(f"tr_resume_{job.id}", jobs.new_id("training"))
    spec = training_spec(job)
    if st.button(
        "Resume", key=f"tr_resume_go_{job.id}", icon=":material/resume:", type="primary", help=words
    ):
        _go_on(job, spec, Where(backends.of(job), spec.resources))
    others = [
        backend
        for backend in backends.BACKENDS.values()
        if backend is not backends.of(job) and backend.is_ready()
    ]
    if others:
        with st.popover(
            "Resume elsewhere", icon=":material/move_up:", key=f"tr_elsewhere_{job.id}"
        ):
            _elsewhere(job, spec, others[0], words)


def _elsewhere(job: Job, spec: TrainingSpec, other: Backend, words: str) -> None:
    """Draw the fields that resume the job on the other platform, with its last checkpoint."""
    mode = str(spec.hyperparameters.get("mode", "frozen"))
    try:
        where = compute_form.show(
            spec.resources, other.name, prefix="tr_move", suffix=job.id, mode=mode
        )
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    st.caption(f"{words} {compute_form.words(where)}")
    if st.button(
        "Resume there", key=f"tr_resume_there_{job.id}", icon=":material/resume:", type="primary"
    ):
        _go_on(job, spec, where)


def _go_on(job: Job, spec: TrainingSpec, where: Where) -> None:
    """Start a new job from the last checkpoint of this one. Two clicks are one job."""
    again = TrainingSpec(
        numbered(spec.name, [other.name for other in jobs.readable("training")]),
        spec.dataset_id,
        spec.version_id,
        spec.hyperparameters,
        id=st.session_state[f"tr_resume_{job.id}"],
        resumed_from=job.id,
        resources=where.resources,
    )
    with messages.report_errors(), st.spinner("Starting"):
        links.to("train", job=where.backend.train(again).id)


def _delete(job: Job) -> None:
    removal.tell(job.name, jobs.move_to_bin(job.id))
    links.to("train")


def _has_model(job: Job) -> bool:
    try:
        models.of_job(job)
    except NotFound:
        return False
    return True
