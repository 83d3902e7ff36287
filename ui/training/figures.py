"""The four figures of a training job: accuracy, time or test accuracy, speed and duration."""

from __future__ import annotations

import math

import streamlit as st

from core.jobs import store as jobs
from core.jobs.store import Job
from core.models import scores
from core.models.scores import Score
from core.training import metrics, stage
from core.training.setup import setup_of
from ui.text import duration, figure

Rows = list[dict[str, float]]
KEPT_HELP = (
    "Top-1 accuracy of the model that the job left, as on the Models page. A linear head is kept "
    "from its last epoch; other heads from the epoch with the lowest validation loss, a fine-tuned "
    "model from the epoch with the highest validation accuracy."
)
SO_FAR_HELP = "Best epoch so far. The model that is kept can be from another epoch."
RATE_HELP = "Photos per second through the backbone. Empty if all features were cached."
# Below this a figure that counts down says no more than that it is nearly done.
SOON_SECONDS = 3


def show(job: Job, rows: Rows) -> None:
    with st.grid(4, min_column_width=180, gap="small"):
        _validation(job, rows)
        _test_or_time_left(job, rows)
        _metric("Photos per second", figure(backbone_rate(rows), "{:,.0f}"), help_text=RATE_HELP)
        label = "Running for"
        if job.state.is_finished:
            label = "Duration"
        _metric(label, duration(job.status.seconds))


def _metric(label: str, value: str, note: str | None = None, help_text: str | None = None) -> None:
    st.metric(
        label,
        value,
        note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help=help_text,
    )


def _validation(job: Job, rows: Rows) -> None:
    """The accuracy of the model, as on the model's own page; until there is one, that of the best
    epoch so far."""
    label = "Validation accuracy"
    if reached := scores.of_job(job).validation:
        _metric(label, f"{reached.share:.3f}", _counted(reached), KEPT_HELP)
        return
    final, best = metrics.delivered(rows), best_epoch(rows)
    accuracy = (final or best).get("validation_accuracy")
    if final or not best:
        _metric(label, figure(accuracy, "{:.3f}"))
        return
    _metric(
        label, figure(accuracy, "{:.3f}"), f"epoch {best['epoch']:.0f}, best so far", SO_FAR_HELP
    )


def _test_or_time_left(job: Job, rows: Rows) -> None:
    """The test accuracy once there is one; until then the time that is left."""
    if reached := scores.of_job(job).test:
        _metric("Test accuracy", f"{reached.share:.3f}", _counted(reached))
        return
    tested = next((row for row in reversed(rows) if "test_accuracy" in row), None)
    if tested or job.state.is_finished:
        accuracy = (tested or {}).get("test_accuracy")
        _metric("Test accuracy", figure(accuracy, "{:.3f}"))
        return
    _metric("Time left", time_left(job, rows), help_text="Estimate over all stages of the job.")


def time_left(job: Job, rows: Rows) -> str:
    """Return how long the job will take until it ends, in words."""
    setup = setup_of(job.spec.get("hyperparameters", {}))
    seconds = stage.seconds_left(setup, rows, job.status.seconds or 0.0, _earlier(job))
    if seconds is None:
        return "-"
    if seconds < SOON_SECONDS:
        return "a few seconds"
    return duration(max(seconds, 10.0))


@st.cache_data(ttl=60, max_entries=256, show_spinner=False)
def _earlier_of(_job: Job, job_id: str) -> dict[str, float]:
    return dict(scores.earlier_seconds(_job, jobs.readable("training")))


def _earlier(job: Job) -> dict[str, float]:
    return _earlier_of(job, job.id)


def _counted(reached: Score) -> str:
    return f"{reached.correct}/{reached.n} photos"


def backbone_rate(rows: Rows) -> float | None:
    """Photos per second through the backbone: during feature extraction or, when fine-tuning,
    during training; None if all features were cached."""
    measured = [row for row in rows if "features_done" in row or "step" in row]
    return next(
        (row["images_per_second"] for row in reversed(measured) if row.get("images_per_second")),
        None,
    )


def best_epoch(rows: Rows) -> dict[str, float]:
    """The epoch with the best validation accuracy, ties by loss; empty before there is one."""
    scored = [
        row
        for row in metrics.epochs(rows)
        if "validation_accuracy" in row and math.isfinite(row.get("validation_loss", math.inf))
    ]
    return max(
        scored, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]), default={}
    )
