"""The photo viewer over a dataset's photos: facts and edits beside a photo, edits by key."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets import store
from core.datasets.browse import Query
from core.datasets.editing import drafts, edits
from core.datasets.store import Dataset, Version
from core.errors import FieldmarkError
from core.models import photo_record
from core.models.photo_record import Record
from ui.components.viewer import Slide
from ui.datasets import links as dataset_links
from ui.datasets.photos import edit_forms, photo_facts
from ui.shared import photo_route, thumbnails, viewer
from ui.shared.viewer import Album, Keys
from ui.text import plain

DIGITS = "123456789"
LEAVE_OUT = "x"
SUGGESTION = "s"
UNDO = "z"
FRESH_SECONDS = 3


def show(
    dataset: Dataset,
    version: Version,
    album: Album,
    *,
    on_close: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw the viewer when the address names a photo of this version."""
    if not viewer.current():
        return
    viewer.show(
        album,
        lambda photo: _details(dataset, version, photo),
        keys_of=lambda photo: _keys(version, photo),
        below=lambda photo: _similar(dataset, version, photo),
        on_close=on_close,
    )


def album_of(dataset: Dataset, version: Version, query: Query, *, boxes: bool = False) -> Album:
    """Return the album of all photos that pass a query, in its order."""

    def slides(start: int, stop: int) -> list[Slide]:
        rows, _ = store.page(version, query, offset=start, limit=stop - start)
        return _slides(dataset, rows, boxes)

    return Album(
        store.count(version, query),
        lambda path: store.position(version, query, path),
        slides,
        lambda path: _alone(dataset, version, path),
    )


def album_of_rows(dataset: Dataset, version: Version, paths: Sequence[str]) -> Album:
    """Return the album of these photos of the version, by path, in this order."""
    order = list(dict.fromkeys(paths))

    def slides(start: int, stop: int) -> list[Slide]:
        asked = order[start:stop]
        rows = store.manifest_of(version, filters=[("path", "in", asked)])
        found = {slide.id: slide for slide in _slides(dataset, rows, False)}
        return [found[path] for path in asked if path in found]

    places = {path: place for place, path in enumerate(order)}
    return Album(len(order), places.get, slides, lambda path: _alone(dataset, version, path))


def _slides(dataset: Dataset, rows: pd.DataFrame, boxes: bool) -> list[Slide]:
    return [_slide(dataset, row, boxes) for row in rows.to_dict("records")]


def _slide(dataset: Dataset, row: Mapping[Hashable, Any], boxes: bool) -> Slide:
    path, image_id = str(row["path"]), str(row["image_id"])
    box = thumbnails.NO_BOX
    if boxes:
        box = thumbnails.box_of(row)
    return Slide(
        path,
        photo_route.address(dataset.root, path, image_id),
        str(row["label"] or photo_facts.WITHOUT),
        thumbnails.url(image_id),
        **box,
    )


def _alone(dataset: Dataset, version: Version, photo: str) -> Slide | None:
    rows = photo_record.rows(version, photo)
    if rows.empty:
        return None
    return _slide(dataset, rows.iloc[0].to_dict(), False)


def _details(dataset: Dataset, version: Version, photo: str) -> None:
    record = _record(version.dataset_id, version.id, photo, version)
    photo_facts.facts(dataset, record)
    photo_facts.metadata_of(version, record)
    steps = drafts.steps(version)
    mark = drafts.marks(steps).get(record.path)
    if mark:
        st.markdown(f":green-badge[:material/edit_note: Draft: {plain(mark)}]")
    if not record.row["problem"]:
        _relabel(version, record, steps)
    with st.container(horizontal=True):
        if not record.row["problem"] or record.is_left_out:
            edit_forms.offer(version, [record.path], key="ds_viewer", why="")
        if steps:
            st.button("Undo (z)", key="ds_viewer_undo", icon=":material/undo:",
                      on_click=_undo, args=(version,),
                      help="Undo the last edit of the draft.")  # fmt: skip
        if st.button("Open its page", key="photo_page", icon=":material/open_in_full:"):
            dataset_links.open_photo(dataset.id, version.id, record.path)


@st.cache_resource(ttl=FRESH_SECONDS, max_entries=64, show_spinner=False)
def _record(dataset_id: str, version_id: str, photo: str, _version: Version) -> Record:
    """Read the record once for all parts of the viewer."""
    return photo_record.find(_version, photo)


def _relabel(version: Version, record: Record, steps: Sequence[edits.Step]) -> None:
    """Draw a button per class that a key gives."""
    label = _label(record, steps)
    with st.container(horizontal=True, gap="xsmall", key="ds_viewer_classes"):
        for digit, name in _classes(version, record, steps).items():
            st.button(
                f"{digit} {plain(name)}",
                key=f"ds_viewer_{digit}",
                disabled=name == label,
                on_click=_press,
                args=(version, record.path, digit),
                help=f"Relabel as {plain(name)}",
            )


def _similar(dataset: Dataset, version: Version, photo: str) -> None:
    record = _record(version.dataset_id, version.id, photo, version)
    if photo_record.has_features(record):
        st.markdown("**Similar photos**")
        photo_facts.similar(dataset, version, record, viewer.go)


def _label(record: Record, steps: Sequence[edits.Step]) -> str:
    """Return the photo's label after the draft."""
    return edits.labels_of(steps).get(record.path, str(record.row["label"]))


def _classes(version: Version, record: Record, steps: Sequence[edits.Step]) -> dict[str, str]:
    """Return the class that each key gives.

    A class keeps its digit from photo to photo. A class that the draft uses and that has none takes
    the last digit whose class the draft does not use. A suggestion of the inspection has a key of
    its own.
    """
    classes = sorted(version.counts)[: len(DIGITS)]
    used = list(dict.fromkeys(edits.labels_of(steps).values()))
    for name in used:
        free = [place for place, other in enumerate(classes) if other not in used]
        if name not in classes and free:
            classes[free[-1]] = name
    digits = dict(zip(DIGITS, classes, strict=False))
    suggested = [name for name in record.issues["suggestion"] if name]
    if suggested:
        return {SUGGESTION: suggested[0], **digits}
    return digits


def _keys(version: Version, photo: str) -> Keys:
    record = _record(version.dataset_id, version.id, photo, version)
    if record.row["problem"]:
        return viewer.NO_KEYS
    steps = drafts.steps(version)
    classes = _classes(version, record, steps)
    hint = f"1-{len(classes.keys() & set(DIGITS))} relabel, {LEAVE_OUT} leave out, {UNDO} undo"
    if SUGGESTION in classes:
        hint = f"{SUGGESTION} take the suggestion, {hint}"
    return Keys(
        (*classes, LEAVE_OUT, UNDO),
        hint,
        lambda path, key: _press(version, path, key),
    )


def _press(version: Version, photo: str, key: str) -> None:
    """Do what a key of the viewer says."""
    if key == UNDO:
        _undo(version)
        return
    try:
        record, steps = (
            _record(version.dataset_id, version.id, photo, version),
            drafts.steps(version),
        )
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        return
    if key == LEAVE_OUT:
        edit_forms.add_step(
            version, "ds_viewer", lambda: edits.leave_out([record.path]), undo=False
        )
        return
    name = _classes(version, record, steps).get(key, "")
    if name and name != _label(record, steps):
        edit_forms.add_step(
            version, "ds_viewer", lambda: edits.relabel([record.path], name), undo=False
        )


def _undo(version: Version) -> None:
    try:
        drafts.undo(version)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")
