"""The leaderboard: one row per trial, best first, with its curve as a sparkline; a click on a row
opens the trial."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.io import cells
from core.jobs.store import State
from core.tuning import leaderboard
from core.tuning.leaderboard import BASELINE, Board, Trial

SPARK_POINTS = 40
MAX_ROWS_HEIGHT = 460


def show(board: Board, trials: Sequence[Trial]) -> None:
    """Draw the table of these trials, in their order."""
    if not trials:
        st.caption(
            "No trial matches the filters." if board.trials else "The first trial is starting."
        )
        return
    places = {
        trial.id: place
        for place, trial in enumerate(board.ranked(), 1)
        if trial.state is State.COMPLETED
    }
    st.dataframe(
        pd.DataFrame([_row(board, trial, places.get(trial.id)) for trial in trials]),
        hide_index=True,
        height="content" if len(trials) < 12 else MAX_ROWS_HEIGHT,
        column_config=_columns(board),
        on_select=lambda: _select(board, trials),
        selection_mode=["single-row", "single-cell"],
        key=_key(board),
        alt="Trials, the best first",
    )
    st.caption(
        "Best first: by the objective, ties by the loss, then by time. Click a row to see its "
        "trial."
    )


def as_csv(board: Board, trials: Sequence[Trial]) -> bytes:
    """Return the trials with all their values and figures as CSV."""
    return cells.safe_csv(leaderboard.frame(board, trials)).encode()


def open_trial(number: int) -> None:
    """Open the panel of the trial by putting its number into the address."""
    st.query_params["trial"] = str(number)


def _select(board: Board, trials: Sequence[Trial]) -> None:
    # Rows move while trials arrive: the row is looked up in the table that was on the screen, and
    # the mark is removed again.
    key = _key(board)
    selection = st.session_state[key]["selection"]
    rows = [*selection["rows"], *(row for row, _ in selection["cells"])]
    if rows and rows[0] < len(trials):
        open_trial(trials[rows[0]].number)
    st.session_state[f"tu_picked_{board.job.id}"] = (
        st.session_state.get(f"tu_picked_{board.job.id}", 0) + 1
    )


def _key(board: Board) -> str:
    return f"tu_board_{board.job.id}_{st.session_state.get(f'tu_picked_{board.job.id}', 0)}"


def _row(board: Board, trial: Trial, place: int | None) -> dict[str, object]:
    row: dict[str, object] = {
        "place": place,
        "trial": trial.number,
        "status": leaderboard.status_words(trial),
        "objective": trial.value,
    }
    if board.objective.figure == "top1":
        row["photos"] = ""
        if trial.correct is not None:
            row["photos"] = f"{trial.correct}/{trial.n}"
    row |= {"loss": trial.loss, "curve": spark(board, trial)}
    missing = BASELINE if trial.is_baseline else ""
    row |= {name: short(trial.params.get(name, missing)) for name in board.space}
    return {**row, "seconds": trial.seconds}


def short(text: str) -> str:
    """Return a tuned value with four significant digits."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def spark(board: Board, trial: Trial) -> list[float]:
    """Return the objective by epoch, thinned out."""
    values = [
        found
        for row in trial.curve
        if (found := row.get(board.spec.objective, row.get("validation_accuracy"))) is not None
    ]
    step = max(1, len(values) // SPARK_POINTS)
    return values[::step]


def _columns(board: Board) -> dict[str, ColumnConfig]:
    config = st.column_config
    return {
        "place": config.NumberColumn("#", width=44, pinned=True),
        "trial": config.NumberColumn("Trial", width=60, pinned=True),
        "status": config.TextColumn("Status", width=110),
        "objective": config.NumberColumn(
            board.objective.title.removeprefix("Validation ").capitalize(),
            format="%.4f",
            width=84,
            help="On validation.",
        ),
        "photos": config.TextColumn("Photos", width=70, help="Correct of all validation photos."),
        "loss": config.NumberColumn(
            "Loss", format="%.4f", width=76, help="On validation; breaks ties."
        ),
        "curve": config.LineChartColumn("Curve", width=96, help="The objective by epoch."),
        **{name: config.TextColumn(name.replace("_", " ")) for name in board.space},
        "seconds": config.NumberColumn("Seconds", format="%.1f", width=76),
    }
