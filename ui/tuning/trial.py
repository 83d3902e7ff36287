"""One trial in a panel: its values, figures and curve, and the actions on its model."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from core import settings
from core.jobs import labels
from core.jobs.store import State
from core.tuning import leaderboard, retention
from core.tuning.leaderboard import Board, Trial
from ui import choices, links
from ui.shared import charts, job_state
from ui.text import duration, figure, plain, share

KEPT = "kept"
FIGURES = ("validation_accuracy", "validation_loss", "validation_macro_f1", "train_loss")
SHOW_POINTS = 40
FEW = 6


def show(board: Board) -> None:
    """Draw the panel of the trial in the address, if it names one."""
    number = links.parameter("trial")
    trial = next((trial for trial in board.trials if str(trial.number) == number), None)
    if trial is None:
        return
    with st.container(border=True, key="tu_trial"):
        with st.container(horizontal=True, vertical_alignment="center"):
            words = f"**Trial {trial.number}**"
            if trial.is_baseline:
                words += " (the defaults)"
            st.markdown(words, width="content")
            st.markdown(job_state.badge(trial.state), width="content")
            st.space("stretch")
            actions(trial, key="tu_trial")
            st.button(
                "",
                icon=":material/close:",
                key="tu_trial_close",
                help="Close",
                on_click=_close,
                type="tertiary",
            )
        with st.grid(2, min_column_width=300):
            _facts(board, trial)
            with st.container():
                curves(board, [trial], key=f"tu_trial_curve_{board.job.id}")
        if trial.reason:
            say = st.error if trial.state is State.FAILED else st.info
            say(plain(trial.reason))


def actions(trial: Trial, *, key: str) -> None:
    """Draw the links from a trial to its model, an endpoint and its training job."""
    if trial.state is State.COMPLETED:
        links.button(
            "Open the model",
            "models",
            key=f"{key}_model",
            icon=":material/verified:",
            model=trial.id,
        )
        if not retention.has_weights(trial):
            links.button(
                "Train again",
                "train",
                key=f"{key}_again",
                icon=":material/replay:",
                clone=trial.id,
                hint=(
                    f"Only the weights of the best {settings.TUNING_MODELS_KEPT} trials are kept. "
                    "Training again with the same settings gives the same model."
                ),
            )
            return
        links.button(
            "Deploy", "deploy", key=f"{key}_deploy", icon=":material/rocket_launch:", model=trial.id
        )
        kept = KEPT in trial.tags
        if not kept and st.button(
            "Keep",
            key=f"{key}_keep",
            icon=":material/bookmark_add:",
            help="Lists the model on the Models page. The best trial is always listed.",
        ):
            labels.set_label(trial.id, tags=(*trial.tags, KEPT))
            st.rerun(scope="fragment")
    links.button(
        "Training job", "train", key=f"{key}_job", icon=":material/show_chart:", job=trial.id
    )


def _close() -> None:
    st.query_params.pop("trial", None)


def _facts(board: Board, trial: Trial) -> None:
    facts = {name.replace("_", " "): value for name, value in trial.params.items()}
    facts[board.objective.title] = figure(trial.value, "{:.4f}")
    if trial.correct is not None and trial.n:
        facts["Validation photos"] = share(int(trial.correct), int(trial.n))
    facts["Validation loss"] = figure(trial.loss, "{:.4f}")
    facts |= {
        "Duration": duration(trial.seconds),
        "Epochs": str(len(trial.curve)),
        "Status": leaderboard.status_words(trial),
    }
    st.dataframe(
        pd.DataFrame({"": list(facts), "value": list(facts.values())}),
        hide_index=True,
        alt=f"Trial {trial.number}",
    )


def curves(board: Board, trials: Sequence[Trial], *, key: str, height: int = 260) -> None:
    """Draw one metric by epoch of each trial, on one scale, with the choice of the metric above."""
    names = [
        name for name in FIGURES if any(name in row for trial in trials for row in trial.curve)
    ]
    if not names:
        st.caption("No epoch has finished yet.")
        return
    start = names[0]
    if board.spec.objective in names:
        start = board.spec.objective
    name = choices.segment(
        "Figure",
        names,
        start=start,
        key=f"{key}_figure",
        label=lambda n: n.replace("_", " "),
        label_visibility="collapsed",
    )
    rows = [
        {"trial": trial.number, "epoch": row["epoch"], name: row.get(name)}
        for trial in trials
        for row in trial.curve
    ]
    opacity = 0.45
    if len(trials) < FEW:
        opacity = 0.75
    near = alt.selection_point(name="near", on="mouseover", fields=["trial"], empty=False)
    chart = (
        alt.Chart(pd.DataFrame(rows).dropna())
        .mark_line(point=len(rows) < SHOW_POINTS)
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y(
                f"{name}:Q", title=name.replace("_", " "), scale=alt.Scale(zero=False, padding=8)
            ),
            color=alt.Color("trial:N", legend=None, scale=alt.Scale(range=charts.PALETTE)),
            opacity=alt.condition(near, alt.value(1), alt.value(opacity)),
            tooltip=["trial", "epoch", alt.Tooltip(f"{name}:Q", format=".4f")],
        )
        .add_params(near)
        .properties(height=height)
    )
    st.altair_chart(chart, key=f"{key}_{name}", alt=f"{name.replace('_', ' ')} by epoch")
