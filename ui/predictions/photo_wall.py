"""Photos of a model's predictions as a wall of thumbnails, each with its prediction; a click opens
the viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.datasets import store
from core.evaluation.predictions import Predictions, Rows
from core.models.store import Model
from ui import paging
from ui.components.gallery import gallery
from ui.components.viewer import Slide
from ui.predictions import albums, photo_view
from ui.shared import thumbnails
from ui.shared.viewer import Album
from ui.text import percent

PAGE_SIZE = 36


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(model_id: str, modified: float, _model: Model) -> Predictions:
    return _model.predictions()


def predictions_of(model: Model) -> Predictions:
    """Return the model's stored predictions, read once for all visitors. Raises NotFound."""
    path = model.folder.predictions
    return _read(model.id, path.stat().st_mtime if path.exists() else 0.0, model)


def wall(
    model: Model,
    part: Predictions,
    rows: Sequence[int] | Rows,
    *,
    key: str,
    details: Callable[[Rows], Sequence[str]] | None = None,
    tone: str = "",
) -> None:
    """Draw the photos of these rows of `part`, a page at a time, each under its label.

    `details` returns the lines under the photos of a page, given their places in `rows`, all in
    one `tone`; by default each line is the prediction. A click opens the viewer over all rows.
    """
    every = np.asarray(rows, dtype=int)
    if not len(every):
        st.caption("No photos.")
        return
    places = page(np.arange(len(every)), key)
    chosen = part.take(every[places])
    root = store.dataset(model.dataset_id).root
    frame = pd.DataFrame(
        {"image_id": chosen.image_id, "path": chosen.path, "label": _true_names(chosen)}
    )
    if details:
        lines, tones = details(places), [tone] * len(frame)
    else:
        lines = [
            f"{name} {percent(share)}"
            for name, share in zip(chosen.names(chosen.predicted), chosen.confidence, strict=True)
        ]
        tones = [_tone(*pair) for pair in zip(chosen.known, chosen.correct, strict=True)]
    albums.add(key, _album(root, part, every))
    tiles = thumbnails.tiles(root, frame, lines, tones)
    if opened := gallery(tiles, key=f"mo_{key}_{model.id}", side=150):
        albums.open_photo(key, opened)


def _album(root: Path, part: Predictions, rows: Rows) -> Album:
    def find(image_id: str) -> int | None:
        found = np.flatnonzero(part.image_id[rows] == image_id)
        if len(found):
            return int(found[0])
        return None

    def slides(start: int, stop: int) -> list[Slide]:
        chosen = part.take(rows[start:stop])
        return [
            photo_view.slide(root, str(path), str(image_id), label)
            for path, image_id, label in zip(
                chosen.path, chosen.image_id, _true_names(chosen), strict=True
            )
        ]

    return Album(len(rows), find, slides)


def page(rows: Rows, key: str) -> Rows:
    """Return one page of these rows, after the buttons for the other pages."""
    return rows[paging.shown(len(rows), PAGE_SIZE, key=f"mo_page_{key}", bind="query-params")]


def _tone(known: bool, right: bool) -> str:
    if not known:
        return ""
    if right:
        return "right"
    return "wrong"


def _true_names(part: Predictions) -> list[str]:
    return [str(name) or "unknown" for name in part.names(part.label)]
