"""Calibration of a model: the reliability diagram, with the photos of each bin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from core.evaluation import calibration
from core.evaluation.predictions import Predictions
from core.models.store import Model
from ui.models import coverage as coverage_view
from ui.predictions.photo_wall import wall
from ui.shared import charts
from ui.text import count, share

HEIGHT = charts.HEIGHT + 80
BEFORE = "#9AA89F"
# The index of the bars that are clicked among the figure's traces: perfect, before, after, bars.
BARS = 3


def show(model: Model, predictions: Predictions, split: str) -> None:
    """Draw reliability and coverage on one split. The temperature and the threshold were fitted on
    validation."""
    part = predictions.of_split(split)
    temperature = float(model.description.get("temperature") or 1.0)
    before = calibration.rescaled(part, 1 / temperature)
    st.caption(
        f"Temperature {temperature:.2f}, fitted on validation (Guo et al. 2017). Expected "
        f"calibration error on {split}, {count(int(part.known.sum()), 'photo')}: "
        f"{calibration.expected_calibration_error(before):.3f} before, "
        f"{calibration.expected_calibration_error(part):.3f} after; 0 is perfect."
    )
    with st.grid(2, min_column_width=400, gap="medium"):
        with st.container():
            clicked = _reliability(part, before, split)
        with st.container():
            threshold = coverage_view.show(model, predictions, split)
    if clicked is not None:
        _photos_of_bin(model, part, clicked)
    coverage_view.unsure_photos(model, part, threshold)


def _reliability(part: Predictions, before: Predictions, split: str) -> int | None:
    """Draw the diagram above the number of photos in each bin; return the bin whose bar was
    clicked."""
    table, plain_table = calibration.reliability(part), calibration.reliability(before)
    figure = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"dash": "dot", "color": "gray", "width": 1},
        name="perfect calibration",
        row=1,
        col=1,
    )
    _reliability_line(
        figure,
        plain_table,
        "before temperature scaling",
        {"color": BEFORE, "width": 1, "dash": "dash"},
        intervals=False,
    )
    _reliability_line(
        figure, table, split, {"color": charts.SPLIT_COLOURS[split], "width": 2}, intervals=True
    )
    _bars(figure, table, charts.SPLIT_COLOURS[split])
    charts.style(figure, "Reliability", HEIGHT)
    figure.update_layout(clickmode="event+select", dragmode=False)
    figure.update_yaxes(title_text="accuracy", range=[-0.03, 1.03], row=1, col=1)
    figure.update_yaxes(title_text="photos", row=2, col=1)
    figure.update_xaxes(range=[0, 1])
    figure.update_xaxes(title_text="probability", row=2, col=1)
    event = st.plotly_chart(
        figure,
        key=f"mo_reliability_{split}",
        config=charts.CONFIG,
        on_select="rerun",
        selection_mode="points",
        alt=("Accuracy against the predicted probability, with the number of photos per bin"),
    )
    st.caption(
        "Bars: photos per bin; click a bar to see them. Vertical lines: 95 % Wilson intervals."
    )
    return _clicked_bin(event)


def _bars(figure: go.Figure, table: pd.DataFrame, colour: str) -> None:
    """Draw the number of photos of each bin, under invisible bars of full height, so that a bin of
    one photo can be clicked, too."""
    filled = table[table["n"] > 0]
    tallest = filled["n"].max() * 1.35
    position = {
        "x": (filled["low"] + filled["high"]) / 2,
        "width": (filled["high"] - filled["low"]) * 0.9,
        "showlegend": False,
    }
    figure.add_bar(
        y=[tallest] * len(filled),
        marker={"color": "rgba(0, 0, 0, 0)", "line": {"width": 0}},
        selected={"marker": {"color": "rgba(128, 128, 128, 0.3)"}},
        customdata=np.stack([filled["n"], filled["low"], filled["high"]], axis=1),
        hovertemplate=(
            "%{customdata[0]} photos from %{customdata[1]:.2f} to "
            "%{customdata[2]:.2f}<extra></extra>"
        ),
        **position,
        row=2,
        col=1,
    )
    # A selection would fade the bars that show the numbers.
    plain = {"marker": {"opacity": 1}, "textfont": {"color": "gray"}}
    text_style = {
        "text": filled["n"],
        "textposition": "outside",
        "textfont": {"color": "gray"},
        "unselected": plain,
        "hoverinfo": "skip",
    }
    figure.add_bar(
        y=filled["n"], marker_color=colour, cliponaxis=False, **text_style, **position, row=2, col=1
    )
    figure.update_yaxes(range=[0, tallest], row=2, col=1)
    figure.update_layout(barmode="overlay")


def _reliability_line(
    figure: go.Figure, table: pd.DataFrame, name: str, line: dict[str, object], *, intervals: bool
) -> None:
    filled = table[table["n"] > 0]
    error, size = None, 4
    if intervals:
        size = 6
        error = {
            "type": "data",
            "array": filled["accuracy_high"] - filled["accuracy"],
            "arrayminus": filled["accuracy"] - filled["accuracy_low"],
            "thickness": 1,
            "width": 3,
        }
    figure.add_scatter(
        x=filled["confidence"],
        y=filled["accuracy"],
        error_y=error,
        mode="lines+markers",
        marker={"size": size},
        line=line,
        name=name,
        customdata=np.stack([filled["correct"], filled["n"]], axis=1),
        hovertemplate=(
            f"{name}: %{{customdata[0]}}/%{{customdata[1]}} = %{{y:.3f}} correct, mean "
            "probability %{{x:.3f}}<extra></extra>"
        ),
        row=1,
        col=1,
    )


def _clicked_bin(event: Any) -> int | None:
    if not event:
        return None
    points = event.selection.get("points", [])
    bars = [point for point in points if point["curve_number"] == BARS]
    if bars:
        return int(bars[0]["x"] * calibration.BINS)
    return None


def _photos_of_bin(model: Model, part: Predictions, number: int) -> None:
    row = calibration.reliability(part).iloc[number]
    rows = np.flatnonzero(
        part.known & (part.confidence > row["low"]) & (part.confidence <= row["high"])
    )
    st.markdown(
        f"**{count(len(rows), 'photo')} with a probability from {row['low']:.2f} to "
        f"{row['high']:.2f}**"
    )
    st.caption(f"{share(int(row['correct']), int(row['n']))} are correct.")
    wall(model, part, part.ranked(rows, part.confidence), key=f"bin_{number}")
