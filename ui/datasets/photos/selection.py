"""A wall of photos to select from, with the edits of the selected photos."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.editing import drafts, edits
from core.datasets.editing.edits import Step
from core.datasets.store import Dataset, Version
from ui.components import gallery as walls
from ui.components.gallery import Bar, Photo
from ui.datasets.photos import edit_forms, photo_facts, photo_viewer
from ui.shared import thumbnails, viewer
from ui.shared.viewer import Album
from ui.text import count

# Three rows of photos fit above the fold of a small screen.
SIDE = 126


def wall(
    dataset: Dataset,
    version: Version,
    rows: pd.DataFrame,
    *,
    key: str,
    why: str = "",
    detail: Sequence[str] | None = None,
    suggestions: Mapping[str, str] | None = None,
    groups: Sequence[str] | None = None,
    boxes: bool = False,
    bar: Bar | None = None,
    order: Sequence[str] = (),
    album: Album | None = None,
    on_close: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw photos of manifest rows (path, image_id, label, split) to select and edit.

    `why` is the reason proposed for an edit, `suggestions` a label for some of the paths, `groups`
    a heading for each row. The photo viewer goes through `album`, or through the paths of `order`,
    by default those of the rows.
    """
    # The selection is kept by path: another dataset or version may have photos of the same paths.
    key = f"{key}_{version.dataset_id}_{version.id}"
    actions(version, key=key, why=why, suggestions=suggestions or {})
    tiles = _tiles(dataset, version, rows, detail, groups, boxes)
    picked = walls.select(tiles, key=key, side=SIDE, bar=bar or Bar())
    if picked.opened:
        viewer.open_photo(picked.opened)
    if viewer.current():
        paths = list(order) or rows["path"].tolist()
        album = album or photo_viewer.album_of_rows(dataset, version, paths)
        photo_viewer.show(dataset, version, album, on_close=on_close)


def actions(version: Version, *, key: str, why: str, suggestions: Mapping[str, str]) -> None:
    """Draw the edits of the photos selected on the wall `key`, at the bottom of the page, while any
    is selected."""
    chosen = walls.selected(key)
    if not chosen:
        return
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", key="ds_actions"):
        st.markdown(f"**{count(len(chosen), 'photo')} selected**", width="content")
        taken = {path: suggestions[path] for path in chosen if path in suggestions}
        if taken:
            st.button(
                f"Take {count(len(taken), 'suggestion')}",
                key=f"{key}_take",
                type="primary",
                icon=":material/done_all:",
                on_click=edit_forms.add_step,
                args=(version, key, lambda: Step(edits.RELABEL, taken, why)),
            )
        edit_forms.offer(version, chosen, key=key, why=why)
        st.button(
            "Clear", key=f"{key}_clear", icon=":material/close:", on_click=walls.clear, args=(key,)
        )


def _tiles(
    dataset: Dataset,
    version: Version,
    rows: pd.DataFrame,
    detail: Sequence[str] | None,
    groups: Sequence[str] | None,
    boxes: bool,
) -> list[Photo]:
    thumbnails.make_thumbnails(dataset.root, zip(rows["image_id"], rows["path"], strict=True))
    marks = drafts.marks(drafts.steps(version))
    records = rows.to_dict("records")
    if detail is None:
        detail = [str(row.get("problem") or row["split"]) for row in records]
    if groups is None:
        groups = [""] * len(records)
    return [
        _tile(row, words, group, marks.get(row["path"], ""), boxes)
        for row, words, group in zip(records, detail, groups, strict=True)
    ]


def _tile(row: Mapping[Hashable, Any], words: str, group: str, mark: str, boxes: bool) -> Photo:
    """Return the tile of a row; `mark` is what the draft changes about the photo, or ''."""
    tone, box = "", thumbnails.NO_BOX
    if row.get("problem"):
        tone = "wrong"
    if mark:
        tone, words = "right", f"Draft: {mark}"
    if boxes:
        box = thumbnails.box_of(row)
    return Photo(
        id=row["path"],
        url=thumbnails.url(row["image_id"]),
        title=row["label"] or photo_facts.WITHOUT,
        detail=words,
        tone=tone,
        group=group,
        **box,
    )
