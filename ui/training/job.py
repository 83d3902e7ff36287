"""A training job on its page: state, progress, curves, log and what can be done with it."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import streamlit as st

from core import backends
from core.jobs.status.progress import TrainingProgress
from core.jobs.store import Job, State
from core.training import metrics
from ui import choices, links
from ui.shared import charts, job_state, live
from ui.text import age, duration, figure, left, plain

LIVE_SECONDS = 1.0
KEPT_HELP = (
    "Of the model as it is kept. A linear head is kept from its last epoch, where it has "
    "converged; others from the epoch with the lowest validation loss (a head) or the highest "
    "accuracy (fine-tuning)."
)
RATE_HELP = (
    "Through the backbone. Nothing stands here where every photo's features were in the cache "
    "already."
)


@lru_cache(maxsize=64)
def metric_log(path: Path) -> metrics.MetricLog:
    """One incremental reader per log, shared by all sessions."""
    return metrics.MetricLog(path)


def show(job: Job) -> None:
    """The whole card; it redraws itself while the job runs and the page once when it has ended."""
    live.job(_live, job, LIVE_SECONDS)


def _live(job: Job) -> None:
    rows = metric_log(job.folder.log).refresh()
    _header(job)
    _reason(job, rows)
    _figures(job, rows)
    _curves(job, rows)
    _log(job)


def _header(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        words = job_state.badge(job.state)
        if job.status.started:
            words += f" started {age(job.status.started)}"
        st.markdown(words)
        job_state.where(job)
        job_state.stop_button(job)


def as_code(job: Job) -> None:
    """The job as programs, where its backend has some."""
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
                "The loss is not a number any more: the training diverged. A lower learning rate "
                "usually helps."
            ),
            icon=":material/warning:",
        )


def _what_is_kept(job: Job) -> str:
    if any(job.folder.checkpoints.glob("checkpoint*")):
        return "What was learned so far is in its checkpoint: resume it to go on."
    return (
        "It had saved no checkpoint yet: resuming starts it from the beginning, with the features "
        "made so far."
    )


def _figures(job: Job, rows: list[dict[str, float]]) -> None:
    with st.grid(4, min_column_width=180, gap="small"):
        _validation(rows)
        _fourth(job, rows)
        rate = backbone_rate(rows)
        st.metric(
            "Photos per second",
            figure(rate, "{:,.0f}"),
            border=True,
            height="stretch",
            help=RATE_HELP,
        )
        st.metric(
            "Took" if job.state.is_finished else "Running for",
            duration(job.status.seconds),
            border=True,
            height="stretch",
        )
    if not job.state.is_finished:
        _progress(job, rows)
        job_state.notes(job)


def _validation(rows: list[dict[str, float]]) -> None:
    """The accuracy of the model that came of it, as on the model's own page; until there is one,
    that of the best epoch so far."""
    final, best = metrics.delivered(rows), best_epoch(rows)
    accuracy = (final or best).get("validation_accuracy")
    n = int(final.get("validation_n", 0))
    note, about = None, "Of the best epoch so far; the model need not be of that epoch."
    if accuracy is not None and n:
        note = f"{round(accuracy * n)}/{n} photos"
    elif best and not final:
        note = f"epoch {best['epoch']:.0f}, the best so far"
    if final:
        about = KEPT_HELP
    st.metric(
        "Validation accuracy",
        figure(accuracy, "{:.3f}"),
        note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help=about,
    )


def _fourth(job: Job, rows: list[dict[str, float]]) -> None:
    """The test accuracy once there is one; until then the time that is left."""
    tested = next((row for row in reversed(rows) if "test_accuracy" in row), None)
    if tested:
        n = int(tested.get("test_n", 0))
        note = None
        if n:
            note = f"{round(tested['test_accuracy'] * n)}/{n} photos"
        st.metric(
            "Test accuracy",
            f"{tested['test_accuracy']:.3f}",
            note,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
        return
    seconds = None
    if rows and not job.state.is_finished:
        seconds = rows[-1].get("eta_seconds")
    st.metric("About left", duration(seconds), border=True, height="stretch")


def backbone_rate(rows: list[dict[str, float]]) -> float | None:
    """Photos per second through the backbone: while features were made or, in fine-tuning, while
    it trained; None where all were cached."""
    measured = [row for row in rows if "features_done" in row or "step" in row]
    return next(
        (row["images_per_second"] for row in reversed(measured) if row.get("images_per_second")),
        None,
    )


def _progress(job: Job, rows: list[dict[str, float]]) -> None:
    """A bar for the phases before the first epoch: photos on their way to the platform, photos
    that went through the backbone."""
    told = TrainingProgress.from_json(job.status.progress)
    if told.waits_for:
        st.progress(0.0, text=plain(job_state.phase(job)))
    elif not rows and told.total:
        words = f"{told.phase}: {told.done:,} of {told.total:,}{left(told.seconds_left)}"
        live.bar(told.done, told.total, plain(words))
    elif epochs := metrics.epochs(rows):
        st.caption(f"Epoch {epochs[-1]['epoch']:.0f} is done.")
    elif rows and rows[-1].get("features_total"):
        done, total = rows[-1].get("features_done", 0), rows[-1]["features_total"]
        live.bar(done, total, f"Photos through the backbone: {done:,.0f} of {total:,.0f}")
    else:
        st.progress(0.0, text=plain(job_state.phase(job)))


def best_epoch(rows: list[dict[str, float]]) -> dict[str, float]:
    """The epoch with the best validation accuracy, ties by loss; empty before there is one."""
    scored = [
        row
        for row in metrics.epochs(rows)
        if "validation_accuracy" in row and math.isfinite(row.get("validation_loss", math.inf))
    ]
    return max(
        scored, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]), default={}
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


def _log(job: Job) -> None:
    chunk = backends.of(job).log(job)
    with st.expander("Log", icon=":material/article:", expanded=job.state is State.FAILED):
        if chunk.skipped:
            st.caption("The beginning is left out here; the whole log is in the job's folder.")
        st.code(chunk.text[-20_000:] or "Nothing yet.", language=None, height=260)


def settings_of(job: Job) -> None:
    """What the job was asked to do, and the folder it keeps."""
    values = dict(job.spec.get("hyperparameters", {}))
    if values:
        st.dataframe(
            {"hyperparameter": list(values), "value": list(values.values())},
            hide_index=True,
            alt="Hyperparameters that were set",
        )
    else:
        st.caption("Every hyperparameter had its default.")
    st.caption(f"Job `{job.id}`, kept in `{job.folder.path}`.")
    links.link(
        "datasets",
        "Its dataset version",
        ":material/photo_library:",
        dataset=job.spec["dataset_id"],
        version=job.spec["version_id"],
    )
