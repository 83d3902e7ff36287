"""The charts of a tuning job: history, the objective against each hyperparameter, importance, and
pairs of hyperparameters.

Drawn with Altair, which reports clicks and keeps a selection when the data changes. A click on a
point opens the trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.tuning import importance, leaderboard
from core.tuning.leaderboard import Board, Trial
from core.tuning.space import Range
from core.tuning.surface import surface
from ui import choices
from ui.shared import charts
from ui.tuning import leaderboard as tuning_board

HEIGHT = 300
STATUS_COLOURS = {
    "Completed": "#2C8A69",
    "InProgress": "#4A86B8",
    "Pending": "#4A86B8",
    "Stopping": "#B58A10",
    "Stopped": "#8A8F82",
    "Stopped early": "#B58A10",
    "Failed": "#C4552D",
}
# The axes of the history: column, title, and the smallest step between two ticks.
ALONG = {"trials": ("trial", "trial", 1), "time": ("minutes", "minutes since the start", 0)}
Y_SCALE = alt.Scale(zero=False, padding=12)
GOOD, BAD = "#1E6B52", "#D8CDB4"
PICK = alt.selection_point(name="pick", fields=["trial"], on="click", empty=False)


def history(board: Board, trials: Sequence[Trial]) -> None:
    """Draw every trial's objective and the best so far, by number of trials or by time."""
    along = choices.segment("Along", list(ALONG), key="tu_along", label_visibility="collapsed")
    table = leaderboard.history(board, trials)
    if table.empty:
        st.caption("No trial has a value yet.")
        return
    axis, title, step = ALONG[along]
    x = alt.X(f"{axis}:Q", title=title, axis=alt.Axis(tickMinStep=step))
    y = alt.Y("value:Q", title=board.objective.title.lower(), scale=Y_SCALE)
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=70, cursor="pointer")
        .encode(x=x, y=y, color=_status_colour(table), tooltip=_tooltip(board, table))
        .add_params(PICK)
    )
    line = (
        alt.Chart(table.dropna(subset=["best"]).sort_values(axis))
        .mark_line(interpolate="step-after", color="#8A9A8E", strokeWidth=2)
        .encode(x=x, y=alt.Y("best:Q", title=board.objective.title.lower(), scale=Y_SCALE))
    )
    layers = line + points
    words = "Line: best so far"
    if (baseline := board.baseline()) is not None:
        words += "; dashed: the defaults"
        rule = (
            alt.Chart(pd.DataFrame({"value": [baseline.value]}))
            .mark_rule(strokeDash=[4, 4], color="gray")
            .encode(y="value:Q")
        )
        layers = rule + layers
    _clickable(
        board, layers, f"history_{axis}", "The objective of every trial, and the best so far"
    )
    st.caption(f"{words}.")


def slices(board: Board, trials: Sequence[Trial]) -> None:
    """Draw the objective against each tuned hyperparameter; later trials are darker."""
    known = _inside(board, trials)
    if not known:
        st.caption("No trial with a value matches the filters.")
        return
    table = _table(board, known)
    with st.grid(2, min_column_width=320):
        for name, values in board.space.items():
            _slice(board, table, name, values)


def _slice(board: Board, table: pd.DataFrame, name: str, values: Range) -> None:
    y = alt.Y("value:Q", title=board.objective.title.lower(), scale=Y_SCALE)
    colour = alt.Color("trial:Q", scale=alt.Scale(range=[BAD, GOOD]), legend=None)
    shown = name.replace("_", " ")
    field = _field(name)
    if values.kind == "choice":
        x = alt.X(
            f"{field}:N",
            title=shown,
            sort=list(values.choices),
            axis=alt.Axis(labelAngle=0, labelLimit=140),
        )
        box = (
            alt.Chart(table)
            .mark_boxplot(size=28, opacity=0.35, outliers=False, color="#8A9A8E")
            .encode(x=x, y=y)
        )
        jitter = alt.XOffset("jitter:Q", scale=alt.Scale(domain=[0, 1], range=[-18, 18]))
        dots = alt.Chart(table.assign(jitter=_jitter(len(table)))).mark_point(
            filled=True, size=60, cursor="pointer"
        )
        layers = box + dots.encode(
            x=x, y=y, xOffset=jitter, color=colour, tooltip=_tooltip(board, table)
        ).add_params(PICK)
    else:
        kind: Literal["linear", "log"] = "linear"
        title = shown
        if values.log:
            kind, title = "log", f"{shown} (log)"
        x = alt.X(
            f"{field}:Q",
            title=title,
            scale=alt.Scale(type=kind, domain=[values.low, values.high], nice=False),
            axis=alt.Axis(format="~g", labelOverlap=True),
        )
        dots = alt.Chart(table).mark_point(filled=True, size=60, cursor="pointer")
        layers = dots.encode(x=x, y=y, color=colour, tooltip=_tooltip(board, table)).add_params(
            PICK
        )
    _clickable(
        board, layers, f"slice_{name}", f"{board.objective.title} against {shown}", height=240
    )


