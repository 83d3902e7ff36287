"""Charts: Plotly for curves and bars, Altair where a click must come back (this Streamlit
reports none from a Plotly heat map)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
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
LABELLED_CELLS = 24
MARKED_POINTS = 30
EPOCH_TICKS = 10
RIGHT, WRONG, OTHER = "#2C8A69", "#C4552D", "#9AA89F"
# Plotly would take classes called 001 and 1 for numbers, and so for one.
BY_NAME = {"type": "category", "autorange": "reversed", "automargin": True}
SMALLEST_CELL, TALLEST = 9, 1400


def style(figure: go.Figure, title: str, height: int = HEIGHT) -> None:
    """A title, and margins and a legend like those of the other charts."""
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
    """Plotly's mode of a line through so many points: of few, each one is marked."""
    if points < MARKED_POINTS:
        return "lines+markers"
    return "lines"


def faint(colour: str) -> str:
    """A colour `#rrggbb` for the area around its line."""
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
    """Train and validation of one metric over epochs, on one scale; the kept epoch is marked."""
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
            annotation_position="bottom right",
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
    """A Plotly axis of whole epochs, also around a single one."""
    first, last = min(epochs, default=0), max(epochs, default=1)
    return {
        "title": "epoch",
        "tickformat": "d",
        "tick0": 0,
        "dtick": max(1, math.ceil((last - first) / EPOCH_TICKS)),
        "range": [first - 0.5, last + 0.5],
    }


def class_balance(table: pd.DataFrame, *, key: str) -> None:
    """Photos per class, stacked by split; `table` has `class` and a column per split."""
    figure, names = go.Figure(), [chart_text(str(name)) for name in table["class"]]
    for split in ("train", "validation", "test", "unused"):
        if table[split].sum():
            colour = SPLIT_COLOURS[split]
            figure.add_bar(
                y=names, x=table[split], name=split, orientation="h", marker_color=colour
            )
    figure.update_layout(
        barmode="stack",
        height=max(220, 60 + 24 * len(table)),
        margin={"l": 10, "r": 10, "t": 36, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis_title="photos",
        yaxis=BY_NAME,
    )
    st.plotly_chart(figure, key=key, config=CONFIG, alt="Photos per class, stacked by split")


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


def confusion(cells: pd.DataFrame, order: Sequence[str], *, key: str) -> tuple[str, str] | None:
    """The confusion matrix; returns the clicked cell as (true, predicted).

    `cells` has `true`, `predicted`, `count` and `share` (of the true class). Colour is the share,
    so that rare classes show.
    """
    pick = alt.selection_point(name="cell", fields=["true", "predicted"])
    base = alt.Chart(cells).encode(
        x=alt.X(
            "predicted:N", scale=_classes(order), title="predicted", axis=_axis(len(order), -45)
        ),
        y=alt.Y("true:N", scale=_classes(order), title="true", axis=_axis(len(order), 0)),
        tooltip=[
            "true",
            "predicted",
            "count",
            alt.Tooltip("share:Q", format=".0%", title="share of the true class"),
        ],
    )
    heat = (
        base.mark_rect()
        .encode(
            # The square root lets a few mistakes of many photos show.
            color=alt.Color(
                "share:Q",
                title="share of the true class",
                scale=alt.Scale(type="sqrt", domain=[0, 1]),
                legend=alt.Legend(format=".0%"),
            ),
            stroke=alt.condition(pick, alt.value("#C4552D"), alt.value("transparent"), empty=False),
            strokeWidth=alt.value(2),
        )
        .add_params(pick)
    )
    layers = heat
    if len(order) <= LABELLED_CELLS:
        layers = heat + _counts(base)
    side = min(860, max(340, 26 * len(order) + 110))
    if len(order) * SMALLEST_CELL > side:
        side = min(TALLEST, len(order) * SMALLEST_CELL)
    event = st.altair_chart(
        layers.properties(height=side),
        on_select="rerun",
        selection_mode=["cell"],
        key=key,
        alt="Confusion matrix, true class by row, predicted by column",
    )
    return _clicked(event)


def _counts(base: alt.Chart) -> alt.Chart:
    """The number in each cell. The scale of colours runs from light to dark on a light page, and
    the other way round on a dark one."""
    strong, weak = "#FFFFFF", "#3D4A43"
    if st.context.theme.type == "dark":
        strong, weak = "#10201A", "#DFE6E1"
    return (
        base.transform_filter("datum.count > 0")
        .mark_text(fontSize=12)
        .encode(
            text="count:Q",
            color=alt.condition("datum.share > 0.2", alt.value(strong), alt.value(weak)),
        )
    )


def _classes(order: Sequence[str]) -> alt.Scale:
    """A place for every class, also where no photo was of it or taken for it: else the diagonal
    is none."""
    return alt.Scale(domain=list(order))


def _axis(classes: int, angle: int) -> alt.Axis:
    """Names of all classes; of many as many as there is room for, small."""
    if classes <= LABELLED_CELLS:
        return alt.Axis(labelAngle=angle, labelLimit=180, labelOverlap=False)
    size = 8
    if classes <= 2 * LABELLED_CELLS:
        size = 10
    return alt.Axis(
        labelAngle=-90 if angle else 0,
        labelLimit=130,
        labelFontSize=size,
        labelOverlap="greedy",
        ticks=False,
    )


def _clicked(event: Any) -> tuple[str, str] | None:
    if not event:
        return None
    if chosen := event.selection.get("cell"):
        return (str(chosen[0]["true"]), str(chosen[0]["predicted"]))
    return None
