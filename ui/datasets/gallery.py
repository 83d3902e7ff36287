"""The photos of a version: searched, filtered and sorted, a page at a time. Every choice is in
the address."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from core import settings
from core.datasets import browse, metadata, store
from core.datasets.browse import METADATA, RANGES, Query
from core.datasets.store import Dataset, Version
from core.io import files
from ui import choices, links, paging
from ui.components.gallery import Photo, gallery
from ui.datasets import metadata_filter, photo_viewer, selection
from ui.datasets import sizes as dataset_sizes
from ui.shared import thumbnails, viewer
from ui.text import count

PAGE_SIZE = 48
# What the filter of classes calls photos that have none.
WITHOUT = "Without a label"
SORTS = {
    "label": "Class",
    "path": "File name",
    "split": "Split",
    "width": "Width",
    "height": "Height",
    "pixels": "Pixels",
    "aspect": "Shape",
    "size_bytes": "File size",
    "box": "Share of the box",
}


def show(dataset: Dataset, version: Version) -> None:
    """The filters, what passes them, and what can be done with those selected."""
    boxed = browse.has_boxes(version.manifest_path)
    query = _asked(version, boxed)
    query, selecting, boxes, sizes = _switches(query, boxed)
    if sizes:
        dataset_sizes.show(version, query)
    total = store.count(version, query)
    wall = st.container()
    # Drawn below the photos, but asked first: only the widget knows which page the address names.
    part = paging.shown(total, PAGE_SIZE, key="ds_page", bind="query-params")
    with wall:
        frame, _ = store.page(version, query, offset=part.start, limit=PAGE_SIZE)
        _said(query, total, part.start, len(frame), selecting=selecting)
        if frame.empty:
            st.info("No photo passes these filters.", icon=":material/filter_alt_off:")
        else:
            _wall(dataset, version, frame, query, selecting=selecting, boxes=boxes)


def _wall(
    dataset: Dataset,
    version: Version,
    frame: pd.DataFrame,
    query: Query,
    *,
    selecting: bool,
    boxes: bool,
) -> None:
    rows = frame.to_dict("records")
    detail = [_detail(row, query.sort) for row in rows]
    album = photo_viewer.album_of(dataset, version, query, boxes=boxes)

    def turn(path: str) -> None:
        """Show the page with the photo at which the viewer was closed."""
        place = store.position(version, query, path)
        if place is not None:
            st.session_state["ds_page"] = place // PAGE_SIZE + 1

    if selecting:
        selection.wall(
            dataset,
            version,
            frame,
            key="ds_photos_wall",
            detail=detail,
            boxes=boxes,
            album=album,
            on_close=turn,
        )
        return
    thumbnails.make_thumbnails(dataset.root, zip(frame["image_id"], frame["path"], strict=True))
    tiles = [_tile(row, words, boxes) for row, words in zip(rows, detail, strict=True)]
    if opened := gallery(tiles, key="ds_gallery"):
        viewer.open_photo(opened)
    photo_viewer.show(dataset, version, album, on_close=turn)


def _asked(version: Version, boxed: bool) -> Query:
    """What the person asks for, by the widgets and the ranges in the address."""
    left, right = st.columns([3, 2])
    label = choices.one(
        "Class",
        ["", *([WITHOUT] if version.unlabelled else []), *version.counts],
        label=lambda name: name or "All classes",
        key="ds_class",
        bind="query-params",
        on_change=_first_page,
        on=left,
    )
    split = choices.segment_or_none(
        "Split",
        list(settings.SPLITS),
        label=str.capitalize,
        key="ds_split",
        bind="query-params",
        on_change=_first_page,
        wrap=True,
        on=right,
    )
    find, order = st.columns([3, 2])
    name = find.text_input(
        "Name",
        key="ds_find",
        bind="query-params",
        placeholder="Part of a file's or folder's name",
        max_chars=200,
        on_change=_first_page,
    )
    kinds = [kind for kind in SORTS if kind != "box" or boxed]
    kinds += [f"{METADATA}{column}" for column in metadata.columns_of(version.folder)]
    sort = choices.one(
        "Sort by",
        kinds,
        label=lambda kind: SORTS.get(kind, kind.removeprefix(METADATA)),
        key="ds_sort",
        bind="query-params",
        on_change=_first_page,
        on=order,
    )
    return Query(
        label=label if label and label != WITHOUT else "",
        unlabelled=label == WITHOUT,
        metadata=metadata_filter.show(version),
        split=split or "",
        name=(name or "").strip(),
        ranges=ranges(),
        sort=sort or "label",
    )


def _switches(query: Query, boxed: bool) -> tuple[Query, bool, bool, bool]:
    """The query with its direction; whether photos can be selected, boxes are drawn, and the
    sizes are shown."""
    with st.container(horizontal=True):
        down = st.toggle(
            "Descending",
            key="ds_down",
            bind="query-params",
            help="The largest, or the last by the alphabet, first.",
        )
        selecting = st.toggle(
            "Select photos",
            key="ds_select",
            bind="query-params",
            help="To relabel, move or leave out many at once.",
        )
        boxes = boxed and st.toggle(
            "Boxes",
            key="ds_boxes",
            bind="query-params",
            help="Where the boxes lie; the photos are then shown whole.",
        )
        sizes = st.toggle(
            "Sizes",
            key="ds_sizes",
            bind="query-params",
            help="How large the photos are; drag over the charts to filter.",
        )
    return replace(query, descending=down), selecting, boxes, sizes


def ranges() -> tuple[tuple[str, float, float], ...]:
    """The ranges in the address (`width=100,300`); whatever else stands there counts as none."""
    found = []
    for name in RANGES:
        try:
            low, high = map(float, links.parameter(name).split(","))
        except ValueError:
            continue
        if math.isfinite(low) and math.isfinite(high):
            found.append((name, low, high))
    return tuple(found)


def _said(query: Query, total: int, before: int, here: int, *, selecting: bool) -> None:
    words = count(total, "photo")
    if total > PAGE_SIZE:
        words += f", {before + 1:,} to {before + here:,} shown"
    words += "."
    if not selecting:
        words += " Click one to see it whole."
    limits = ", ".join(_limits(*limits) for limits in query.ranges)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words, width="content")
        if limits and st.button(
            f"Only {limits}",
            key="ds_any_size",
            icon=":material/close:",
            help="Takes this filter away.",
        ):
            dataset_sizes.forget()


def _limits(name: str, low: float, high: float) -> str:
    words = f"{name} {_number(low)} to {_number(high)}"
    if name == "aspect":
        return words
    return f"{words} px"


def _number(value: float) -> str:
    if value >= 10:
        return f"{value:.0f}"
    return f"{value:.2f}"


def _tile(row: Mapping[Hashable, Any], words: str, boxes: bool) -> Photo:
    tone, box = "", thumbnails.NO_BOX
    if row["problem"]:
        tone = "wrong"
    if boxes:
        box = thumbnails.box_of(row)
    return Photo(
        id=row["path"],
        url=thumbnails.url(row["image_id"]),
        title=row["label"] or WITHOUT,
        detail=words,
        tone=tone,
        **box,
    )


def _detail(row: Mapping[Hashable, Any], sort: str) -> str:
    """The line below a photo: its split, and what the photos are sorted by."""
    first = str(row["problem"] or row["split"])
    more = {
        "path": str(row["path"]).rsplit("/", 1)[-1],
        "size_bytes": files.human_bytes(row["size_bytes"]),
        "aspect": f"{row['width'] / max(row['height'], 1):.2f}",
        "box": _box(row),
        **dict.fromkeys(("width", "height", "pixels"), f"{row['width']} x {row['height']}"),
    }.get(sort)
    if more:
        return f"{first}, {more}"
    return first


def _box(row: Mapping[Hashable, Any]) -> str:
    """How much of the photo its box takes."""
    if math.isnan(row["box_width"]):
        return "no box"
    return f"{row['box_width'] * row['box_height'] / max(row['width'] * row['height'], 1):.0%}"


def _first_page() -> None:
    st.session_state["ds_page"] = 1
