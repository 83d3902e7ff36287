"""The predictions of a batch by class and, for photos with labels, its accuracy; with the photos
of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.batch import table
from core.batch.table import Answers, Choice, Table
from core.evaluation import confusion, scores
from core.jobs.store import Job
from ui import links
from ui.batch import photos as batch_photos
from ui.predictions import confusion_matrix
from ui.shared import charts
from ui.text import count, plain, share

MAX_PHOTOS = 36
PAIRS = 6
NAMED = 12
PARAMETER = "of_class"


def accuracy(job: Job, found: Table, root: Path | None) -> None:
    """Draw accuracy, matrix and the most confused pairs; photos that the model was trained on can
    be left out."""
    answers = found.answers
    if (found.in_training[answers.row] == table.YES).any() and st.toggle(
        "Leave out photos the model was trained on", value=True, key="ba_unseen"
    ):
        answers = found.unseen
    if not len(answers):
        st.info(
            "The model was trained on every labelled photo here, so no accuracy is reported.",
            icon=":material/school:",
        )
        return
    score = scores.top1(answers)
    low, high = score.interval_95
    st.markdown(f"**Top-1 {share(score.correct, score.n)}**, 95 % CI {low:.3f} to {high:.3f}.")
    _matrix(job, found, answers, root)
    pairs = confusion.most_confused(answers, PAIRS)
    if pairs:
        st.header("Most confused pairs")
    for number, pair in enumerate(pairs):
        _pair(job, found, answers, pair, number, root)


def classes(job: Job, found: Table, root: Path | None) -> None:
    """Draw the predictions by class; a click on a cell shows the photos of its class."""
    counts = found.counts()
    charts.predicted_classes(counts, key="ba_counts")
    if never := [plain(name) for name in found.names if name not in set(counts["class"])]:
        some = ", ".join(never[:NAMED])
        if len(never) > NAMED:
            some += ", ..."
        st.caption(f"Never predicted: {count(len(never), 'class', 'classes')} ({some}).")
    table = pd.DataFrame(
        {
            "Class": counts["class"],
            "Photos": counts["sure"] + counts["unsure"],
            "Unsure": counts["unsure"],
        }
    )
    event = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key=f"ba_classes_{job.id}",
        alt="Photos per predicted class",
    )
    cells = event["selection"]["cells"]
    if cells:
        links.set_parameters(**{PARAMETER: str(counts["class"].iloc[cells[0][0]])})
    name = links.parameter(PARAMETER)
    if name not in set(counts["class"]):
        st.caption("Click a class to see its photos, lowest probability first.")
        return
    rows = found.select(Choice(prediction=name, order="least confident"))
    _heading(plain(name), len(rows), f"the {MAX_PHOTOS} with the lowest probability")
    _photos(job, found, rows, root, "class")


def _matrix(job: Job, found: Table, answers: Answers, root: Path | None) -> None:
    left, right = confusion_matrix.sides()
    with left:
        cell = confusion_matrix.show(answers, key="ba")
    with right:
        if cell is None:
            st.success("No mistakes.", icon=":material/check_circle:")
            return
        rows = confusion.cell(answers, *cell)
        _heading(confusion_matrix.title(cell), len(rows), f"the first {MAX_PHOTOS}")
        _photos(job, found, answers.row[rows], root, "cell")


def _heading(title: str, photos: int, shown: str) -> None:
    """Draw the heading of some photos; `shown` tells which they are if they are not all."""
    words = f"**{title}**: {count(photos, 'photo')}"
    if photos > MAX_PHOTOS:
        words += f", {shown}"
    st.markdown(words)


def _pair(
    job: Job,
    found: Table,
    answers: Answers,
    pair: confusion.ConfusedPair,
    number: int,
    root: Path | None,
) -> None:
    with st.expander(
        f"{plain(pair.first)} and {plain(pair.second)}: {count(pair.total, 'mistake')}",
        expanded=number == 0,
    ):
        sides = (
            (pair.first, pair.second, pair.first_as_second),
            (pair.second, pair.first, pair.second_as_first),
        )
        for column, (true, predicted, rows) in zip(st.columns(2), sides, strict=True):
            with column:
                st.caption(f"{plain(true)} predicted as {plain(predicted)}: {len(rows)}")
                _photos(job, found, answers.row[rows[:6]], root, f"pair_{number}_{true}")


def _photos(job: Job, found: Table, rows: np.ndarray, root: Path | None, key: str) -> None:
    if len(rows):
        batch_photos.small_wall(job, found, rows[:MAX_PHOTOS], root, key=key, side=130, every=rows)
    else:
        st.caption("No photos.")
