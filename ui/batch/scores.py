"""What a batch said in all: how often each class was the answer, and, where labels are known,
how right it was; the photos behind both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from core.batch import table
from core.batch.table import Answers, Choice, Table
from core.evaluation import confusion, scores
from core.jobs.store import Job
from ui.batch import photos as batch_photos
from ui.shared import charts, confusion_matrix
from ui.text import count, plain, share

MAX_PHOTOS = 36
PAIRS = 6
NAMED = 12


def accuracy(job: Job, found: Table, root: Path | None) -> None:
    """Accuracy, matrix and the most confused pairs; photos the model learned from can be left
    out."""
    answers = found.answers
    if (found.in_training[answers.row] == table.YES).any() and st.toggle(
        "Leave out the photos the model learned from", value=True, key="ba_unseen"
    ):
        answers = found.unseen
    if not len(answers):
        st.info(
            "Every labelled photo here was in the model's training, so no accuracy can be told.",
            icon=":material/school:",
        )
        return
    score = scores.top1(answers)
    low, high = score.interval_95
    st.markdown(
        f"**Top-1 {share(score.correct, score.n)}**, 95 % Wilson interval {low:.3f} to "
        f"{high:.3f}, over {count(score.n, 'photo')}."
    )
    _matrix(job, found, answers, root)
    pairs = confusion.most_confused(answers, PAIRS)
    if pairs:
        st.header("Most confused pairs")
    for number, pair in enumerate(pairs):
        _pair(job, found, answers, pair, number, root)


def classes(job: Job, found: Table, root: Path | None) -> None:
    """Answers per class; a click on a row shows its photos."""
    counts = found.counts()
    charts.predicted_classes(counts, key="ba_counts")
    if never := [plain(name) for name in found.names if name not in set(counts["class"])]:
        some = ", ".join(never[:NAMED])
        if len(never) > NAMED:
            some += ", ..."
        st.caption(f"Never the answer: {count(len(never), 'class', 'classes')} ({some}).")
    shown = counts.assign(photos=counts["sure"] + counts["unsure"])[["class", "photos", "unsure"]]
    event = st.dataframe(
        shown,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"ba_classes_{job.id}",
        alt="Photos per predicted class",
    )
    if not event["selection"]["rows"]:
        st.caption("Choose a row to see the photos of that answer, the least certain first.")
        return
    name = str(counts["class"].iloc[event["selection"]["rows"][0]])
    rows = found.select(Choice(prediction=name, order="least confident"))
    _heading(plain(name), len(rows), f"the {MAX_PHOTOS} least certain")
    _photos(job, found, rows[:MAX_PHOTOS], root, "class")


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
        _photos(job, found, answers.row[rows[:MAX_PHOTOS]], root, "cell")


def _heading(title: str, photos: int, shown: str) -> None:
    """What is shown below; where that is not all, `shown` says which photos it is."""
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
        for column, (true, said, rows) in zip(st.columns(2), sides, strict=True):
            with column:
                st.caption(f"{plain(true)}, taken for {plain(said)}: {len(rows)}")
                _photos(job, found, answers.row[rows[:6]], root, f"pair_{number}_{true}")


def _photos(job: Job, found: Table, rows: np.ndarray, root: Path | None, key: str) -> None:
    if len(rows):
        batch_photos.small_wall(job, found, rows, root, key=key, side=130)
    else:
        st.caption("None.")
