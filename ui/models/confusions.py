"""The confusion matrix of a model with the photos of the chosen cell beside it, and its most
confused pairs of classes."""

from __future__ import annotations

import streamlit as st

from core.evaluation import confusion
from core.evaluation.predictions import Predictions
from core.models.store import Model
from ui.predictions import confusion_matrix
from ui.predictions.photo_wall import wall
from ui.text import count, plain

PAIRS = 6
SIDE_PHOTOS = 6


def show(model: Model, part: Predictions) -> None:
    """Draw the matrix, the photos of the chosen cell, and the pairs."""
    left, right = confusion_matrix.sides()
    with left:
        cell = confusion_matrix.show(part, key="mo")
    with right:
        if cell is None:
            st.success("No mistakes on this split.", icon=":material/check_circle:")
        else:
            rows = confusion.cell(part, *cell)
            st.markdown(f"**{confusion_matrix.title(cell)}**: {count(len(rows), 'photo')}")
            wall(model, part, rows, key="cell")
    pairs = confusion.most_confused(part, PAIRS)
    if pairs:
        st.header("Most confused pairs")
    for number, pair in enumerate(pairs):
        _pair(model, part, pair, number)


def _pair(model: Model, part: Predictions, pair: confusion.ConfusedPair, number: int) -> None:
    first, second = plain(pair.first), plain(pair.second)
    with st.expander(f"{first} and {second}: {count(pair.total, 'mistake')}", expanded=number == 0):
        left, right = st.columns(2)
        with left:
            st.caption(f"{first} predicted as {second}: {len(pair.first_as_second)}")
            wall(model, part, pair.first_as_second[:SIDE_PHOTOS], key=f"pair_a{number}")
        with right:
            st.caption(f"{second} predicted as {first}: {len(pair.second_as_first)}")
            wall(model, part, pair.second_as_first[:SIDE_PHOTOS], key=f"pair_b{number}")
