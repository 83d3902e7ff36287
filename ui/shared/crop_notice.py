"""Training on photos cropped to their boxes: offered for datasets with boxes, with a warning beside
such a model."""

from __future__ import annotations

import streamlit as st

from core.datasets import browse
from core.datasets.store import Version
from core.models.store import Model

OPTION = "crop_to_box"


def not_offered(version: Version) -> tuple[str, ...]:
    """Return the hyperparameters that do not apply to this version: cropping, if no photo has a
    box."""
    if browse.has_boxes(version.manifest_path):
        return ()
    return (OPTION,)


def warn(model: Model) -> None:
    """Warn about using such a model on whole photos; draw nothing for any other model."""
    if model.is_cropped:
        st.warning(
            "This model was trained and measured on photos cropped to their boxes. Endpoints and "
            "batches use whole photos: crop them first, or expect a lower accuracy.",
            icon=":material/crop:",
        )
