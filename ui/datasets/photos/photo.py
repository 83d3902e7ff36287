"""The page of one photo: its facts, the predictions of the models, similar photos and its history
over the versions."""

from __future__ import annotations

from urllib.parse import quote

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.datasets import store
from core.datasets.editing import drafts, history
from core.datasets.store import Dataset, Version
from core.errors import FieldmarkError, NotFound
from core.models import photo_record
from core.models import store as models
from core.models.photo_record import Answer, Record
from core.models.store import Model
from ui import links, messages
from ui.datasets import links as dataset_links
from ui.datasets.photos import edit_forms, photo_facts
from ui.predictions import photo_wall
from ui.shared import thumbnails
from ui.text import plain

MODELS = 40
COLUMNS: dict[str, ColumnConfig | str] = {
    "model": st.column_config.LinkColumn("Model", display_text=r"name=(.*)$"),
    "right": st.column_config.TextColumn("", width="small"),
    "says": "Prediction",
    "probability": st.column_config.ProgressColumn(
        "Confidence", format="percent", min_value=0.0, max_value=1.0
    ),
    "own": st.column_config.NumberColumn(
        "P(true label)",
        format="percent",
        help="The probability that the model gives to the photo's label.",
    ),
    "rank": st.column_config.NumberColumn(
        "Rank", help="The rank of the photo's label among the model's classes, by probability."
    ),
    "split": st.column_config.TextColumn(
        "Split", help="The photo's split when the model was trained."
    ),
}


def show(dataset: Dataset, version: Version, photo: str) -> None:
    """Draw the page of the photo that the address names by its path or its image_id."""
    dataset_links.back(dataset, version)
    with messages.report_errors():
        record = photo_record.find(version, photo)
        picture, facts = st.columns([3, 2], gap="medium")
        with picture:
            _picture(dataset, record)
            _edits(version, record)
        with facts:
            photo_facts.facts(dataset, record)
            photo_facts.metadata_of(version, record)
        st.markdown("### Predictions")
        _answers(record)
        st.markdown("### Similar photos")
        photo_facts.similar(dataset, version, record, _go)
        st.markdown("### History")
        _story(record)


def _picture(dataset: Dataset, record: Record) -> None:
    with_box = bool(thumbnails.box_of(record.row)) and st.toggle(
        "Box", key="ds_photo_box", bind="query-params"
    )
    box = None
    if with_box:
        box = thumbnails.box_of(record.row).get("box")
    try:
        opened = thumbnails.whole(store.image_path(dataset, record.path), box)
        st.image(opened, width="stretch", alt=str(record.row["label"]))
    except FieldmarkError as error:
        st.warning(plain(str(error)), icon=":material/broken_image:")


def _edits(version: Version, record: Record) -> None:
    """Draw the edits of this photo; each goes into the draft."""
    mark = drafts.marks(drafts.steps(version)).get(record.path)
    if mark:
        st.markdown(f":green-badge[:material/edit_note: In the draft: {plain(mark)}]")
    if record.row["problem"] and not record.is_left_out:
        return
    with st.container(horizontal=True):
        edit_forms.offer(version, [record.path], key="ds_photo", why="")


def _go(photo: str) -> None:
    links.set_parameters(**{dataset_links.PAGE: photo})
    st.rerun()


def _answers(record: Record) -> None:
    known = models.listing()
    rows = []
    for model in known[:MODELS]:
        found = _answer(model.id, _changed(model), record.image_id, model)
        if found:
            rows.append(_row(model, record.image_id, found))
    if not rows:
        st.caption(
            "No model has a prediction for this photo yet. A training job predicts every photo of "
            "its dataset version."
        )
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config=COLUMNS,
        alt="The prediction of each model for the photo",
    )
    if len(known) > MODELS:
        st.caption(f"Only the newest {MODELS} of {len(known)} models are listed.")


def _row(model: Model, image_id: str, found: Answer) -> dict[str, object]:
    return {
        "model": f"models?model={model.id}&photo={image_id}&name={quote(model.name)}",
        "right": _verdict(found),
        "says": found.predicted,
        "probability": found.probability,
        "own": found.own,
        "rank": found.rank or None,
        "split": found.split,
    }


def _verdict(found: Answer) -> str:
    if found.is_right:
        return "right"
    if found.label:
        return "wrong"
    return ""


def _changed(model: Model) -> float:
    path = model.folder.predictions
    if path.exists():
        return path.stat().st_mtime
    return 0.0


@st.cache_data(max_entries=2000, show_spinner="Reading the predictions")
def _answer(model_id: str, changed: float, image_id: str, _model: Model) -> Answer | None:
    try:
        return photo_record.answer(photo_wall.predictions_of(_model), image_id)
    except NotFound:
        return None


def _story(record: Record) -> None:
    words = {**history.WORDS, history.ADDED: "imported"}
    table = record.story.iloc[::-1].assign(what=lambda rows: rows["what"].map(words))
    st.dataframe(
        table[["version", "what", "before", "after", "why", "when"]],
        hide_index=True,
        alt="History of the photo, newest first",
    )