def importances(board: Board, trials: Sequence[Trial]) -> None:
    """Draw the importance of each hyperparameter as bars, with a warning if it rests on few
    trials."""
    found = importance.importances(trials, board.space, board.spec.objective)
    count = sum(
        trial.value is not None and trial.state == "Completed" and bool(trial.params)
        for trial in trials
    )
    if not found:
        st.caption(
            f"Importance needs at least {importance.FEWEST_TRIALS} completed trials with "
            f"different values; {count} match the filters."
        )
        return
    if count < importance.SANE_TRIALS:
        st.warning(
            (
                f"Based on {count} trials: below {importance.SANE_TRIALS}, the estimate reflects "
                "chance as much as the hyperparameters."
            ),
            icon=":material/warning:",
        )
    table = pd.DataFrame(
        {
            "hyperparameter": [name.replace("_", " ") for name in found],
            "share": list(found.values()),
        }
    )
    bars = (
        alt.Chart(table)
        .mark_bar(color=charts.PALETTE[0], cornerRadiusEnd=3, size=22)
        .encode(
            x=alt.X(
                "share:Q",
                title="share of the importance",
                axis=alt.Axis(format=".0%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            y=alt.Y(
                "hyperparameter:N",
                title=None,
                sort=list(table["hyperparameter"]),
                axis=alt.Axis(labelLimit=200),
            ),
            tooltip=["hyperparameter", alt.Tooltip("share:Q", format=".0%")],
        )
    )
    text = bars.mark_text(align="left", dx=5, color="gray").encode(
        text=alt.Text("share:Q", format=".0%")
    )
    st.altair_chart(
        (bars + text).properties(height=60 + 34 * len(table)),
        key="tu_importance",
        alt="Importance of each hyperparameter",
    )
    st.caption(
        "PED-ANOVA: how much the distribution of a hyperparameter among the best trials differs "
        "from that among all trials."
    )


def contour(board: Board, trials: Sequence[Trial]) -> None:
    """Draw the objective over two hyperparameters, smoothed, with the trials on top."""
    names = list(board.space)
    known = _inside(board, trials)
    if len(names) < 2 or len(known) < importance.FEWEST_TRIALS:
        st.caption("Needs two hyperparameters that vary and a few completed trials.")
        return
    ranked = [*importance.importances(trials, board.space, board.spec.objective), *names]
    first, second = _axes(names, list(dict.fromkeys(ranked)))
    columns, rows, heights = surface(
        known, (first, board.space[first]), (second, board.space[second])
    )
    cells = pd.DataFrame(
        {
            "x": np.tile(columns, len(rows)),
            "y": np.repeat(rows, len(columns)),
            "value": heights.ravel(),
        }
    ).dropna()
    heat = _heat(board, cells).encode(
        x=alt.X(
            "x:N",
            scale=alt.Scale(domain=list(columns)),
            title=_shown(first),
            axis=_sparse(columns, board.space[first]),
        ),
        y=alt.Y(
            "y:N",
            scale=alt.Scale(domain=list(rows[::-1])),
            title=_shown(second),
            axis=_sparse(rows, board.space[second]),
        ),
        tooltip=[
            alt.Tooltip("x:N", title=_shown(first)),
            alt.Tooltip("y:N", title=_shown(second)),
            alt.Tooltip("value:Q", format=".4f"),
        ],
    )
    table = _table(board, known).assign(
        x=[_nearest(board.space[first], columns, trial.params[first]) for trial in known],
        y=[_nearest(board.space[second], rows, trial.params[second]) for trial in known],
    )
    dots = _dots(table).encode(
        x=alt.X("x:N", sort=columns),
        y=alt.Y("y:N", sort=rows[::-1]),
        tooltip=_tooltip(board, table),
    )
    _clickable(
        board,
        heat + dots,
        "contour",
        f"{board.objective.title} over {first} and {second}",
        height=380,
    )


def _axes(names: Sequence[str], order: Sequence[str]) -> tuple[str, str]:
    """Draw the two choices of axes, at first the two most important hyperparameters."""
    left, right = st.columns(2)
    first = choices.one(
        "Horizontal axis", names, start=order[0], label=_shown, key="tu_contour_x", on=left
    )
    others = [name for name in names if name != first]
    start = next(name for name in order if name != first)
    second = choices.one(
        "Vertical axis", others, start=start, label=_shown, key="tu_contour_y", on=right
    )
    return first, second


def _inside(board: Board, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials with a value inside the space."""
    return [
        trial
        for trial in trials
        if trial.value is not None and importance.inside(trial, board.space)
    ]


def _heat(board: Board, cells: pd.DataFrame) -> alt.Chart:
    """Return cells coloured by their value, the best the strongest."""
    colours = [GOOD, BAD]
    if board.objective.maximize:
        colours = [BAD, GOOD]
    scheme, title = alt.Scale(range=colours), board.objective.title.lower()
    return (
        alt.Chart(cells)
        .mark_rect()
        .encode(
            color=alt.Color("value:Q", scale=scheme, title=title),
            stroke=alt.Stroke("value:Q", scale=scheme, title=title),
        )
    )


def _dots(table: pd.DataFrame) -> alt.Chart:
    return (
        alt.Chart(table)
        .mark_point(filled=True, size=45, color="black", stroke="white", strokeWidth=1, opacity=0.9)
        .add_params(PICK)
    )


def _clickable(board: Board, layers: Any, name: str, alt_text: str, height: int = HEIGHT) -> None:
    """Draw a chart whose points carry PICK; a click on one opens its trial."""
    key = f"tu_chart_{name}_{board.job.id}"
    st.altair_chart(
        layers.properties(height=height),
        key=key,
        on_select=lambda: _picked(key),
        selection_mode=["pick"],
        alt=alt_text,
    )


def _picked(key: str) -> None:
    chosen = st.session_state[key]["selection"].get("pick")
    if chosen:
        tuning_board.open_trial(int(chosen[0]["trial"]))


def _table(board: Board, trials: Sequence[Trial]) -> pd.DataFrame:
    table = leaderboard.frame(board, trials)
    return table.assign(value=table[board.spec.objective])


def _status_colour(table: pd.DataFrame) -> alt.Color:
    names = [name for name in STATUS_COLOURS if name in set(table["status"])]
    scale = alt.Scale(domain=names, range=[STATUS_COLOURS[name] for name in names])
    legend = None
    if len(names) > 1:
        legend = alt.Legend(orient="top", title=None)
    return alt.Color("status:N", scale=scale, legend=legend)


def _tooltip(board: Board, table: pd.DataFrame) -> list[Any]:
    tips: list[Any] = [
        "trial:N",
        alt.Tooltip("value:Q", title=board.objective.title.lower(), format=".4f"),
    ]
    tips += [
        alt.Tooltip(f"{_field(name)}:N", title=_shown(name))
        for name in board.space
        if name in table
    ]
    return [
        *tips,
        alt.Tooltip("validation_loss:Q", title="loss", format=".4f"),
        alt.Tooltip("seconds:Q", format=".1f"),
    ]


def _field(name: str) -> str:
    return name.replace(".", "\\.")


def _shown(name: str) -> str:
    return name.replace("_", " ")


def _jitter(count: int) -> Any:
    return (np.arange(count) * 0.618034) % 1


def _sparse(texts: Sequence[str], values: Range) -> alt.Axis:
    """Return an axis with about six labels, numbers with three digits."""
    step = max(1, len(texts) // 6)
    shown = [text for place, text in enumerate(texts) if place % step == 0]
    short = alt.Undefined if values.kind == "choice" else "format(toNumber(datum.value), '.3~g')"
    return alt.Axis(values=shown, labelAngle=0, labelOverlap=True, labelExpr=short, grid=False)


def _nearest(values: Range, texts: Sequence[str], text: str) -> str:
    if values.kind == "choice":
        return text
    place = values.position(text)
    return min(texts, key=lambda other: abs(values.position(other) - place))
