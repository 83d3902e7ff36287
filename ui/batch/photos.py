"""The photos of a batch as a wall or as a table, a page at a time. Each opens in the viewer, and
any can be set aside for review."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.batch.table import Table
from core.datasets.editing import review
from core.errors import FieldmarkError
from core.jobs.store import Job
from ui import links, paging
from ui.batch import about as batch_about
from ui.batch import photo as batch_photo
from ui.components.gallery import gallery
from ui.predictions import albums
from ui.shared import thumbnails
from ui.text import count, plain

WALL_PAGE, TABLE_PAGE, ERRORS_PAGE = 48, 50, 100
MAX_ASIDE = 500
SHOWN = (
    "prediction",
    "probability",
    "label",
    "error",
    "path",
    "prediction_2",
    "probability_2",
    "unsure",
    "unfamiliar",
    "in_training",
)


def wall(job: Job, found: Table, rows: np.ndarray, root: Path | None) -> None:
    """Draw the chosen rows as thumbnails, a page at a time."""
    with st.container(horizontal=True, vertical_alignment="center"):
        part = _page(rows, WALL_PAGE)
        _bar(job, found, rows, root)
    small_wall(job, found, part, root, key="wall", every=rows)


def small_wall(
    job: Job,
    found: Table,
    rows: np.ndarray,
    root: Path | None,
    *,
    key: str,
    side: int = 150,
    every: np.ndarray | None = None,
) -> None:
    """Draw thumbnails of these rows; a click opens the viewer over them, or over `every` row of
    which they are a page."""
    frame = _whole(job, found, rows)
    _make_thumbnails(frame, root)
    if every is None:
        every = rows
    albums.add(key, batch_photo.album(job, found, every, root))
    tiles = [
        replace(batch_photo.tile(row), id=str(place))
        for place, row in zip(rows, frame.to_dict("records"), strict=True)
    ]
    if opened := gallery(tiles, key=f"ba_{key}_{job.id}", side=side):
        albums.open_photo(key, opened)


def table(job: Job, found: Table, rows: np.ndarray, root: Path | None) -> None:
    """Draw the chosen rows as a table with thumbnails; rows can be selected and set aside."""
    part = _page(rows, TABLE_PAGE)
    frame = _whole(job, found, part)
    _make_thumbnails(frame, root)
    albums.add("table", batch_photo.album(job, found, rows, root))
    bar = st.container()
    event = st.dataframe(
        _table_frame(frame),
        hide_index=True,
        row_height=60,
        height=min(720, 40 + 60 * len(frame)),
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key=f"ba_table_{job.id}_{part[0]}_{len(part)}",
        column_config={
            "photo": st.column_config.ImageColumn("Photo", width=80),
            "path": st.column_config.TextColumn("Path", width="medium"),
            "probability": st.column_config.ProgressColumn(
                "Probability", format="percent", min_value=0.0, max_value=1.0, width=130
            ),
            "probability 2": st.column_config.NumberColumn("Probability 2", format="percent"),
        },
        alt="Results, a page of rows; a click on a cell opens the photo",
    )
    chosen = part[event["selection"]["rows"]]
    with bar:
        if len(chosen):
            _bar(job, found, chosen, root, selected=True)
        else:
            _bar(job, found, rows, root)
    cells = event["selection"]["cells"]
    _open_cell(f"ba_table_cell_{job.id}", [str(part[row]) for row, _ in cells])
    batch_about.downloads_of(job)


def _open_cell(key: str, clicked: list[str]) -> None:
    """Open the photo of a clicked cell, once: the browser keeps the mark on the cell."""
    before, st.session_state[key] = st.session_state.get(key), clicked
    if clicked and clicked != before:
        albums.open_photo("table", clicked[0])


def errors(found: Table, rows: np.ndarray) -> None:
    """Draw the photos that could not be used, with the reason."""
    st.caption(f"{count(len(rows), 'photo')} could not be used.")
    frame = found.page(_page(rows, ERRORS_PAGE))[["path", "error"]]
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        alt="Photos that could not be used, with the reason",
    )


def _whole(job: Job, found: Table, part: np.ndarray) -> pd.DataFrame:
    return batch_photo.with_files(job, found.page(part))


def _make_thumbnails(frame: pd.DataFrame, root: Path | None) -> None:
    if root:
        usable = frame[frame["error"] == ""]
        thumbnails.make_thumbnails(root, zip(usable["image_id"], usable["file"], strict=True))


def _page(rows: np.ndarray, size: int) -> np.ndarray:
    """Return the rows of the page in the address, or of the first page if that one is gone."""
    pages = paging.pages(len(rows), size)
    if int(st.session_state.get("ba_page", 1) or 1) > pages:
        st.session_state["ba_page"] = 1
    return rows[paging.shown(len(rows), size, key="ba_page", bind="query-params")]


def _table_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to show, in reading order; label and error only if a row has one."""
    pictures = zip(frame["image_id"], frame["error"], strict=True)
    shown = pd.DataFrame(
        {
            "photo": [
                batch_photo.NO_PICTURE if error else thumbnails.url(image_id)
                for image_id, error in pictures
            ]
        }
    )
    for name in SHOWN:
        if name not in ("label", "error") or frame[name].astype(bool).any():
            shown[name.replace("_", " ")] = frame[name].to_numpy()
    return shown


def _bar(
    job: Job, found: Table, rows: np.ndarray, root: Path | None, *, selected: bool = False
) -> None:
    """Draw the number of rows shown or selected, and the button that sets them aside: of all rows,
    only the unsure ones."""
    whole = len(rows) == len(found) and not selected
    usable = rows[~found.error[rows] & (found.unsure[rows] | (not whole))]
    shown, label = count(len(rows), "photo"), f"Set {count(len(usable), 'photo')} aside for review"
    if selected:
        shown += " selected"
    if whole:
        label = f"Set the {count(len(usable), 'unsure photo')} aside for review"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{shown}.", width="content")
        if root and 0 < len(usable) <= MAX_ASIDE:
            words = (
                "Adds the photos to the review queue with their predictions. Their labels are "
                "decided there."
            )
            if st.button(label, key="ba_aside", icon=":material/rate_review:", help=words):
                _set_aside(job, found, usable, root)
        elif root and len(usable) > MAX_ASIDE:
            st.caption(
                (f"Up to {MAX_ASIDE} photos can be set aside at once. Filter them first."),
                width="content",
            )
        if waiting := review.count():
            links.link(
                "batch", f"Review queue ({waiting})", ":material/rate_review:", view="review"
            )


def _set_aside(job: Job, found: Table, rows: np.ndarray, root: Path) -> None:
    """Put these photos into the review queue; a toast tells how many arrived."""
    added, failed = 0, ""
    for row in _whole(job, found, rows).to_dict("records"):
        try:
            batch_photo.set_aside(job, row, root)
            added += 1
        except FieldmarkError as error:
            failed = str(error)
    if failed:
        st.warning(plain(failed), icon=":material/warning:")
    if added:
        st.toast(f"{count(added, 'photo')} set aside for review.", icon=":material/rate_review:")
