"""A training job on its page: state, figures, progress, curves and log."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import streamlit as st

from core import backends
from core.jobs.store import Job, State
from core.training import metrics
from ui import choices
from ui.shared import charts, job_state, live
from ui.text import plain
from ui.training import figures, heading, progress

LIVE_SECONDS = 1.0
LOG_LETTERS = 20_000


@lru_cache(maxsize=64)
def metric_log(path: Path) -> metrics.MetricLog:
    """Return the incremental reader of a log, shared by all sessions."""
    return metrics.MetricLog(path)


def show(job: Job) -> None:
    """Draw the card. It refreshes itself while the job runs, and the page once when it ends."""
    live.job(_live, job, LIVE_SECONDS)


def _live(job: Job) -> None:
    log = metric_log(job.folder.log)
    rows = log.refresh()
    _header(job)
    _reason(job, rows)
    figures.show(job, rows)
    if not job.state.is_finished:
        progress.show(job, rows, log.photos)
    _curves(job, rows)
    _log(job, rows)


def _header(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{job_state.badge(job.state)} {heading.started(job)}")
        job_state.where(job)
        job_state.stop_button(job)


def as_code(job: Job) -> None:
    """Draw the job as programs, if its backend has some."""
    programs = backends.of(job).as_code(job)
    if not programs:
        return
    with st.expander("Show as code", icon=":material/code:"):
        title = programs[0].title
        if len(programs) > 1:
            titles = [each.title for each in programs]
            title = choices.segment("As", titles, key=f"as_code_{job.id}")
        chosen = next(each for each in programs if each.title == title)
        st.markdown(plain(chosen.about))
        st.code(chosen.text, language=chosen.language)


def _reason(job: Job, rows: list[dict[str, float]]) -> None:
    if job.state is State.FAILED:
        st.error(plain(job.status.reason), icon=":material/error:")
    elif job.state is State.STOPPED:
        st.info(f"{plain(job.status.reason)} {_what_is_kept(job)}", icon=":material/stop_circle:")
    elif metrics.diverged(rows):
        st.warning(
            (
                "The training diverged: the loss is no longer a number. A lower learning rate "
                "usually helps."
            ),
            icon=":material/warning:",
        )


def _what_is_kept(job: Job) -> str:
    if any(job.folder.checkpoints.glob("checkpoint*")):
        return "The progress is saved in a checkpoint. Resume to continue."
    return (
        "No checkpoint was saved yet. Resuming starts from the beginning; features extracted so "
        "far are kept."
    )


def _curves(job: Job, rows: list[dict[str, float]]) -> None:
    epochs = metrics.epochs(rows)
    if not epochs:
        return
    kept = metrics.delivered(rows).get("kept_epoch")
    for place, metric in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        with place:
            charts.curves(
                epochs, metric, metric.capitalize(), best_epoch=kept, key=f"{metric}_{job.id}"
            )


def _log(job: Job, rows: list[dict[str, float]]) -> None:
    """Draw the log, open while nothing else on the page moves, or as a person left it."""
    key = f"log_{job.id}"
    if not st.session_state.get(f"{key}_used"):
        st.session_state[key] = job.state is State.FAILED or not (job.state.is_finished or rows)
    with st.expander(
        "Log", icon=":material/article:", key=key, on_change=lambda: _use_log(key)
    ) as log:
        if log.open:
            chunk = backends.of(job).log(job)
            if chunk.skipped:
                st.caption("Only the end is shown; the whole log is in the job's folder.")
            text = readable_log(chunk.text)[-LOG_LETTERS:]
            st.code(text or "The log is empty.", language=None, height=260)


def _use_log(key: str) -> None:
    st.session_state[f"{key}_used"] = True


def readable_log(text: str) -> str:
    """Return the log without the lines that name photos, which the page shows as thumbnails."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("[photos] "))


def settings_of(job: Job) -> None:
    """Draw the hyperparameters that were set, and the job's folder."""
    values = dict(job.spec.get("hyperparameters", {}))
    if values:
        st.dataframe(
            {"hyperparameter": list(values), "value": list(values.values())},
            hide_index=True,
            alt="Hyperparameters that were set",
        )
    else:
        st.caption("All hyperparameters were left at their defaults.")
    st.caption(f"Job `{job.id}`, stored in `{job.folder.path}`.")
