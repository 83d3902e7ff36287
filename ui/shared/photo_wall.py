"""Photos of a model's predictions as a wall of thumbnails, each with what was predicted; a click
opens one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from core.datasets import store
from core.evaluation.predictions import Predictions, Rows
from core.models.store import Model
from ui import paging
from ui.components.gallery import gallery
from ui.shared import photo_view, thumbnails

PAGE_SIZE = 36


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(model_id: str, modified: float, _model: Model) -> Predictions:
    return _model.predictions()


def predictions_of(model: Model) -> Predictions:
    """The model's stored predictions, read once for all visitors. Raises NotFound."""
    path = model.folder.predictions
    return _read(model.id, path.stat().st_mtime if path.exists() else 0.0, model)


def wall(
    model: Model,
    part: Predictions,
    rows: Sequence[int] | Rows,
    *,
    key: str,
    details: Sequence[str] = (),
    tone: str = "",
) -> None:
    """The photos of these rows under their true class; `details`, all in one `tone`, replace
    what was predicted."""
    chosen = part.take(np.asarray(rows, dtype=int))
    if not len(chosen):
        st.caption("No photos.")
        return
    frame = pd.DataFrame(
        {"image_id": chosen.image_id, "path": chosen.path, "label": _true_names(chosen)}
    )
    said = [
        f"{name} {share:.0%}"
        for name, share in zip(chosen.names(chosen.predicted), chosen.confidence, strict=True)
    ]
    tones = [_tone(*pair) for pair in zip(chosen.known, chosen.correct, strict=True)]
    if details:
        tones = [tone] * len(frame)
    tiles = thumbnails.tiles(store.dataset(model.dataset_id).root, frame, details or said, tones)
    if opened := gallery(tiles, key=f"mo_{key}_{model.id}", side=150):
        photo_view.open_photo(opened)


def page(rows: Rows, key: str) -> Rows:
    """One page of these rows, with the buttons for the others where there are any."""
    return rows[paging.shown(len(rows), PAGE_SIZE, key=f"mo_page_{key}", bind="query-params")]


def _tone(known: bool, right: bool) -> str:
    if not known:
        return ""
    if right:
        return "right"
    return "wrong"


def _true_names(part: Predictions) -> list[str]:
    return [name or "unknown" for name in part.names(part.label)]
