"""Parallel coordinates: one line per trial across all hyperparameters and the objective; axes can
be brushed.

A small component, because a brush has to come back to the page: it filters every other chart. Names
are set as text, never as HTML.
"""

from __future__ import annotations

import streamlit as st

from core.tuning import importance
from core.tuning.leaderboard import Board, Trial
from core.tuning.space import Range
from ui.components import browser_code
from ui.tuning import filters as tuning_filters
from ui.tuning import leaderboard as tuning_board
from ui.tuning.filters import OBJECTIVE, Filters

MAX_LABELLED_CHOICES = 12

_PLOT = browser_code.component("fieldmark_parallel", __file__)


def show(board: Board, filters: Filters) -> None:
    """Draw the chart. A brush sets the page's filters, a click on a line opens its trial."""
    known = [
        trial
        for trial in filters.listed(board)
        if trial.value is not None and importance.inside(trial, board.space)
    ]
    if not known:
        st.caption("No trial with a value matches the filters.")
        return
    axes = tuning_filters.axes(board)
    best = board.best()
    key = f"tu_parallel_{board.job.id}"
    data = {
        "axes": [_axis(name, values, board) for name, values in axes.items()],
        "lines": [_line(trial, axes, board, filters, best) for trial in reversed(known)],
        "brushes": tuning_filters.brushes(board, filters),
        "alt": "Parallel coordinates of the trials",
    }
    _PLOT(
        data=data,
        key=key,
        on_brushes_change=lambda: _brushed(board, key),
        on_opened_change=lambda: _opened(key),
    )
    st.caption(
        "Drag along an axis to filter all charts by that range; click the axis to clear it. "
        "Click a line to open its trial."
    )


def _brushed(board: Board, key: str) -> None:
    tuning_filters.brush(board, dict(st.session_state[key].get("brushes") or {}))


def _opened(key: str) -> None:
    if number := st.session_state[key].get("opened"):
        tuning_board.open_trial(int(number))


def _axis(name: str, values: Range, board: Board) -> dict[str, object]:
    label = name.replace("_", " ")
    if name == OBJECTIVE:
        label = board.objective.title.lower()
    elif values.log:
        label += " (log)"
    if values.kind == "choice":
        step = max(1, len(values.choices) // MAX_LABELLED_CHOICES)
        ticks = [[values.position(text), text] for text in values.choices[::step]]
    else:
        ticks = [[place, f"{values.at(place):.4g}"] for place in (0, 0.25, 0.5, 0.75, 1)]
    return {"name": name, "label": label, "ticks": ticks}


def _line(
    trial: Trial, axes: dict[str, Range], board: Board, filters: Filters, best: Trial | None
) -> dict[str, object]:
    height = axes[OBJECTIVE].position(f"{trial.value:.12g}")
    values = ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in trial.params.items())
    shade = height
    if not board.objective.maximize:
        shade = 1 - height
    return {
        "trial": trial.number,
        "positions": [
            *(board.space[name].position(trial.params[name]) for name in board.space),
            height,
        ],
        "shade": shade,
        "inside": filters.inside(trial),
        "best": best is not None and trial.id == best.id,
        "words": f"Trial {trial.number}: {trial.value:.4f}; {values}",
    }
