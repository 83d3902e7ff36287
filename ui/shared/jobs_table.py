"""A list of jobs of any kind, each with a link to its page; unreadable folders with the reason."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends
from core.errors import NotFound
from core.jobs.status.progress import BatchProgress, Progress, TuningProgress
from core.jobs.store import Job, State, Unreadable
from core.models import store as models
from ui import links, paging
from ui.shared import job_state, live
from ui.text import age, count, duration, plain, share

PAGE_SIZE = 25
LOOK_AGAIN_SECONDS = 2.0
PAGES = {
    "training": "train",
    "import": "datasets",
    "plan": "datasets",
    "inspect": "datasets",
    "export": "datasets",
    "endpoint": "deploy",
    "transform": "batch",
    "tuning": "tune",
    "load": "deploy",
}
# The nouns of kinds whose name is not a word of the pages.
# What is called a job; everything else is called what it is, such as an import.
JOB_KINDS = ("training", "tuning", "transform")
NOUNS = {"plan": "import preview", "inspect": "inspection", "load": "load test"}


def show(jobs: Sequence[Job | Unreadable], *, key: str, empty: str) -> None:
    """Draw one line per job: state, name, result, times. Refreshes itself while one runs."""
    if not jobs:
        st.caption(empty)
        return
    shown = jobs[paging.shown(len(jobs), PAGE_SIZE, key=f"{key}_page")]
    running = any(isinstance(item, Job) and not item.state.is_finished for item in shown)
    live.redrawn(_lines, LOOK_AGAIN_SECONDS, running=running)(shown, key)


def _lines(items: Sequence[Job | Unreadable], key: str) -> None:
    for number, item in enumerate(items):
        with st.container(
            key=f"{key}_{number}", horizontal=True, vertical_alignment="center", gap="small"
        ):
            if isinstance(item, Unreadable):
                unreadable([item])
            elif item.state.is_finished:
                _line(item)
            else:
                _line(backends.of(item).refresh(item))


def unreadable(items: Sequence[Unreadable]) -> None:
    """Draw one line per folder that can't be read, with its id and the reason."""
    for item in items:
        words = f"{plain(item.id)} {plain(item.reason)}"
        st.markdown(f":orange-badge[:material/warning: unreadable] {words}")


def _line(job: Job) -> None:
    st.markdown(job_state.badge(job.state), width="content")
    links.link(PAGES[job.kind], plain(job.name), job=job.id)
    seconds = ""
    if job.status.started:
        verb = "ran"
        if not job.state.is_finished:
            verb = "running for"
        seconds = f", {verb} {duration(job.status.seconds)}"
    tags = "".join(f" :gray-badge[{plain(tag)}]" for tag in job.tags)
    st.caption(f"{_result(job)}{age(job.created)}{seconds}{elsewhere(job)}{tags}", width="content")


def elsewhere(job: Job) -> str:
    """Return the platform that the job runs on; empty for this workstation."""
    backend = backends.of(job)
    if backend.asks_resources:
        return f", {backend.title}"
    return ""


def tuned(job: Job) -> str:
    """Return the best value and the trials of a tuning job."""
    told = TuningProgress.from_json(job.status.progress)
    words = f"{told.trials} of {job.spec['max_trials']} trials"
    if told.best is None:
        return words
    return f"best {job.spec['objective'].replace('_', ' ')} {told.best:.4f}, {words}"


def _result(job: Job) -> str:
    """Return what a job reached: accuracy on test, or else on validation; photos of a batch."""
    doing = Progress.from_json(job.status.progress).phase
    if not job.state.is_finished and job.kind != "tuning" and doing:
        return f"{NOUNS.get(job.kind, job.kind)}: {plain(_doing(job))}, "
    if job.kind == "transform":
        return _transformed(job)
    if job.kind == "tuning":
        return f"{tuned(job)}, "
    if job.kind != "training" or job.state is not State.COMPLETED:
        return f"{NOUNS.get(job.kind, job.kind)}, "
    try:
        model = models.of_job(job)
    except NotFound:
        return "no model, "
    for split in ("test", "validation"):
        if figures := model.metrics(split):
            return f"{share(int(figures['correct']), int(figures['n']))} on {split}, "
    return "training, "


def _doing(job: Job) -> str:
    """Return what a running job does, for the middle of a line."""
    words = job_state.phase(job)
    words = words[:1].lower() + words[1:]
    if Progress.from_json(job.status.progress).silent:
        return f"{words}, no sign of life for a while"
    return words


def _transformed(job: Job) -> str:
    told = BatchProgress.from_json(job.status.progress)
    if job.state is not State.COMPLETED or told.total is None:
        return ""
    words = [count(told.total, "photo")]
    if told.labelled:
        words.append(share(told.correct, told.labelled))
    if told.errors:
        words.append(count(told.errors, "error"))
    return ", ".join(words) + ", "
