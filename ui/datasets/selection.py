"""A wall of photos to select from, and what can be done with those selected: all of it goes into
the draft."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core import settings
from core.datasets import store
from core.datasets.editing import drafts, edits
from core.datasets.editing.edits import Step
from core.datasets.store import Dataset, Version
from core.errors import FieldmarkError
from ui import choices
from ui.components import gallery as walls
from ui.components.gallery import Photo
from ui.datasets import links as dataset_links
from ui.shared import class_picker, thumbnails
from ui.text import count, plain


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
) -> None:
    """Photos of manifest rows (path, image_id, label, split) that can be selected and mended.

    `why` is the reason proposed for an edit, `suggestions` a label for some of the paths, `groups`
    a heading for each row.
    """
    # What is selected is kept by path: another dataset, or version, may have photos of the same
    # paths.
    key = f"{key}_{version.dataset_id}_{version.id}"
    actions(version, key=key, why=why, suggestions=suggestions or {})
    tiles = _tiles(dataset, version, rows, detail, groups, boxes)
    picked = walls.select(tiles, key=key)
    if picked.opened:
        look(dataset, version, picked.opened)


def look(dataset: Dataset, version: Version, path: str) -> None:
    """A quick look at a photo, with the way to its own page."""
    row = store.manifest_of(version, filters=[("path", "==", path)]).iloc[0]
    thumbnails.show_photo(
        dataset.root,
        path,
        str(row["label"]),
        thumbnails.facts_of(row),
        lambda: dataset_links.open_photo(dataset.id, version.id, path),
    )


def actions(version: Version, *, key: str, why: str, suggestions: Mapping[str, str]) -> None:
    """What can be done with the photos selected on the wall `key`, at the foot of the page while
    any is."""
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
                on_click=_do,
                args=(version, key, lambda: Step(edits.RELABEL, taken, why)),
            )
        offer(version, chosen, key=key, why=why)
        st.button(
            "Clear", key=f"{key}_clear", icon=":material/close:", on_click=walls.clear, args=(key,)
        )


def offer(version: Version, chosen: Sequence[str], *, key: str, why: str) -> None:
    """What can be done with these photos, by path; a wall of this `key` selects nothing any more
    when it is done."""
    with st.popover("Relabel", icon=":material/label:"):
        _relabel(version, key, chosen, why)
    with st.popover("Move", icon=":material/swap_horiz:"):
        _move(version, key, chosen, why)
    with st.popover("Leave out", icon=":material/block:"):
        _leave_out(version, key, chosen, why)


def _relabel(version: Version, key: str, chosen: Sequence[str], why: str) -> None:
    label = class_picker.show("New label", sorted(version.counts), key=f"{key}_label")
    reason = _reason(key, "relabel", why)
    words = f"Relabel {count(len(chosen), 'photo')}"
    if class_picker.is_new(label, list(version.counts)):
        words += f" as the new class {plain(str(label))}"
    st.button(
        words,
        key=f"{key}_relabel",
        type="primary",
        disabled=not label,
        on_click=_do,
        args=(version, key, lambda: edits.relabel(chosen, str(label), reason)),
    )


def _move(version: Version, key: str, chosen: Sequence[str], why: str) -> None:
    split = choices.segment_or_none(
        "To", list(settings.SPLITS), label=str.capitalize, key=f"{key}_split"
    )
    st.caption("Copies of the same bytes move along.")
    reason = _reason(key, "move", why)
    st.button(
        f"Move {count(len(chosen), 'photo')}",
        key=f"{key}_move",
        type="primary",
        disabled=not split,
        on_click=_do,
        args=(version, key, lambda: edits.move(chosen, str(split), reason)),
    )


def _leave_out(version: Version, key: str, chosen: Sequence[str], why: str) -> None:
    st.caption("They stay in the dataset and can come back, but no split gets them.")
    reason = _reason(key, "leave_out", why)
    st.button(
        f"Leave out {count(len(chosen), 'photo')}",
        key=f"{key}_leave",
        type="primary",
        on_click=_do,
        args=(version, key, lambda: edits.leave_out(chosen, reason)),
    )


def _reason(key: str, what: str, why: str) -> str:
    return st.text_input("Why", why, key=f"{key}_why_{what}", max_chars=edits.MAX_WHY)


def _do(version: Version, key: str, make: Callable[[], Step]) -> None:
    """Adds the step to the draft and selects nothing any more; what is refused is said, and the
    selection stays."""
    try:
        step = make()
        drafts.add(version, step)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        return
    walls.clear(key)
    st.toast(
        f"{count(len(step.values), 'photo')} {edits.DONE[step.action]} in the draft.",
        icon=":material/edit_note:",
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
    """`mark` is what the draft does with the photo, '' where nothing."""
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
        title=row["label"] or "Without a label",
        detail=words,
        tone=tone,
        group=group,
        **box,
    )
