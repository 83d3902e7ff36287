"""The filters of a tuning job's page: by status, the best only, and ranges of values. They apply to
every chart and to the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.tuning.leaderboard import Board, Trial, status_words
from core.tuning.space import Range
from ui import choices

OBJECTIVE = "objective"


@dataclass(frozen=True)
class Filters:
    """The filters. `ranges` are (low, high) of numbers, None for no bound; `choices` the values
    kept of a category."""

    statuses: tuple[str, ...] = ()
    top: int = 0
    ranges: Mapping[str, tuple[float | None, float | None]] | None = None
    choices: Mapping[str, tuple[str, ...]] | None = None

    def listed(self, board: Board) -> list[Trial]:
        """Return the ranked trials by status and place only, for a chart that fades the others
        itself."""
        ranked = [
            trial
            for trial in board.ranked()
            if not self.statuses or status_words(trial) in self.statuses
        ]
        if self.top:
            return ranked[: self.top]
        return ranked

    def inside(self, trial: Trial) -> bool:
        """Return whether a trial's values and its objective are in the chosen ranges."""
        for name, (low, high) in (self.ranges or {}).items():
            number = _number(trial, name)
            if (
                number is None
                or (low is not None and number < low)
                or (high is not None and number > high)
            ):
                return False
        return all(trial.params.get(name) in kept for name, kept in (self.choices or {}).items())

    def shown(self, board: Board) -> list[Trial]:
        """Return the ranked trials that match all filters."""
        return [trial for trial in self.listed(board) if self.inside(trial)]

    @property
    def narrowed(self) -> bool:
        return bool(self.statuses or self.top or self.ranges or self.choices)


def show(board: Board) -> Filters:
    """Draw the fields in a popover; return the filters."""
    key = _key(board)
    with st.popover("Filter", icon=":material/filter_alt:"):
        statuses = sorted({status_words(trial) for trial in board.trials})
        chosen = choices.pills("Status", statuses, key=f"{key}_status")
        top = st.number_input(
            "Only the best", 0, len(board.trials) or 1, 0, key=f"{key}_top", help="0: all."
        )
        ranges: dict[str, tuple[float | None, float | None]] = {}
        picked: dict[str, tuple[str, ...]] = {}
        for name, values in axes(board).items():
            if values.kind == "choice":
                field = f"{key}_{name}_kept"
                kept = choices.many(
                    name.replace("_", " "), values.choices, key=field, placeholder="All"
                )
                if kept:
                    picked[name] = tuple(kept)
            else:
                low, high = _bounds(name, values, key)
                if (low, high) != (None, None):
                    ranges[name] = (low, high)
        st.button(
            "Clear filters",
            key=f"{key}_reset",
            icon=":material/filter_alt_off:",
            on_click=reset,
            args=(board,),
        )
    return Filters(tuple(chosen), int(top), ranges, picked)


def _bounds(name: str, values: Range, key: str) -> tuple[float | None, float | None]:
    left, right = st.columns(2)
    shown = name.replace("_", " ")
    low = left.number_input(
        f"{shown} from",
        value=None,
        format="%g",
        key=f"{key}_{name}_low",
        placeholder=f"{values.low:g}",
    )
    high = right.number_input(
        f"{shown} to",
        value=None,
        format="%g",
        key=f"{key}_{name}_high",
        placeholder=f"{values.high:g}",
    )
    return low, high


def axes(board: Board) -> dict[str, Range]:
    """Return the ranges to filter by: the hyperparameters, and the objective from the lowest to the
    highest value."""
    reached = [trial.value for trial in board.trials if trial.value is not None]
    low, high = min(reached, default=0.0), max(reached, default=1.0)
    if high <= low:
        high = low + 1e-6
    return {**board.space, OBJECTIVE: Range("float", low, high)}


def reset(board: Board) -> None:
    """Clear every filter; to be called before the page is drawn."""
    key = _key(board)
    st.session_state[f"{key}_status"], st.session_state[f"{key}_top"] = [], 0
    brush(board, {})


def brush(board: Board, brushes: Mapping[str, Sequence[float]]) -> None:
    """Set the ranges to the brushed ones, as (lower, upper) positions from 0 to 1 on each axis; an
    axis that is missing has no bounds."""
    key = _key(board)
    for name, values in axes(board).items():
        low, high = brushes.get(name, (None, None))
        if values.kind == "choice":
            inside = [
                text
                for text in values.choices
                if low is not None and high is not None and low <= values.position(text) <= high
            ]
            st.session_state[f"{key}_{name}_kept"] = inside
        else:
            for end, place in (("low", low), ("high", high)):
                st.session_state[f"{key}_{name}_{end}"] = _at(values, place)


def _at(values: Range, place: float | None) -> float | None:
    """Return the number at a position on its axis; None at either end."""
    if place is None or not 0 < place < 1:
        return None
    return values.at(place)


def brushes(board: Board, filters: Filters) -> dict[str, tuple[float, float]]:
    """Return the ranges as positions on their axes."""
    found = {}
    for name, (low, high) in (filters.ranges or {}).items():
        values = axes(board)[name]
        found[name] = (_clipped(values, low, 0.0), _clipped(values, high, 1.0))
    for name, kept in (filters.choices or {}).items():
        places = [board.space[name].position(text) for text in kept]
        found[name] = (max(0.0, min(places) - 0.04), min(1.0, max(places) + 0.04))
    return found


def _number(trial: Trial, name: str) -> float | None:
    if name == OBJECTIVE:
        return trial.value
    if name in trial.params:
        return float(trial.params[name])
    return None


def _clipped(values: Range, number: float | None, beyond: float) -> float:
    """Return the position of a number on its axis; `beyond` without a bound."""
    if number is None:
        return beyond
    return values.position(f"{min(max(number, values.low), values.high):.12g}")


def _key(board: Board) -> str:
    return f"tu_f_{board.job.id}"
