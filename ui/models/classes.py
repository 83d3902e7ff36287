"""Each class by itself: how often it is found, how often it is said rightly, and its photos."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core.evaluation import confusion, examples, scores
from core.evaluation.predictions import Predictions
from core.models.store import Model
from ui.shared.photo_wall import wall
from ui.text import count, plain, share

ROW_HEIGHT, MAX_HEIGHT = 35, 560


def show(model: Model, part: Predictions, split: str) -> None:
    """The classes as a table, the hardest first; a click on a row shows the class's photos."""
    table = (
        scores.per_class(part)
        .assign(taken_for=_taken_for(part))
        .sort_values(["f1", "support"], ascending=[True, False], na_position="last", kind="stable")
    )
    shown = pd.DataFrame(
        {
            "class": table["label"],
            "photos": table["support"],
            "found (recall)": table["recall"],
            "95 % Wilson": [
                _interval(low, high)
                for low, high in zip(table["recall_low"], table["recall_high"], strict=True)
            ],
            "said rightly (precision)": table["precision"],
            "F1": table["f1"],
            "most often taken for": table["taken_for"],
        }
    )
    bar = st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)
    event = st.dataframe(
        shown,
        hide_index=True,
        height=min(MAX_HEIGHT, ROW_HEIGHT * (len(shown) + 1) + 3),
        column_config=dict.fromkeys(("found (recall)", "said rightly (precision)", "F1"), bar),
        on_select="rerun",
        selection_mode="single-row",
        key=f"mo_classes_{model.id}_{split}",
        alt="Recall, precision and F1 of each class, with the number of its photos",
    )
    if rows := event["selection"]["rows"]:
        _photos(model, part, str(table["label"].iloc[rows[0]]))
    else:
        st.caption(
            "The hardest class first. Click the box before a row to see the photos of that class."
        )


def _photos(model: Model, part: Predictions, label: str) -> None:
    rows = examples.worst(part, None, label)
    wrong = int(np.count_nonzero(part.wrong[rows]))
    st.markdown(
        f"**{plain(label)}**: {share(len(rows) - wrong, len(rows))} of its photos are recognised, "
        "the least likely first"
    )
    wall(model, part, rows, key="class")
    others = part.ranked(
        np.flatnonzero((part.predicted == part.index_of(label)) & part.wrong), -part.confidence
    )
    if len(others):
        st.markdown(f"**{count(len(others), 'photo')} of other classes taken for {plain(label)}**")
        wall(model, part, others, key="taken")


def _taken_for(part: Predictions) -> list[str]:
    """For each class, in the model's order, the one it is most often taken for, with how often."""
    table = confusion.counts(part)
    np.fill_diagonal(table, 0)
    worst, often = table.argmax(axis=1), table.max(axis=1)
    return [
        f"{part.classes[other]} ({number})" if number else ""
        for other, number in zip(worst, often, strict=True)
    ]


def _interval(low: float, high: float) -> str:
    if np.isnan(low):
        return ""
    return f"{low:.2f} to {high:.2f}"
