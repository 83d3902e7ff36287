"""A photo's own page: all its facts, what the models say of it, the photos like it, and what
happened to it over the versions."""

from __future__ import annotations

import math
from urllib.parse import quote

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.datasets import metadata, remote, store
from core.datasets.editing import drafts, history
from core.datasets.inspection.store import KINDS
from core.datasets.store import Dataset, Version
from core.errors import FieldmarkError, NotFound
from core.io import files
from core.models import photo_record
from core.models import store as models
from core.models.photo_record import Answer, Record
from core.models.store import Model
from ui import links, messages
from ui.components.gallery import gallery
from ui.datasets import inspection as inspecting
from ui.datasets import links as dataset_links
from ui.datasets import selection
from ui.shared import photo_wall, thumbnails
from ui.text import count, plain

MODELS = 40
COLUMNS: dict[str, ColumnConfig | str] = {
    "model": st.column_config.LinkColumn("Model", display_text=r"name=(.*)$"),
    "right": st.column_config.TextColumn("", width="small"),
    "says": "It says",
    "probability": st.column_config.ProgressColumn(
        "Sure", format="percent", min_value=0.0, max_value=1.0
    ),
    "own": st.column_config.NumberColumn(
        "Its label",
        format="percent",
        help="The probability that the model gave to the photo's label.",
    ),
    "rank": st.column_config.NumberColumn(
        "Place", help="The place of the photo's label among the model's classes."
    ),
    "split": st.column_config.TextColumn(
        "It was in", help="The split that the photo was in when the model was made."
    ),
}


def show(dataset: Dataset, version: Version, asked: str) -> None:
    """The page of the photo that the address names by its path or its image_id."""
    dataset_links.back(dataset, version)
    with messages.report_errors():
        record = photo_record.find(version, asked)
        picture, facts = st.columns([3, 2], gap="medium")
        with picture:
            _picture(dataset, record)
            _mend(version, record)
        with facts:
            _facts(dataset, record)
            _metadata(version, record)
        st.markdown("### What the models say")
        _answers(record)
        st.markdown("### The photos most like it")
        _neighbours(dataset, version, record)
        st.markdown("### What happened to it")
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


def _facts(dataset: Dataset, record: Record) -> None:
    row = record.row
    st.markdown(f"## {plain(str(row['label'] or 'Without a label'))}")
    split, official, pixels, box = str(row["split"]), str(row["official"]), "not known", ""
    if official == split:
        split, official = f"{split}, as its makers have it", ""
    if row["width"]:
        pixels = f"{row['width']} x {row['height']} px"
    if not math.isnan(row["box_x"]):
        box = "{box_width:.0f} x {box_height:.0f} px at {box_x:.0f}, {box_y:.0f}".format(**row)
    rows = {
        "Split": split,
        "Official split": official,
        "Problem": str(row["problem"]),
        "Size": f"{pixels}, {files.human_bytes(row['size_bytes'])}",
        "Box": box,
        "Same bytes": ", ".join(record.copies),
        **{
            KINDS[kind].title: words
            for kind, words in zip(record.issues["kind"], record.issues["evidence"], strict=True)
        },
    }
    st.markdown("  \n".join(f"**{name}** {plain(value)}" for name, value in rows.items() if value))
    place = remote.begins(dataset.root) or f"{dataset.root}/"
    st.caption(f"{plain(place + record.path)}  \nImage id {record.image_id}")


def _metadata(version: Version, record: Record) -> None:
    """What else is known of the photo: from its tables, its folders and its camera."""
    known = metadata.of_photo(version.folder, record.path)
    if known:
        lines = (f"**{plain(name)}** {plain(str(value))}" for name, value in known.items())
        st.markdown("  \n".join(lines))


def _mend(version: Version, record: Record) -> None:
    """What can be done with this one photo; all of it goes into the draft."""
    mark = drafts.marks(drafts.steps(version)).get(record.path)
    if mark:
        st.markdown(f":green-badge[:material/edit_note: In the draft: {plain(mark)}]")
    if record.row["problem"] and not record.is_left_out:
        return
    with st.container(horizontal=True):
        selection.offer(version, [record.path], key="ds_photo", why="")


def _answers(record: Record) -> None:
    known = models.listing()
    rows = []
    for model in known[:MODELS]:
        found = _answer(model.id, _changed(model), record.image_id, model)
        if found:
            rows.append(_row(model, record.image_id, found))
    if not rows:
        st.caption(
            "No model has been asked about it yet. A training answers for each photo of its "
            "dataset version."
        )
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config=COLUMNS,
        alt="What each model says of the photo",
    )
    if len(known) > MODELS:
        st.caption(f"The newest {MODELS} of {len(known)} models are asked.")


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


@st.cache_data(max_entries=2000, show_spinner="Asking the models")
def _answer(model_id: str, changed: float, image_id: str, _model: Model) -> Answer | None:
    try:
        return photo_record.answer(photo_wall.predictions_of(_model), image_id)
    except NotFound:
        return None


def _neighbours(dataset: Dataset, version: Version, record: Record) -> None:
    with st.spinner("Looking through the photos"):
        found = photo_record.neighbours(record)
    if found is None:
        known = inspecting.current(dataset, version)
        if known is not None and not known.caches:
            inspecting.button(dataset, version, "Inspect this version again, to compare its photos")
        return
    table = found.photos
    detail = [
        f"{split}, similarity {value:.3f}"
        for split, value in zip(table["split"], table["similarity"], strict=True)
    ]
    tone = ["" if label == record.row["label"] else "wrong" for label in table["label"]]
    tiles = thumbnails.tiles(dataset.root, table, detail, tone)
    if opened := gallery(tiles, key=f"ds_photo_like_{record.image_id[:16]}", side=140):
        links.set_parameters(photo=opened)
        st.rerun()
    alike = int((table["label"] == record.row["label"]).sum())
    st.caption(
        f"{alike} of the nearest {len(table)} have its label. Looked for among "
        f"{count(found.n, 'photo')} of {version.id}."
    )


def _story(record: Record) -> None:
    words = {**history.WORDS, history.ADDED: "came in"}
    table = record.story.iloc[::-1].assign(what=lambda rows: rows["what"].map(words))
    st.dataframe(
        table[["version", "what", "before", "after", "why", "when"]],
        hide_index=True,
        alt="What happened to the photo, newest first",
    )
