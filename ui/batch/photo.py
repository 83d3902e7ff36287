"""One photo of a batch, whole: what the model said, what to beware of, where it looked, and
setting it aside for review."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.batch import results
from core.datasets import remote
from core.datasets.editing import review
from core.errors import FieldmarkError
from core.io import files, images
from core.jobs.store import Job
from core.models import explain, similar
from core.models import store as models
from ui import messages
from ui.components.gallery import Photo
from ui.shared import photo_view, thumbnails
from ui.text import plain

Row = Mapping[Hashable, Any]


def answer_of(row: Row) -> list[dict[str, object]]:
    """A row's answer as the endpoint would give it, best first."""
    ends = ["", *(f"_{place}" for place in range(2, results.TOP_K + 1))]
    pairs = [(row[f"prediction{end}"], row[f"probability{end}"]) for end in ends]
    return [
        {"label": label, "probability": float(value)}
        for label, value in pairs
        if label and pd.notna(value)
    ]


def set_aside(job: Job, row: Row, root: Path) -> None:
    """Puts the photo of a whole row (with its `file`) into the review queue. Raises
    FieldmarkError where that can't be done."""
    remote.bring(root, [row["file"]])
    review.add(
        files.safe_join(root, row["file"]),
        shown=row["path"],
        answer=answer_of(row),
        model_id=str(job.spec["model_id"]),
        origin=job.id,
        label=row["label"],
        reason="unsure" if row["unsure"] else "from a batch",
    )


@st.dialog("Photo", width="large")
def show(job: Job, row: Row, root: Path | None) -> None:
    """The dialog of one whole row."""
    picture, words = st.columns([3, 2], gap="medium")
    with picture, messages.report_errors():
        if root is None:
            st.warning(
                "The dataset of this photo is not there any more.", icon=":material/warning:"
            )
        elif not row["error"]:
            thumbnails.fetch(root, [row["file"]])
            st.image(
                images.open_image(files.safe_join(root, row["file"])),
                width="stretch",
                alt=row["label"] or row["path"],
            )
    with words:
        _words(row)
        if root and not row["error"]:
            _aside(job, row, root)
    if root and not row["error"]:
        _more(job, row, root)


def _words(row: Row) -> None:
    st.markdown(f"### {plain(row['label'] or row['prediction'] or 'No answer')}")
    st.caption(plain(row["path"]))
    if row["error"]:
        st.error(plain(row["error"]), icon=":material/broken_image:")
        return
    verdict = {
        True: ":green-badge[:material/check: right]",
        False: ":red-badge[:material/close: wrong]",
    }
    said = f"**{plain(row['prediction'])}** with {row['probability']:.1%}"
    if _is_labelled(row):
        st.markdown(f"{verdict[bool(row['correct'])]} {said}")
    else:
        st.markdown(f"Taken for {said}; its label is not known.")
    photo_view.probabilities(pd.DataFrame(answer_of(row)), row["label"], key=f"ba_{row['row']}")
    for name, text in (
        ("unsure", ":orange-badge[unsure] The probability lies below the model's threshold."),
        ("unfamiliar", ":violet-badge[unfamiliar] Unlike everything the model saw in training."),
        ("in_training", ":gray-badge[seen] The model learned from this very photo."),
    ):
        if _holds(row, name):
            st.markdown(text)


def _aside(job: Job, row: Row, root: Path) -> None:
    if st.button(
        "Set aside for review",
        key="ba_photo_aside",
        icon=":material/rate_review:",
        help="To give it its right label there.",
    ):
        try:
            set_aside(job, row, root)
            st.caption(":green[:material/check: It waits in the review queue.]")
        except FieldmarkError as error:
            st.error(plain(str(error)), icon=":material/error:")


def _more(job: Job, row: Row, root: Path) -> None:
    """Where the model looked, and what it has seen that is like this photo; each takes a second
    or two, so each is asked for."""
    with messages.report_errors():
        model, path = models.read(str(job.spec["model_id"])), files.safe_join(root, row["file"])
        st.markdown("**Where the model looks**")
        labels = {row["prediction"]: "predicted"}
        if row["label"] in model.classes:
            labels.setdefault(row["label"], "true")
        photo_view.evidence(model, path, row["image_id"], labels, key=f"ba_evidence_{row['row']}")
        st.markdown("**The training photos most like it**")
        if st.session_state.get("ba_similar") != row["image_id"]:
            if not st.button("Look for them", key="ba_similar_go", icon=":material/image_search:"):
                return
            st.session_state["ba_similar"] = row["image_id"]
        photo_view.similar(
            model,
            lambda: similar.similar_to_features(model, explain.features(model, path)),
            key=f"ba_{job.id}_{row['row']}",
            on_open=lambda _: None,
        )


def tile(row: Row) -> Photo:
    """The thumbnail of a whole row: its label, or else its name, over what the model said."""
    title = row["label"] or row["path"].rsplit("/", 1)[-1]
    if row["error"]:
        return Photo(str(row["row"]), NO_PICTURE, title, row["error"], "wrong")
    answer = f"{row['prediction']} {row['probability']:.0%}"
    if row["unsure"]:
        answer += "; unsure"
    return Photo(str(row["row"]), thumbnails.url(row["image_id"]), title, answer, _tone(row))


def _holds(row: Row, flag: str) -> bool:
    return bool(pd.notna(row[flag])) and bool(row[flag])


def _is_labelled(row: Row) -> bool:
    return bool(pd.notna(row["correct"]))


def _tone(row: Row) -> str:
    if not _is_labelled(row):
        return ""
    if row["correct"]:
        return "right"
    return "wrong"


# Stands where a photo could not be opened: a grey frame with a stroke through it.
NO_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 30'%3E%3Cpath "
    "d='M14 10h12v10H14zM12 23 28 7' fill='none' stroke='%23888' "
    "stroke-linecap='round'/%3E%3C/svg%3E"
)
