"""Tuning jobs side by side: best so far, distributions, best values, and settings that differ."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from core import backends
from core.jobs.specs import Resources
from core.jobs.store import Job, State
from core.tuning import leaderboard
from core.tuning import objectives as search
from core.tuning import space as spaces
from core.tuning.leaderboard import Board, Trial
from ui import choices, links, option_labels
from ui.shared import charts
from ui.text import duration, plain, share
from ui.training import heading
from ui.tuning.leaderboard import short

MAX_JOBS = 8
HEIGHT = 320
LABEL_LIMIT = 180

ALONG = {"trials": ("place", "trials"), "time": ("minutes", "minutes since the start")}


def show(found: Sequence[Job]) -> None:
    """Draw the choice of jobs, which is part of the address, and their comparison."""
    by_id = {job.id: job for job in found}
    start = [job_id for job_id in links.parameter("jobs").split(",") if job_id in by_id]
    if len(start) < 2:
        start = list(dict.fromkeys([*start, *by_id]))[:2]
    chosen = choices.many(
        "Tuning jobs",
        list(by_id),
        start=start,
        label=lambda i: by_id[i].name,
        key="tu_compare",
        max_selections=MAX_JOBS,
    )
    if ",".join(chosen) != links.parameter("jobs"):
        links.set_parameters(jobs=",".join(chosen))
    if len(chosen) < 2:
        st.info("Choose two tuning jobs or more.", icon=":material/compare_arrows:")
        return
    boards = named([leaderboard.read(job_id) for job_id in chosen])
    _warn(list(boards.values()))
    _results(boards)
    _overlay(boards)
    _differences(boards)


def named(boards: Sequence[Board]) -> dict[str, Board]:
    """Return the boards by names that tell them apart."""
    by_id = {board.job.id: board for board in boards}
    named = option_labels.labels(list(by_id), lambda i: by_id[i].job.name)
    return {named[job_id]: board for job_id, board in by_id.items()}


def _warn(boards: Sequence[Board]) -> None:
    """Warn if the jobs have different objectives or different photos."""
    if len({board.spec.objective for board in boards}) > 1:
        st.warning(
            "These jobs have different objectives, so their values can't be compared.",
            icon=":material/warning:",
        )
    elif len({(board.spec.dataset_id, board.spec.version_id) for board in boards}) > 1:
        st.warning(
            "These jobs used different photos, so a higher value may not mean a better model.",
            icon=":material/warning:",
        )


def _results(boards: dict[str, Board]) -> None:
    rows = [_result(name, board) for name, board in boards.items()]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"best values": st.column_config.TextColumn(width="large")},
        alt="Results of the tuning jobs",
    )
    with st.container(horizontal=True):
        for number, (name, board) in enumerate(boards.items()):
            if best := board.best():
                links.link("models", f"Best of {plain(name)}", ":material/verified:", model=best.id)
            if number == MAX_JOBS:
                break


def _result(name: str, board: Board) -> dict[str, object]:
    best = board.best()
    done = [trial for trial in board.trials if trial.state.is_finished]
    return {
        "tuning job": name,
        **_figures(best),
        "trials": f"{len(done)} of {board.spec.max_trials}",
        "failed": sum(trial.state is State.FAILED for trial in done),
        "duration": duration(board.job.status.seconds),
        "best values": _values_of(best),
    }


def _figures(best: Trial | None) -> dict[str, object]:
    if best is None:
        return {"best": None, "correct": "", "loss": None, "trial": None}
    photos = ""
    if best.correct is not None and best.n:
        photos = share(int(best.correct), int(best.n))
    return {
        "best": best.value,
        "correct": photos,
        "loss": best.loss,
        "trial": best.number,
    }


def _values_of(trial: Trial | None) -> str:
    if trial is None:
        return ""
    return (
        ", ".join(f"{name} {short(value)}" for name, value in trial.params.items())
        or leaderboard.BASELINE
    )


def _overlay(boards: dict[str, Board]) -> None:
    along = choices.segment(
        "Along", list(ALONG), key="tu_compare_along", label_visibility="collapsed"
    )
    axis, across = ALONG[along]
    parts = [leaderboard.history(board).assign(job=name) for name, board in boards.items()]
    table = pd.concat(
        [part.assign(place=range(1, len(part) + 1)) for part in parts if not part.empty]
        or [pd.DataFrame()]
    )
    if table.empty:
        st.caption("No trial has completed yet.")
        return
    title = next(iter(boards.values())).objective.title.lower()
    colours = alt.Scale(domain=list(boards), range=charts.PALETTE)
    left, right = st.columns([3, 2])
    with left:
        st.markdown("**Best so far**")
        lines = _best_lines(
            table[["job", axis, "trial", "value", "best"]].dropna(),
            alt.X(f"{axis}:Q", title=across),
            title,
            colours,
        )
        st.altair_chart(lines, key="tu_compare_best", alt="Best so far of each tuning job")
    with right:
        st.markdown("**All trials**")
        st.altair_chart(
            _values(table, list(boards), title, colours),
            key="tu_compare_all",
            alt="All values of each tuning job",
        )


def _best_lines(table: pd.DataFrame, x: alt.X, title: str, colours: alt.Scale) -> alt.Chart:
    return (
        alt.Chart(table)
        .mark_line(interpolate="step-after", strokeWidth=2.5)
        .encode(
            x=x,
            y=alt.Y("best:Q", title=title, scale=alt.Scale(zero=False, padding=12)),
            color=alt.Color(
                "job:N",
                title=None,
                scale=colours,
                legend=alt.Legend(orient="top", direction="vertical", labelLimit=0),
            ),
            tooltip=["job", "trial", alt.Tooltip("best:Q", title="best so far", format=".4f")],
        )
        .properties(height=HEIGHT)
    )


def _values(
    table: pd.DataFrame, names: list[str], title: str, colours: alt.Scale
) -> alt.LayerChart:
    """One box plot a job, one below the other, so that long names fit."""
    base = alt.Chart(table[["job", "trial", "value"]]).encode(
        y=alt.Y("job:N", title=None, sort=names, axis=alt.Axis(labelLimit=LABEL_LIMIT)),
        x=alt.X("value:Q", title=title, scale=alt.Scale(zero=False, padding=12)),
        color=alt.Color("job:N", legend=None, scale=colours),
    )
    points = base.mark_point(opacity=0.5).encode(
        tooltip=["job", "trial", alt.Tooltip("value:Q", format=".4f")]
    )
    return (base.mark_boxplot(size=34, opacity=0.35, outliers=False) + points).properties(
        height=HEIGHT
    )


def _differences(boards: dict[str, Board]) -> None:
    """Draw the settings that differ."""
    table = pd.DataFrame({name: asked_for(board) for name, board in boards.items()}).astype(
        "object"
    )
    different = table[table.apply(lambda row: row.nunique(dropna=False) > 1, axis=1)]
    st.markdown("**Settings that differ**")
    if different.empty:
        st.caption("No differences: the settings are identical.")
    else:
        st.dataframe(
            different.fillna("-").rename_axis("setting").reset_index(),
            hide_index=True,
            alt="Settings that differ",
        )


def asked_for(board: Board) -> dict[str, str]:
    """Return the settings of a tuning job, in words, by name."""
    spec = board.spec
    time_limit, patience, machines = "none", "never", {}
    if spec.max_seconds:
        time_limit = f"{spec.max_seconds:g} s"
    if spec.patience:
        patience = f"{spec.patience} trials"
    if spec.resources:
        machines = {"instances": _machines(spec.resources)}
    return {
        "dataset": heading.dataset_version(board.job),
        "objective": f"{board.objective.title}, {board.objective.direction}",
        "strategy": search.STRATEGIES[spec.strategy].title,
        **{f"{name} (varies)": values.words() for name, values in spaces.parse(spec.space).items()},
        **{f"{name} (fixed)": value for name, value in sorted(spec.fixed.items())},
        "trials": f"{spec.max_trials}, {spec.parallel} parallel",
        "time limit": time_limit,
        "stop without improvement after": patience,
        "target": "none" if spec.target is None else f"{spec.target:g}",
        "early stopping of trials": "on" if spec.early_stopping else "off",
        "defaults as trial 1": "yes" if spec.baseline else "no",
        "warm start": ", ".join(spec.warm_start) or "none",
        "seed": str(spec.seed),
        "runs on": backends.of(board.job).title,
        **machines,
    }


def _machines(resources: Resources) -> str:
    words = f"{resources.instance_count} x {resources.instance_type}"
    if resources.spot:
        words += ", spot"
    return f"{words}, at most {resources.max_seconds // 60} minutes"
