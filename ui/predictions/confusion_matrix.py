"""A confusion matrix on a page: which classes it shows, in which order, and which cell's photos
stand beside it. The address names the cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.evaluation import confusion
from core.evaluation.predictions import Answered, Rows
from ui import choices, links
from ui.components.matrix import Cell, matrix
from ui.text import plain

FEW = 24
ALL, HARDEST = "all", "hardest"
TRUE, PREDICTED = "true", "predicted"


def show(answers: Answered, *, key: str) -> Cell | None:
    """Draw the matrix; return the cell to show the photos of: the one in the address, else the
    most frequent mistake."""
    order = _order(answers, key)
    names = [answers.classes[index] for index in order]
    cell = _asked(answers) or _most_frequent_mistake(answers)
    clicked = matrix(
        confusion.frame(answers, order, zeros=False), names, key=f"{key}_matrix", selected=cell
    )
    if len(names) < len(answers.classes):
        st.caption(
            "Confusions with classes not shown have no cell, but still count in the percentages."
        )
    if clicked is None:
        return cell
    links.set_parameters(**{TRUE: clicked[0], PREDICTED: clicked[1]})
    return clicked


def sides() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the containers for the matrix and its photos: side by side, or one below the other
    on a narrow page."""
    grid = st.grid(5, min_column_width=130, gap="medium")
    return grid.cell(column_span=3), grid.cell(column_span=2)


def title(cell: Cell) -> str:
    """Return what the photos of a cell have in common, as Markdown."""
    true, predicted = (plain(name) for name in cell)
    if true == predicted:
        return f"{true}, correct"
    return f"{true} predicted as {predicted}"


def _order(answers: Answered, key: str) -> Sequence[int] | Rows:
    """All classes in their own order; of many, all of them or the hardest, in an order that puts
    confused classes together."""
    size = len(answers.classes)
    if size <= FEW:
        return range(size)
    labels = {ALL: f"All {size}", HARDEST: f"The {FEW} with the most mistakes"}
    chosen = choices.segment(
        "Classes", list(labels), label=labels.__getitem__, key=f"{key}_classes", bind="query-params"
    )
    if chosen == HARDEST:
        return confusion.hardest_classes(answers, FEW)
    return confusion.grouped_order(confusion.counts(answers))


def _asked(answers: Answered) -> Cell | None:
    true, predicted = links.parameter(TRUE), links.parameter(PREDICTED)
    if true in answers.classes and predicted in answers.classes:
        return true, predicted
    return None


def _most_frequent_mistake(answers: Answered) -> Cell | None:
    table = confusion.counts(answers)
    np.fill_diagonal(table, 0)
    if not table.any():
        return None
    true, predicted = divmod(int(table.argmax()), len(table))
    return answers.classes[true], answers.classes[predicted]
