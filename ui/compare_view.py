"""Training jobs side by side: best values, curves over each other, and what differs in their settings."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core import metrics
from core.jobs import Job
from ui import charts, job_card
from ui.text import chart_text, duration


def show(found: Sequence[Job]) -> None:
    """Choose two or more; the choice is part of the address."""
    by_id = {job.id: job for job in found}
    asked = [job_id for job_id in st.query_params.get("jobs", "").split(",") if job_id in by_id]
    chosen = st.multiselect("Jobs", list(by_id), default=asked or list(by_id)[:2], format_func=lambda i: by_id[i].name, key="tr_compare")
    st.query_params["jobs"] = ",".join(chosen)
    if len(chosen) < 2:
        st.info("Choose two jobs or more.", icon=":material/compare_arrows:")
        return
    jobs = [by_id[job_id] for job_id in chosen]
    rows = {job.id: metrics.epochs(job_card.metric_log(job.folder.log).refresh()) for job in jobs}
    _table(jobs, rows)
    along = st.segmented_control("Along", ["epoch", "seconds"], default="epoch", key="tr_along") or "epoch"
    left, right = st.columns(2)
    with left:
        _overlay(jobs, rows, "validation_loss", along)
    with right:
        _overlay(jobs, rows, "validation_accuracy", along)
    _differences(jobs)


def _table(jobs: Sequence[Job], rows: dict[str, list[dict[str, float]]]) -> None:
    lines = []
    for job in jobs:
        best = job_card.best_epoch(rows[job.id])
        lines.append(
            {
                "job": job.name,
                "state": str(job.state),
                "best validation accuracy": best.get("validation_accuracy"),
                "its loss": best.get("validation_loss"),
                "best epoch": best.get("epoch"),
                "epochs": len(rows[job.id]),
                "took": duration(job.status.seconds),
            }
        )
    table = pd.DataFrame(lines)
    style = table.style.highlight_max(subset=["best validation accuracy"], props="font-weight: bold; color: #2C8A69")
    style = style.highlight_min(subset=["its loss"], props="font-weight: bold; color: #2C8A69").format(precision=4, na_rep="-")
    st.dataframe(style, hide_index=True, alt="The jobs' best values; the best of all in bold")


def _overlay(jobs: Sequence[Job], rows: dict[str, list[dict[str, float]]], metric: str, along: str) -> None:
    figure = go.Figure()
    for number, job in enumerate(jobs):
        points = [(row.get("elapsed_seconds" if along == "seconds" else "epoch"), row[metric]) for row in rows[job.id] if metric in row]
        if points:
            x, y = zip(*points, strict=True)
            mode, colour = "lines+markers" if len(x) < 30 else "lines", charts.PALETTE[number % 8]
            figure.add_scatter(x=x, y=y, name=chart_text(job.name), mode=mode, line_color=colour)
    figure.update_layout(
        title={"text": metric.replace("_", " ").capitalize(), "font": {"size": 15}},
        height=charts.HEIGHT + 40,
        xaxis_title=along,
        hovermode="x unified",
        margin={"l": 50, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "y": -0.25},
    )
    st.plotly_chart(figure, key=f"compare_{metric}", config=charts.CONFIG, alt=f"{metric} of the chosen jobs")


def _differences(jobs: Sequence[Job]) -> None:
    """Only what is not the same everywhere; an empty cell is the default."""
    settings = {
        job.name + ("" if [j.name for j in jobs].count(job.name) == 1 else f" ({job.id[-6:]})"): {
            "dataset": job.spec["dataset_id"],
            "version": job.spec["version_id"],
            **job.spec["hyperparameters"],
        }
        for job in jobs
    }
    table = pd.DataFrame(settings).astype("object")
    different = table[table.apply(lambda row: row.nunique(dropna=False) > 1, axis=1)]
    st.markdown("**What differs in their settings**")
    if different.empty:
        st.caption("Nothing: they were asked for the same.")
    else:
        st.dataframe(different.fillna("default").rename_axis("setting").reset_index(), hide_index=True, alt="Settings that differ")
