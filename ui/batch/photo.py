"""One photo of a batch in the viewer: the prediction, warnings, where the model looks, and setting
it aside for review."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.batch import items, results, sources
from core.batch.table import Table
from core.datasets import remote
from core.datasets.editing import review
from core.errors import FieldmarkError
from core.io import files
from core.jobs.store import Job
from core.models import explain, similar
from core.models import store as models
from ui import messages
from ui.components.gallery import Photo
from ui.components.viewer import Slide
from ui.predictions import albums, photo_view
from ui.shared import photo_route, thumbnails, viewer
from ui.shared.viewer import Album
from ui.text import percent, plain

Row = Mapping[Hashable, Any]
# How most errors begin: a tile has no room for it.
UNUSABLE = "the photo cannot be used: "


def answer_of(row: Row) -> list[dict[str, object]]:
    """Return a row's answer in the form of an endpoint's, most probable class first."""
    ends = ["", *(f"_{place}" for place in range(2, results.TOP_K + 1))]
    pairs = [(row[f"prediction{end}"], row[f"probability{end}"]) for end in ends]
    return [
        {"label": label, "probability": float(value)}
        for label, value in pairs
        if label and pd.notna(value)
    ]


def set_aside(job: Job, row: Row, root: Path) -> None:
    """Put the photo of a whole row (with its `file`) into the review queue. Raises
    FieldmarkError if that fails."""
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


def with_files(job: Job, frame: pd.DataFrame) -> pd.DataFrame:
    """Return whole rows with the `file` that each photo is in."""
    return frame.assign(file=items.files_of(sources.list_of(job.folder), frame["row"]))


def album(job: Job, found: Table, rows: np.ndarray, root: Path | None) -> Album:
    """Return the photos of these rows for the viewer, which names them by their place in the
    table."""

    def find(place: str) -> int | None:
        if not place.isdigit():
            return None
        inside = np.flatnonzero(rows == int(place))
        if len(inside):
            return int(inside[0])
        return None

    def slides(start: int, stop: int) -> list[Slide]:
        part = rows[start:stop]
        whole = with_files(job, found.page(part)).to_dict("records")
        return [_slide(place, row, root) for place, row in zip(part, whole, strict=True)]

    return Album(len(rows), find, slides)


def show(job: Job, found: Table, root: Path | None) -> None:
    """Draw the viewer when the address names a photo of this batch."""
    place = viewer.current()
    if not place:
        return
    if not (place.isdigit() and int(place) < len(found)):
        viewer.close()
        st.warning(f"This batch has no photo {plain(place[:16])}.", icon=":material/warning:")
        return

    def whole(photo: str) -> Row:
        return with_files(job, found.page([int(photo)])).to_dict("records")[0]

    def details(photo: str) -> None:
        row = whole(photo)
        _words(row)
        if root and not row["error"]:
            _aside(job, row, root)

    def below(photo: str) -> None:
        row = whole(photo)
        if root is None:
            st.warning("The dataset of this photo was deleted.", icon=":material/warning:")
        elif not row["error"]:
            _more(job, row, root)

    def alone(photo: str) -> Slide:
        return _slide(int(photo), whole(photo), root)

    albums.show(details, below=below, alone=alone)


def _slide(place: int, row: Row, root: Path | None) -> Slide:
    if root is None or row["error"]:
        return Slide(str(place), NO_PICTURE, row["path"], NO_PICTURE)
    return Slide(
        str(place),
        photo_route.address(root, row["file"], row["image_id"]),
        row["label"] or row["path"],
        thumbnails.url(row["image_id"]),
    )


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
    prediction = f"**{plain(row['prediction'])}** ({percent(row['probability'], 1)})"
    if _is_labelled(row):
        st.markdown(f"{verdict[bool(row['correct'])]} {prediction}")
    else:
        st.markdown(f"Prediction: {prediction}. The photo has no label.")
    photo_view.probabilities(pd.DataFrame(answer_of(row)), row["label"], key=f"ba_{row['row']}")
    for name, text in (
        ("unsure", ":orange-badge[unsure] The probability is below the model's threshold."),
        ("unfamiliar", ":violet-badge[unfamiliar] Unlike every training photo of the model."),
        ("in_training", ":gray-badge[trained on] The model was trained on this photo."),
    ):
        if _holds(row, name):
            st.markdown(text)


def _aside(job: Job, row: Row, root: Path) -> None:
    if st.button(
        "Set aside for review",
        key="ba_photo_aside",
        icon=":material/rate_review:",
        help="Adds the photo to the review queue, where its label is decided.",
    ):
        try:
            set_aside(job, row, root)
            st.caption(":green[:material/check: In the review queue.]")
        except FieldmarkError as error:
            st.error(plain(str(error)), icon=":material/error:")


def _more(job: Job, row: Row, root: Path) -> None:
    """Draw where the model looks and the most similar training photos. Each takes a second or two
    and so waits for a click."""
    with messages.report_errors():
        model, path = models.read(str(job.spec["model_id"])), files.safe_join(root, row["file"])
        st.markdown("**Where the model looks**")
        labels = {row["prediction"]: "predicted"}
        if row["label"] in model.classes:
            labels.setdefault(row["label"], "true")
        photo_view.evidence(model, path, row["image_id"], labels, key=f"ba_evidence_{row['row']}")
        st.markdown("**Most similar training photos**")
        if st.session_state.get("ba_similar") != row["image_id"]:
            if not st.button(
                "Find similar photos", key="ba_similar_go", icon=":material/image_search:"
            ):
                return
            st.session_state["ba_similar"] = row["image_id"]
        photo_view.similar(
            model,
            lambda: similar.similar_to_features(model, explain.features(model, path)),
            key=f"ba_{job.id}_{row['row']}",
            on_open=lambda _: None,
        )


def tile(row: Row) -> Photo:
    """Return the thumbnail of a whole row: its label or, without one, its file name, and the
    prediction."""
    title = row["label"] or row["path"].rsplit("/", 1)[-1]
    if row["error"]:
        return Photo(
            str(row["row"]), NO_PICTURE, title, row["error"].removeprefix(UNUSABLE), "wrong"
        )
    answer = f"{row['prediction']} {percent(row['probability'])}"
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


# Drawn for a photo that can't be opened: a grey frame with a stroke through it.
NO_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 30'%3E%3Cpath "
    "d='M14 10h12v10H14zM12 23 28 7' fill='none' stroke='%23888' "
    "stroke-linecap='round'/%3E%3C/svg%3E"
)
