"""The photos of a version: filtered and sorted, a page at a time. The address has every choice."""

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
from ui.components.gallery import Bar, Photo, gallery
from ui.datasets.photos import metadata_filter, photo_viewer, selection
from ui.datasets.photos import sizes as dataset_sizes
from ui.datasets.photos.photo_facts import WITHOUT
from ui.shared import thumbnails, viewer
from ui.text import count

PAGE_SIZE = 48
SORTS = {
    "mixed": "Mixed",
    "label": "Class",
    "path": "File name",
    "split": "Split",
    "width": "Width",
    "height": "Height",
    "pixels": "Pixels",
    "aspect": "Shape",
    "size_bytes": "File size",
    "box": "Box share",
}


def show(dataset: Dataset, version: Version) -> None:
    """Draw the filters, the photos that pass them and the edits of selected photos."""
    boxed = browse.has_boxes(version.manifest_path)
    query = _filters(version, boxed)
    row = st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    )
    with row:
        query, selecting, boxes, sizes = _switches(query, boxed)
    total = store.count(version, query)
    if sizes:
        dataset_sizes.show(version, query)
    with row:
        part = paging.shown(total, PAGE_SIZE, key="ds_page", bind="query-params")
    _range_chips(query)
    frame, _ = store.page(version, query, offset=part.start, limit=PAGE_SIZE)
    if frame.empty:
        st.info("No photo passes these filters.", icon=":material/filter_alt_off:")
        return
    caption = count(total, "photo")
    if total > PAGE_SIZE:
        caption = f"{part.start + 1:,} to {part.start + len(frame):,} of {caption}"
    bar = Bar(caption, f"{part.start}")
    _wall(dataset, version, frame, query, bar, selecting=selecting, boxes=boxes)
    _pages_below(total, part.start // PAGE_SIZE + 1)


def _pages_below(total: int, page: int) -> None:
    """Draw the page numbers once more, below the photos; the upper ones keep the page."""
    if total <= PAGE_SIZE:
        return
    key = f"ds_page_below_{page}"
    paging.number(
        paging.pages(total, PAGE_SIZE), key=key, default=page, on_change=_turn, args=(key,)
    )


def _turn(key: str) -> None:
    st.session_state["ds_page"] = st.session_state[key]


def _wall(
    dataset: Dataset,
    version: Version,
    frame: pd.DataFrame,
    query: Query,
    bar: Bar,
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
            bar=bar,
            album=album,
            on_close=turn,
        )
        return
    thumbnails.make_thumbnails(dataset.root, zip(frame["image_id"], frame["path"], strict=True))
    tiles = [_tile(row, words, boxes) for row, words in zip(rows, detail, strict=True)]
    if opened := gallery(tiles, key="ds_gallery", side=selection.SIDE, bar=bar):
        viewer.open_photo(opened)
    photo_viewer.show(dataset, version, album, on_close=turn)


def _filters(version: Version, boxed: bool) -> Query:
    """Draw the filters and the order in one row; return the query that they and the ranges in the
    address make."""
    with st.grid(min_column_width=130, gap="small"):
        label = choices.one(
            "Class",
            ["", *([WITHOUT] if version.unlabelled else []), *version.counts],
            label=lambda name: name or "All classes",
            key="ds_class",
            bind="query-params",
            on_change=_first_page,
        )
        split = choices.one(
            "Split",
            ["", *settings.SPLITS],
            label=lambda name: name.capitalize() or "All splits",
            key="ds_split",
            bind="query-params",
            on_change=_first_page,
        )
        name = st.text_input(
            "Name",
            key="ds_find",
            bind="query-params",
            placeholder="Part of the path",
            max_chars=200,
            on_change=_first_page,
        )
        sort = _order(version, boxed)
        column = metadata_filter.column(version)
    return Query(
        label="" if label == WITHOUT else label,
        unlabelled=label == WITHOUT,
        metadata=metadata_filter.condition(version, column),
        split=split,
        name=(name or "").strip(),
        ranges=ranges(),
        sort=sort,
    )


def _order(version: Version, boxed: bool) -> str:
    kinds = [kind for kind in SORTS if kind != "box" or boxed]
    kinds += [f"{METADATA}{column}" for column in metadata.columns_of(version.folder)]
    return choices.one(
        "Sort by",
        kinds,
        label=lambda kind: SORTS.get(kind, kind.removeprefix(METADATA)),
        key="ds_sort",
        bind="query-params",
        on_change=_first_page,
    )


def _switches(query: Query, boxed: bool) -> tuple[Query, bool, bool, bool]:
    """Draw the switches; return the query with its direction, and whether photos can be selected,
    boxes are drawn and the sizes are shown."""
    with st.container(horizontal=True, width="content"):
        selecting = st.toggle("Select photos", key="ds_select", bind="query-params")
        down = st.toggle("Descending", key="ds_down", bind="query-params")
        boxes = boxed and st.toggle("Boxes", key="ds_boxes", bind="query-params")
        sizes = st.toggle("Sizes", key="ds_sizes", bind="query-params")
    return replace(query, descending=down), selecting, boxes, sizes


def ranges() -> tuple[tuple[str, float, float], ...]:
    """Return the ranges in the address (`width=100,300`); anything else there counts as none."""
    found = []
    for name in RANGES:
        try:
            low, high = map(float, links.parameter(name).split(","))
        except ValueError:
            continue
        if math.isfinite(low) and math.isfinite(high):
            found.append((name, low, high))
    return tuple(found)


def _range_chips(query: Query) -> None:
    """Draw the ranges of sizes that filter now, as a button that removes them."""
    limits = ", ".join(_limits(*limits) for limits in query.ranges)
    if limits and st.button(
        f"Only {limits}", key="ds_any_size", icon=":material/close:", help="Remove this filter."
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
    """Return the line below a photo: its split and the value that the photos are sorted by."""
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
    """Return the share of the photo that its box covers."""
    if math.isnan(row["box_width"]):
        return "no box"
    return f"{row['box_width'] * row['box_height'] / max(row['width'] * row['height'], 1):.0%}"


def _first_page() -> None:
    st.session_state["ds_page"] = 1
