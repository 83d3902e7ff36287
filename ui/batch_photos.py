"""The photos of a batch, as a wall or as a table, one page at a time; each opens whole, and any can be set aside for review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core import files, review
from core.errors import FieldmarkError
from core.jobs import Job
from core.transform import items, results, sources
from core.transform.table import Table
from ui import batch_about, links, photos
from ui.gallery import Photo, gallery
from ui.text import count, plain

WALL_PAGE, TABLE_PAGE, ERRORS_PAGE = 48, 50, 100
# Stands where a photo could not be opened: a grey frame with a stroke through it.
NO_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 30'%3E%3Cpath d='M14 10h12v10H14zM12 23 28 7' "
    "fill='none' stroke='%23888' stroke-linecap='round'/%3E%3C/svg%3E"
)
MAX_ASIDE = 500


def wall(job: Job, found: Table, rows: np.ndarray, root: Path | None) -> None:
    """The chosen rows as thumbnails."""
    part = _page(rows, WALL_PAGE)
    frame = _whole(job, found, part)
    _bar(job, found, rows, root)
    small_wall(job, frame, root, key="wall")


def small_wall(job: Job, frame: pd.DataFrame, root: Path | None, *, key: str, side: int = 150) -> None:
    """Thumbnails of whole rows (see `Table.page`, with `file`), a click opens one."""
    if root:
        photos.make_thumbnails(root, zip(frame["image_id"], frame["file"], strict=True))
    opened = gallery([_tile(row) for row in frame.to_dict("records")], key=f"ba_{key}_{job.id}", side=side)
    if opened:
        _open(job, frame[frame["row"] == int(opened)].iloc[0], root)


def table(job: Job, found: Table, rows: np.ndarray, root: Path | None) -> None:
    """The chosen rows as a table with thumbnails; rows can be selected and set aside."""
    part = _page(rows, TABLE_PAGE)
    frame = _whole(job, found, part)
    if root:
        photos.make_thumbnails(root, zip(frame["image_id"], frame["file"], strict=True))
    event = st.dataframe(
        _table_frame(frame),
        hide_index=True,
        row_height=60,
        height=min(720, 40 + 60 * len(frame)),
        on_select="rerun",
        selection_mode="multi-row",
        key=f"ba_table_{job.id}_{part[0]}_{len(part)}",
        column_config={
            "photo": st.column_config.ImageColumn("photo", width=80),
            "path": st.column_config.TextColumn("path", width="medium"),
            "probability": st.column_config.ProgressColumn("probability", format="percent", min_value=0.0, max_value=1.0, width=130),
            "probability 2": st.column_config.NumberColumn("probability 2", format="percent"),
        },
        alt="Results, a page of rows",
    )
    chosen = [int(frame["row"].iloc[index]) for index in event["selection"]["rows"]]
    _bar(job, found, np.array(chosen, dtype=int) if chosen else rows, root, selected=bool(chosen))
    if len(chosen) == 1 and st.button("Open this photo", key="ba_open", icon=":material/open_in_full:"):
        _open(job, frame[frame["row"] == chosen[0]].iloc[0], root)
    batch_about.downloads(job)


def errors(found: Table, rows: np.ndarray) -> None:
    """The photos that could not be used, by name, with the reason."""
    st.caption(f"{count(len(rows), 'photo')} could not be used.")
    frame = found.page(_page(rows, ERRORS_PAGE))[["path", "error"]]
    st.dataframe(frame, hide_index=True, height="content", alt="Photos that could not be used, with the reason")


def with_files(job: Job, frame: pd.DataFrame) -> pd.DataFrame:
    """Whole rows with the `file` each image lies in."""
    return frame.assign(file=items.files_of(sources.list_of(job.folder), frame["row"]))


def _whole(job: Job, found: Table, part: np.ndarray) -> pd.DataFrame:
    return with_files(job, found.page(part))


def _page(rows: np.ndarray, size: int) -> np.ndarray:
    """The rows of the page in the address; the first one where the filters leave fewer pages."""
    pages = max(1, -(-len(rows) // size))
    number = int(st.session_state.get("ba_page", 1) or 1)
    if number > pages:
        st.session_state["ba_page"] = number = 1
    if pages > 1:
        number = int(st.pagination(pages, key="ba_page", bind="query-params") or 1)
    return rows[(number - 1) * size : number * size]


def _tile(row: dict[Any, Any]) -> Photo:
    answer = f"{row['prediction']} {row['probability']:.0%}" if not row["error"] else row["error"]
    doubt = "; unsure" if row["unsure"] else ""
    title = row["label"] or row["path"].rsplit("/", 1)[-1]
    tone = "wrong" if row["error"] or row["correct"] is False else "right" if row["correct"] is True else ""
    return Photo(str(row["row"]), NO_PICTURE if row["error"] else photos.url(row["image_id"]), title, f"{answer}{doubt}", tone)


def _table_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns worth showing, in the order they are read; label and error only where there is one."""
    shown = pd.DataFrame({"photo": [photos.url(image_id) if image_id else None for image_id in frame["image_id"]]})
    names = ["prediction", "probability", "label", "error", "path", "prediction_2", "probability_2", "unsure", "unfamiliar", "in_training"]
    for name in names:
        if name not in ("label", "error") or frame[name].astype(bool).any():
            shown[name.replace("_", " ")] = frame[name].to_numpy()
    return shown


