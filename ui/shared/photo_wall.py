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
    tones = [
        "" if not known else "right" if right else "wrong"
        for known, right in zip(chosen.known, chosen.correct, strict=True)
    ]
    tiles = thumbnails.tiles(
        store.dataset(model.dataset_id).root,
        frame,
        details or said,
        [tone] * len(frame) if details else tones,
    )
    if opened := gallery(tiles, key=f"mo_{key}_{model.id}", side=150):
        photo_view.open_photo(opened)


def page(rows: Rows, key: str) -> Rows:
    """One page of these rows, with the buttons for the others where there are any."""
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    number = st.pagination(pages, key=f"mo_page_{key}", bind="query-params") if pages > 1 else 1
    start = (min(int(number or 1), pages) - 1) * PAGE_SIZE
    return rows[start : start + PAGE_SIZE]


def _true_names(part: Predictions) -> list[str]:
    return [name or "unknown" for name in part.names(part.label)]
