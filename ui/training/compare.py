"""Training jobs side by side: accuracies, curves over each other, and the settings that differ."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.jobs.store import Job, State
from core.models import scores
from core.models.scores import Score
from core.training import metrics
from core.training import script as scripts
from ui import choices, links, option_labels
from ui.shared import charts, job_state
from ui.text import chart_text, duration
from ui.training import figures, heading
from ui.training import job as job_card

ACCURACIES = ("validation accuracy", "test accuracy")
ALONG = {"epoch": "epoch", "seconds": "elapsed_seconds"}
BEST = "font-weight: bold; color: #2C8A69"
FIRST = 2
Rows = list[dict[str, float]]


def show(found: Sequence[Job]) -> None:
    """Choose two or more; the choice is part of the address."""
    by_id = {job.id: job for job in found}
    asked = [job_id for job_id in links.parameter("jobs").split(",") if job_id in by_id]
    chosen = choices.many(
        "Jobs",
        list(by_id),
        start=asked or _newest_completed(found),
        label=lambda job_id: by_id[job_id].name,
        key="tr_compare",
    )
    if ",".join(chosen) != links.parameter("jobs"):
        links.set_parameters(jobs=",".join(chosen))
    if len(chosen) < FIRST:
        st.info("Choose two jobs or more.", icon=":material/compare_arrows:")
        return
    jobs = [by_id[job_id] for job_id in chosen]
    names = option_labels.labels(chosen, lambda job_id: by_id[job_id].name)
    lines = {job.id: job_card.metric_log(job.folder.log).refresh() for job in jobs}
    rows = {job_id: metrics.epochs(told) for job_id, told in lines.items()}
    _table(jobs, names, lines)
    along = choices.segment("Horizontal axis", list(ALONG), key="tr_along", bind="query-params")
    left, right = st.columns(2)
    with left:
        _overlay(names, rows, "validation_loss", along)
    with right:
        _overlay(names, rows, "validation_accuracy", along)
    _differences(jobs, names)


def _newest_completed(found: Sequence[Job]) -> list[str]:
    """The newest two that have something to compare."""
    return [job.id for job in found if job.state is State.COMPLETED][:FIRST]


def _table(jobs: Sequence[Job], names: Mapping[str, str], lines: Mapping[str, Rows]) -> None:
    table = pd.DataFrame([_result(job, names[job.id], lines[job.id]) for job in jobs])
    accuracies: list[Hashable] = [name for name in ACCURACIES if table[name].notna().any()]
    style = table.style.highlight_max(subset=accuracies, props=BEST)
    if table["validation loss"].notna().any():
        style = style.highlight_min(subset=["validation loss"], props=BEST)
    style = style.format(precision=3, na_rep="-").format(
        "{:.0f}", subset=["kept epoch", "epochs"], na_rep="-"
    )
    st.dataframe(style, hide_index=True, alt="Results of the jobs; the best of each column in bold")
    st.caption(
        "Top-1 accuracy of the model that each job left. A job without a model shows its best "
        "epoch so far. Bold marks the best value of a column."
    )


def _result(job: Job, name: str, lines: Rows) -> dict[str, object]:
    final, best = metrics.delivered(lines), figures.best_epoch(lines)
    reached, model = final or best, scores.of_job(job)
    return {
        "job": name,
        "state": job_state.word(job.state),
        "validation accuracy": _share(model.validation, reached.get("validation_accuracy")),
        "validation loss": reached.get("validation_loss"),
        "test accuracy": _share(model.test, None),
        "kept epoch": final.get("kept_epoch", best.get("epoch")),
        "epochs": len(metrics.epochs(lines)),
        "duration": duration(job.status.seconds),
    }


def _share(score: Score | None, otherwise: float | None) -> float | None:
    if score is None:
        return otherwise
    return score.share


def _overlay(names: Mapping[str, str], rows: Mapping[str, Rows], metric: str, along: str) -> None:
    figure = go.Figure()
    value = ALONG[along]
    for number, (job_id, name) in enumerate(names.items()):
        points = [
            (row[value], row[metric]) for row in rows[job_id] if {metric, value} <= row.keys()
        ]
        if points:
            x, y = zip(*points, strict=True)
            mode, colour = charts.line_mode(len(x)), charts.PALETTE[number % 8]
            figure.add_scatter(x=x, y=y, name=chart_text(name), mode=mode, line_color=colour)
    axis: dict[str, object] = {"title": "seconds since the start", "rangemode": "tozero"}
    if along == "epoch":
        axis = charts.epoch_axis([row["epoch"] for told in rows.values() for row in told])
    figure.update_layout(
        title={"text": metric.replace("_", " ").capitalize(), "font": {"size": 15}},
        height=charts.HEIGHT + 40,
        xaxis=axis,
        hovermode="x unified",
        margin={"l": 50, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "y": -0.25},
    )
    st.plotly_chart(
        figure, key=f"compare_{metric}", config=charts.CONFIG, alt=f"{metric} of the chosen jobs"
    )


def _differences(jobs: Sequence[Job], names: Mapping[str, str]) -> None:
    """Only what differs: a value that was not set is its default."""
    settings = pd.DataFrame({names[job.id]: _settings(job) for job in jobs}).astype("object")
    different = settings[settings.apply(lambda row: row.nunique(dropna=False) > 1, axis=1)]
    st.markdown("**Settings that differ**")
    if different.empty:
        st.caption("No differences: the settings are identical.")
        return
    st.dataframe(
        different.fillna("-").rename_axis("setting").reset_index(),
        hide_index=True,
        alt="Settings that differ",
    )


def _settings(job: Job) -> dict[str, str]:
    """The dataset version and every hyperparameter, written alike in every job: 0.10 is 0.1."""
    given = {name: str(value) for name, value in job.spec["hyperparameters"].items()}
    found = {"dataset": heading.dataset_version(job)}
    for name, known in scripts.BY_NAME.items():
        if name not in scripts.OURS:
            found[name.replace("_", " ")] = _plain_number(given.get(name, known.default))
    return found


def _plain_number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
