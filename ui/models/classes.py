"""Recall, precision and photos of each class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core.evaluation import confusion, examples, scores
from core.evaluation.predictions import Predictions
from core.models.store import Model
from ui import links
from ui.predictions.photo_wall import wall
from ui.text import count, plain, share

ROW_HEIGHT, MAX_HEIGHT = 33, 330
BAR_WIDTH = 115
PARAMETER = "of_class"


def show(model: Model, part: Predictions, split: str) -> None:
    """Draw the classes as a table, lowest F1 first; a click on a cell shows the class's photos."""
    table = (
        scores.per_class(part)
        .assign(confused=_most_confused(part))
        .sort_values(["f1", "support"], ascending=[True, False], na_position="last", kind="stable")
    )
    frame = pd.DataFrame(
        {
            "Class": table["label"],
            "Photos": table["support"],
            "Recall": table["recall"],
            "95 % CI": [
                _interval(low, high)
                for low, high in zip(table["recall_low"], table["recall_high"], strict=True)
            ],
            "Precision": table["precision"],
            "F1": table["f1"],
            "Most often confused with": table["confused"],
        }
    )
    bar = st.column_config.ProgressColumn(
        format="%.3f", min_value=0.0, max_value=1.0, width=BAR_WIDTH
    )
    event = st.dataframe(
        frame,
        hide_index=True,
        height=min(MAX_HEIGHT, ROW_HEIGHT * (len(frame) + 1) + 3),
        column_config=dict.fromkeys(("Recall", "Precision", "F1"), bar),
        on_select="rerun",
        selection_mode="single-cell",
        key=f"mo_classes_{model.id}_{split}",
        alt="Recall, precision and F1 of each class, with the number of its photos",
    )
    if cells := event["selection"]["cells"]:
        links.set_parameters(**{PARAMETER: str(table["label"].iloc[cells[0][0]])})
    label = links.parameter(PARAMETER)
    if label in part.classes:
        _photos(model, part, label)
    else:
        st.caption("Lowest F1 first. Click a class to see its photos.")


def _photos(model: Model, part: Predictions, label: str) -> None:
    rows = examples.worst(part, None, label)
    wrong = int(np.count_nonzero(part.wrong[rows]))
    st.markdown(
        f"**{plain(label)}**: {share(len(rows) - wrong, len(rows))} correct, lowest probability "
        "of the class first"
    )
    wall(model, part, rows, key="class")
    others = part.ranked(
        np.flatnonzero((part.predicted == part.index_of(label)) & part.wrong), -part.confidence
    )
    if len(others):
        st.markdown(
            f"**{count(len(others), 'photo')} of other classes predicted as {plain(label)}**"
        )
        wall(model, part, others, key="taken")


def _most_confused(part: Predictions) -> list[str]:
    """Return for each class, in the model's order, the class it is most often predicted as, with
    the count; '' for a class without mistakes."""
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
