"""Training jobs side by side: best values, curves over each other, and what differs in their
settings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.jobs.store import Job
from core.training import metrics
from core.training import script as scripts
from ui import choices
from ui.shared import charts
from ui.text import chart_text, duration
from ui.training import job as job_card

ACCURACIES = ("validation accuracy", "test accuracy")
ALONG = {"epoch": "epoch", "seconds": "elapsed_seconds"}
BEST = "font-weight: bold; color: #2C8A69"


def show(found: Sequence[Job]) -> None:
    """Choose two or more; the choice is part of the address."""
    by_id = {job.id: job for job in found}
    asked = [job_id for job_id in st.query_params.get("jobs", "").split(",") if job_id in by_id]
    chosen = choices.many(
        "Jobs",
        list(by_id),
        start=asked or list(by_id)[:2],
        label=lambda i: by_id[i].name,
        key="tr_compare",
    )
    st.query_params["jobs"] = ",".join(chosen)
    if len(chosen) < 2:
        st.info("Choose two jobs or more.", icon=":material/compare_arrows:")
        return
    jobs = [by_id[job_id] for job_id in chosen]
    names = choices.labels(chosen, lambda i: by_id[i].name)
    lines = {job.id: job_card.metric_log(job.folder.log).refresh() for job in jobs}
    rows = {job_id: metrics.epochs(found) for job_id, found in lines.items()}
    _table(jobs, names, lines)
    along = choices.segment("Along", list(ALONG), key="tr_along")
    left, right = st.columns(2)
    with left:
        _overlay(names, rows, "validation_loss", along)
    with right:
        _overlay(names, rows, "validation_accuracy", along)
    _differences(jobs, names)


def _table(
    jobs: Sequence[Job],
    names: Mapping[str, str],
    lines: Mapping[str, list[dict[str, float]]],
) -> None:
    found = pd.DataFrame([_result(job, names[job.id], lines[job.id]) for job in jobs])
    accuracies: list[Hashable] = [name for name in ACCURACIES if found[name].notna().any()]
    style = found.style.highlight_max(subset=accuracies, props=BEST)
    if found["its loss"].notna().any():
        style = style.highlight_min(subset=["its loss"], props=BEST)
    style = style.format(precision=4, na_rep="-").format(
        "{:.0f}", subset=["epoch", "epochs"], na_rep="-"
    )
    st.dataframe(style, hide_index=True, alt="What the jobs reached; the best of all in bold")
    st.caption("Accuracy of the model that a job left; of one that left none, of its best epoch.")


def _result(job: Job, name: str, lines: list[dict[str, float]]) -> dict[str, object]:
    final, best = metrics.delivered(lines), job_card.best_epoch(lines)
    reached = final or best
    epoch = best.get("epoch")
    if final:
        epoch = final.get("kept_epoch")
    return {
        "job": name,
        "state": str(job.state),
        "validation accuracy": reached.get("validation_accuracy"),
        "its loss": reached.get("validation_loss"),
        "epoch": epoch,
        "test accuracy": next(
            (row["test_accuracy"] for row in lines if "test_accuracy" in row), None
        ),
        "epochs": len(metrics.epochs(lines)),
        "took": duration(job.status.seconds),
    }


def _overlay(
    names: Mapping[str, str],
    rows: Mapping[str, list[dict[str, float]]],
    metric: str,
    along: str,
) -> None:
    figure = go.Figure()
    at = ALONG[along]
    for number, (job_id, name) in enumerate(names.items()):
        points = [(row[at], row[metric]) for row in rows[job_id] if metric in row and at in row]
        if points:
            x, y = zip(*points, strict=True)
            mode, colour = charts.line_mode(len(x)), charts.PALETTE[number % 8]
            figure.add_scatter(x=x, y=y, name=chart_text(name), mode=mode, line_color=colour)
    figure.update_layout(
        title={"text": metric.replace("_", " ").capitalize(), "font": {"size": 15}},
        height=charts.HEIGHT + 40,
        xaxis_title=along,
        hovermode="x unified",
        margin={"l": 50, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "y": -0.25},
    )
    st.plotly_chart(
        figure, key=f"compare_{metric}", config=charts.CONFIG, alt=f"{metric} of the chosen jobs"
    )


def _differences(jobs: Sequence[Job], names: Mapping[str, str]) -> None:
    """Only what is not the same everywhere: a value that was not set is its default."""
    settings = {
        names[job.id]: {
            "dataset": job.spec["dataset_id"],
            "version": job.spec["version_id"],
            **job.spec["hyperparameters"],
        }
        for job in jobs
    }
    table = pd.DataFrame(settings).astype("object")
    for name in table.index:
        if known := scripts.BY_NAME.get(name):
            table.loc[name] = table.loc[name].fillna(known.default)
    different = table[table.apply(lambda row: row.nunique(dropna=False) > 1, axis=1)]
    st.markdown("**What differs in their settings**")
    if different.empty:
        st.caption("No differences: the settings are identical.")
    else:
        st.dataframe(
            different.rename_axis("setting").reset_index(),
            hide_index=True,
            alt="Settings that differ",
        )