def _bar(job: Job, found: Table, rows: np.ndarray, root: Path | None, *, selected: bool = False) -> None:
    """How many rows are shown or selected, and setting them aside; of all rows, only those the model is unsure of."""
    whole = len(rows) == len(found) and not selected
    usable = rows[~found.error[rows] & (found.unsure[rows] | (not whole))]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{count(len(rows), 'photo')}{' selected' if selected else ''}.", width="content")
        if root and 0 < len(usable) <= MAX_ASIDE:
            words = "They wait in the review queue with the model's answers, and get their right label there."
            label = f"Set {'the ' if whole else ''}{count(len(usable), 'unsure photo' if whole else 'photo')} aside for review"
            if st.button(label, key="ba_aside", icon=":material/rate_review:", help=words):
                set_aside(job, found, usable, root)
        elif root and len(usable) > MAX_ASIDE:
            st.caption(f"Up to {MAX_ASIDE} can be set aside for review at once: narrow the confidence, for example.", width="content")
        if waiting := review.count():
            links.link("batch", f"Review queue ({waiting})", ":material/rate_review:", view="review")


def set_aside(job: Job, found: Table, rows: np.ndarray, root: Path) -> None:
    """Puts these photos into the review queue and says how many arrived."""
    added, failed = 0, ""
    for row in _whole(job, found, rows).to_dict("records"):
        try:
            review.add(
                files.safe_join(root, row["file"]),
                shown=row["path"],
                answer=answer_of(row),
                model_id=str(job.spec["model_id"]),
                origin=job.id,
                label=row["label"],
                reason="unsure" if row["unsure"] else "from a batch",
            )
            added += 1
        except FieldmarkError as error:
            failed = str(error)
    if failed:
        st.warning(plain(failed), icon=":material/warning:")
    if added:
        st.toast(f"{count(added, 'photo')} set aside for review.", icon=":material/rate_review:")


def answer_of(row: dict[Any, Any]) -> list[dict[Any, Any]]:
    """A row's answer as the endpoint would give it, best first."""
    ends = ["", *(f"_{place}" for place in range(2, results.TOP_K + 1))]
    pairs = [(row[f"prediction{end}"], row[f"probability{end}"]) for end in ends]
    return [{"label": label, "probability": float(value)} for label, value in pairs if label and pd.notna(value)]


def _open(job: Job, row: pd.Series, root: Path | None) -> None:
    facts = {f"{place}. {entry['label']}": f"{entry['probability']:.1%}" for place, entry in enumerate(answer_of(row.to_dict()), 1)}
    known = {"Label": row["label"] or "not known", **_flags(row)}
    if row["error"]:
        facts = {"Error": row["error"]}
    if root:
        photos.show_photo(
            root, {"path": row["file"], "label": row["prediction"] or row["path"], "facts": {**facts, **known, "File": row["path"]}}
        )


def _flags(row: pd.Series) -> dict[str, str]:
    words: Sequence[tuple[str, str]] = (
        ("unsure", "below the model's threshold"),
        ("unfamiliar", "unlike everything in training"),
        ("in_training", "the model learned from this photo"),
    )
    said = [text for name, text in words if row[name] is True or row[name] == True]  # noqa: E712
    return {"Mind": "; ".join(said)} if said else {}
