"""The classes of a version by size; a click on a bar or a row opens the photos of that class."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core import settings
from core.datasets.store import Dataset, Version
from ui.datasets import links as dataset_links
from ui.shared import charts
from ui.text import chart_text

# More bars than this are not drawn; the table has all classes.
MOST_BARS = 200
BAR_PIXELS = 24
# A taller chart scrolls in its own frame.
FRAME_PIXELS = 460


def show(dataset: Dataset, version: Version) -> None:
    """Draw the classes, the largest first."""
    if not version.counts:
        st.caption("No photo has a label yet. Select photos under *Photos* and relabel them.")
        return
    table = _table(version)
    st.caption("Select a bar or a row to see the photos of that class.")
    label = _chart(table.head(MOST_BARS), f"ds_balance_{dataset.id}_{version.id}")
    if len(table) > MOST_BARS:
        st.caption(f"The chart shows the {MOST_BARS} largest of {len(table):,} classes.")
    label = _rows(table, f"ds_classes_{dataset.id}_{version.id}") or label
    if label:
        dataset_links.to(dataset.id, version.id, "Photos", ds_class=label, ds_split="", ds_page=1)


def _table(version: Version) -> pd.DataFrame:
    """Return `class`, `photos` and a column per split, the largest class first."""
    table = pd.DataFrame.from_dict(version.counts, orient="index")[list(settings.SPLITS)]
    table.insert(0, "photos", table.sum(axis=1))
    table = table.rename_axis("class").reset_index()
    return table.sort_values(["photos", "class"], ascending=[False, True], ignore_index=True)


def _chart(table: pd.DataFrame, key: str) -> str:
    """Draw photos per class, stacked by split; return the class whose bar was clicked, or ''."""
    figure, names = go.Figure(), [chart_text(str(name)) for name in table["class"]]
    for split in settings.SPLITS:
        if table[split].sum():
            colour = charts.SPLIT_COLOURS[split]
            figure.add_bar(
                y=names, x=table[split], name=split, orientation="h", marker_color=colour
            )
    height = max(220, 60 + BAR_PIXELS * len(table))
    figure.update_layout(
        barmode="stack",
        height=height,
        margin={"l": 10, "r": 10, "t": 36, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis_title="photos",
        yaxis=charts.BY_NAME,
        clickmode="event+select",
    )
    frame = st.container()
    if height > FRAME_PIXELS:
        frame = st.container(height=FRAME_PIXELS, border=False)
    with frame:
        event = st.plotly_chart(
            figure,
            key=key,
            config=charts.CONFIG,
            on_select="rerun",
            selection_mode="points",
            alt="Photos per class, stacked by split, the largest class first",
        )
    points = event["selection"]["points"]
    if points:
        return str(table["class"].iloc[int(points[0]["point_index"])])
    return ""


def _rows(table: pd.DataFrame, key: str) -> str:
    """Draw the table; return the class whose row was selected, or ''."""
    event = st.dataframe(
        table,
        key=key,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            **{name: str(name).capitalize() for name in table.columns},
            "photos": st.column_config.ProgressColumn(
                "Photos", format="%d", max_value=int(table["photos"].max())
            ),
        },
        alt="Photos per class and split",
    )
    rows = event["selection"]["rows"]
    if rows:
        return str(table["class"].iloc[rows[0]])
    return ""
