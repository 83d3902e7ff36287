"""Charts with Plotly, in one style."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ui.text import chart_text

HEIGHT = 300
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
# Mid tones that can be told apart on both themes; a split has the same colour in every chart.
SPLIT_COLOURS = {
    "train": "#8A9A8E",
    "validation": "#2C8A69",
    "test": "#C4552D",
    "unused": "#B9BDB3",
}
PALETTE = ["#2C8A69", "#C4552D", "#4A86B8", "#B58A10", "#8465A8", "#4F9A9B", "#B8505C", "#8A8F82"]
MARKED_POINTS = 30
EPOCH_TICKS = 10
RIGHT, WRONG, OTHER = "#2C8A69", "#C4552D", "#9AA89F"
# Plotly would take classes called 001 and 1 for numbers, and so for one.
BY_NAME = {"type": "category", "autorange": "reversed", "automargin": True}


def style(figure: go.Figure, title: str, height: int = HEIGHT) -> None:
    """Set a title, and the margins and the legend of all charts."""
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        height=height,
        margin={"l": 50, "r": 10, "t": 60, "b": 40},
        legend={
            "orientation": "h",
            "y": 1.01,
            "yanchor": "bottom",
            "x": 1,
            "xanchor": "right",
            "traceorder": "normal",
        },
    )


def line_mode(points: int) -> str:
    """Return Plotly's mode of a line: few points are marked."""
    if points < MARKED_POINTS:
        return "lines+markers"
    return "lines"


def faint(colour: str) -> str:
    """Return a colour `#rrggbb` as a transparent one, for an area around a line."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.14)"


def curves(
    rows: Sequence[dict[str, float]],
    metric: str,
    title: str,
    *,
    best_epoch: float | None = None,
    key: str,
) -> None:
    """Draw one metric of train and validation by epoch, on one scale; the kept epoch is marked."""
    figure = go.Figure()
    for split in ("train", "validation"):
        points = [
            (row["epoch"], row[f"{split}_{metric}"]) for row in rows if f"{split}_{metric}" in row
        ]
        if points:
            x, y = zip(*points, strict=True)
            figure.add_scatter(
                x=x,
                y=y,
                name=split,
                mode=line_mode(len(x)),
                line={"color": SPLIT_COLOURS[split], "width": 2},
            )
    if best_epoch is not None and rows:
        figure.add_vline(
            x=best_epoch,
            line_width=1,
            line_dash="dash",
            line_color="gray",
            annotation_text="kept",
            annotation_position="bottom left",
        )
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        height=HEIGHT,
        margin={"l": 50, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"},
        xaxis=epoch_axis([row["epoch"] for row in rows]),
        hovermode="x unified",
        uirevision=key,
    )
    st.plotly_chart(figure, key=key, config=CONFIG, alt=f"{title} by epoch, train and validation")


def epoch_axis(epochs: Sequence[float]) -> dict[str, object]:
    """Return a Plotly axis of whole epochs, also for a single one."""
    first, last = min(epochs, default=0), max(epochs, default=1)
    return {
        "title": "epoch",
        "tickformat": "d",
        "tick0": 0,
        "dtick": max(1, math.ceil((last - first) / EPOCH_TICKS)),
        "range": [first - 0.5, last + 0.5],
    }


def predicted_classes(table: pd.DataFrame, *, key: str) -> None:
    """How often each class was the answer; `table` has `class`, `sure` and `unsure`, the most
    frequent first."""
    figure, names = go.Figure(), [chart_text(str(name)) for name in table["class"]]
    for kind, colour in (("sure", PALETTE[0]), ("unsure", PALETTE[3])):
        figure.add_bar(y=names, x=table[kind], name=kind, orientation="h", marker_color=colour)
    figure.update_layout(
        barmode="stack",
        height=max(220, 60 + 24 * len(table)),
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis_title="photos",
        yaxis=BY_NAME,
    )
    st.plotly_chart(
        figure, key=key, config=CONFIG, alt="Photos per predicted class, sure and unsure"
    )
