"""The sizes and shapes of the photos: two charts whose selections filter the photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.datasets import photo_sizes
from core.datasets.browse import RANGES, Query
from core.datasets.store import Version
from ui import links
from ui.shared import charts

HEIGHT = 230
BRUSH = "brush"
ACCENT = charts.PALETTE[1]


def show(version: Version, query: Query) -> None:
    """Draw both charts for the photos that pass the other filters; a selected range goes into the
    address."""
    cells, bars = photo_sizes.histograms(version.manifest_path, query)
    if cells.empty:
        return
    now = {name: (low, high) for name, low, high in query.ranges}
    # The chart draws the current range from the address, so a new range starts with a new chart
    # without a selection.
    key = f"{version.dataset_id}_{version.id}_{sorted(now.items())}"
    left, right = st.columns([3, 2])
    with left:
        drawn = _chart(
            _cells(cells, now), f"ds_sizes_{key}", "Number of photos by width and height"
        )
    with right:
        drawn = {
            **drawn,
            **_chart(_bars(bars, now), f"ds_shapes_{key}", "Number of photos by aspect ratio"),
        }
    tables = {"width": cells, "height": cells, "aspect": bars}
    found = {
        name: _whole_bins(tables[name], name, drawn[name]) for name in RANGES if drawn.get(name)
    }
    if found and found != {name: now.get(name) for name in found}:
        links.set_parameters(
            **{name: f"{low:.6g},{high:.6g}" for name, (low, high) in found.items()}
        )
        st.session_state["ds_page"] = 1
        st.rerun()


def forget() -> None:
    """Remove the ranges from the address and draw the page again."""
    links.set_parameters(**dict.fromkeys(RANGES, ""))
    st.session_state["ds_page"] = 1
    st.rerun()


def _whole_bins(table: pd.DataFrame, name: str, drawn: Sequence[float]) -> tuple[float, float]:
    """The range of all bins that what was drawn touches, for nobody draws exactly along their
    borders."""
    low, high = float(min(drawn)), float(max(drawn))
    touched = table[(table[name] <= high) & (table[f"{name}_to"] > low)]
    if touched.empty:
        return low, high
    low, high = float(touched[name].min()), float(touched[f"{name}_to"].max())
    if name == "aspect":
        return low, high
    return low, high - 1.0


def _chart(chart: Any, key: str, alt_text: str) -> dict[str, list[float]]:
    event = st.altair_chart(
        chart.properties(height=HEIGHT),
        on_select="rerun",
        selection_mode=[BRUSH],
        key=key,
        alt=alt_text,
    )
    if event:
        return dict(event.selection.get(BRUSH) or {})
    return {}


def _cells(cells: pd.DataFrame, now: dict[str, tuple[float, float]]) -> Any:
    brush = alt.selection_interval(name=BRUSH, encodings=["x", "y"])
    limits = {
        side: [float(cells[side].min()), float(cells[f"{side}_to"].max())]
        for side in ("width", "height")
    }
    heat = (
        alt.Chart(cells)
        .mark_rect()
        .encode(
            x=alt.X(
                "width:Q", title="width, px", scale=alt.Scale(domain=limits["width"], nice=False)
            ),
            x2="width_to",
            y=alt.Y(
                "height:Q", title="height, px", scale=alt.Scale(domain=limits["height"], nice=False)
            ),
            y2="height_to",
            color=alt.Color("photos:Q", scale=alt.Scale(type="sqrt", domainMin=0), legend=None),
            tooltip=["width", "height", "photos"],
        )
        .add_params(brush)
    )
    return alt.layer(heat, *_outline(now, ("width", "height"), limits))


def _bars(bars: pd.DataFrame, now: dict[str, tuple[float, float]]) -> Any:
    brush = alt.selection_interval(name=BRUSH, encodings=["x"])
    limits = {
        "aspect": [float(bars["aspect"].min()), float(bars["aspect_to"].max())],
        "photos": [0, float(bars["photos"].max())],
    }
    columns = (
        alt.Chart(bars)
        .mark_bar(color=charts.PALETTE[0])
        .encode(
            x=alt.X(
                "aspect:Q",
                title="width / height",
                scale=alt.Scale(domain=limits["aspect"], nice=False),
            ),
            x2="aspect_to",
            y=alt.Y("photos:Q", title="photos"),
            y2=alt.datum(0),
            tooltip=[alt.Tooltip("aspect", format=".2f"), "photos"],
        )
        .add_params(brush)
    )
    return alt.layer(columns, *_outline(now, ("aspect", "photos"), limits))


def _outline(
    now: dict[str, tuple[float, float]], sides: tuple[str, str], limits: dict[str, list[float]]
) -> list[alt.Chart]:
    """The range that counts now, as a frame over the chart."""
    if not any(side in now for side in sides):
        return []
    (left, right), (low, high) = (now.get(side, limits[side]) for side in sides)
    table = pd.DataFrame([{sides[0]: left, "right": right, sides[1]: low, "high": high}])
    frame = alt.Chart(table).mark_rect(fill=ACCENT, fillOpacity=0.08, stroke=ACCENT, strokeWidth=2)
    return [frame.encode(x=f"{sides[0]}:Q", x2="right", y=f"{sides[1]}:Q", y2="high")]
