"""The slices of one split: on which photos the model is worse than on the rest, by the columns of
the dataset."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.evaluation import slices
from core.evaluation.predictions import Predictions
from core.models import attributes
from core.models.store import Model
from ui import choices
from ui.models import new_groups
from ui.predictions.photo_wall import wall
from ui.shared import charts
from ui.text import chart_text, count, plain, share

SHOWN = 30
EVERY = "All columns"
COMPARED = {True: "worse", False: "not clearly"}
ROW_HEIGHT, MAX_HEIGHT = 33, 330


def show(model: Model, part: Predictions) -> None:
    """Draw the slices that are worse than the rest, the accuracy by one column, and the photos of
    the chosen slice."""
    new_groups.show(model)
    known = attributes.of(model, part)
    table = slices.table(part, known)
    if table.empty:
        st.info(
            "There is nothing to slice by: the photos have no further columns, and too few sizes. "
            "Import them with a table of what you know about them, or inspect the version for "
            "brightness and blur.",
            icon=":material/info:",
        )
        return
    _verdict(table)
    named = list(dict.fromkeys(name for names in table["columns"] for name in names))
    column = choices.one("Column", [EVERY, *named], key="mo_slice_column", bind="query-params")
    if column == EVERY:
        listed = table.head(SHOWN)
    else:
        listed = table[[names == (column,) for names in table["columns"]]]
        _chart(listed, part)
    _table(listed)
    if listed.empty:
        return
    chosen = choices.one(
        "Slice", list(listed["slice"]), key="mo_slice", bind="query-params", label=str
    )
    row = listed[listed["slice"] == chosen].iloc[0]
    _photos(model, part, known, row)


def _verdict(table: pd.DataFrame) -> None:
    found = table[table["found"]]
    looked = f"{count(len(table), 'slice')} of {slices.MIN_PHOTOS} photos or more"
    if found.empty:
        st.success(
            f"No slice is clearly worse than the rest. {looked} were compared.",
            icon=":material/check_circle:",
        )
        return
    worst = found.iloc[0]
    st.warning(
        f"{len(found)} of {looked} did worse than the rest. The clearest is "
        f"**{plain(worst['slice'])}**: {worst['accuracy']:.3f} on {count(worst['n'], 'photo')}, "
        f"{worst['rest']:.3f} on all others. At most about {100 * slices.MAX_FALSE_SHARE:.0f} % of "
        "the slices that are named this way are chance.",
        icon=":material/warning:",
    )


def _table(listed: pd.DataFrame) -> None:
    frame = pd.DataFrame(
        {
            "Slice": listed["slice"],
            "Photos": listed["n"],
            "Accuracy": listed["accuracy"],
            "95 % CI": [
                f"{low:.2f} to {high:.2f}"
                for low, high in zip(listed["low"], listed["high"], strict=True)
            ],
            "Rest": listed["rest"],
            "Compared": [COMPARED[bool(found)] for found in listed["found"]],
            "By chance": listed["q"],
        }
    )
    bar = st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)
    st.dataframe(
        frame,
        hide_index=True,
        height=min(MAX_HEIGHT, ROW_HEIGHT * (len(frame) + 1) + 3),
        column_config={
            "Accuracy": bar,
            "Rest": st.column_config.NumberColumn(
                format="%.3f", help="The accuracy of all other photos of the split."
            ),
            "By chance": st.column_config.NumberColumn(
                format="%.3f",
                help="The share of named slices that would be named by chance, if this one was.",
            ),
        },
        alt="Accuracy of each slice beside that of the rest",
    )


def _chart(listed: pd.DataFrame, part: Predictions) -> None:
    ordered = listed.sort_values("slice", kind="stable")
    names = [chart_text(values[0]) for values in ordered["values"]]
    colours = [charts.WRONG if found else charts.RIGHT for found in ordered["found"]]
    figure = go.Figure(
        go.Bar(
            x=names,
            y=ordered["accuracy"],
            marker_color=colours,
            error_y={
                "type": "data",
                "symmetric": False,
                "color": charts.OTHER,
                "array": ordered["high"] - ordered["accuracy"],
                "arrayminus": ordered["accuracy"] - ordered["low"],
            },
            hovertemplate="%{x}: %{y:.3f}<extra></extra>",
        )
    )
    whole = part.correct[part.known].mean()
    figure.add_hline(y=whole, line_dash="dash", line_color=charts.OTHER)
    charts.style(figure, "Accuracy with its 95 % interval; dashed: the whole split")
    figure.update_layout(xaxis={"type": "category"}, yaxis={"range": [0, 1.02]})
    st.plotly_chart(figure, config=charts.CONFIG, key="mo_slice_chart")


def _photos(model: Model, part: Predictions, known: pd.DataFrame, row: pd.Series) -> None:
    rows = slices.members(known, row["columns"], row["values"])
    rows = rows[part.known[rows]]
    ranked = part.ranked(rows, part.true_probability)
    st.markdown(
        f"**{plain(row['slice'])}**: {share(row['correct'], row['n'])} correct, the rest "
        f"{row['rest']:.3f}. Lowest probability of the true class first."
    )
    wall(model, part, ranked, key="slice")
