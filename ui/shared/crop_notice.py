"""Training on photos cropped to their boxes: offered where there are boxes, with a word of
warning beside such a model."""

from __future__ import annotations

import streamlit as st

from core.datasets import browse
from core.datasets.store import Version
from core.models.store import Model

OPTION = "crop_to_box"


def not_offered(version: Version) -> tuple[str, ...]:
    """The hyperparameters that make no sense for this version: it can't crop to boxes where no
    photo has one."""
    if browse.has_boxes(version.manifest_path):
        return ()
    return (OPTION,)


def warn(model: Model) -> None:
    """What to know before such a model is trusted with whole photos; nothing for any other
    model."""
    if model.is_cropped:
        st.warning(
            (
                "This model learned from photos cropped to their boxes, and its figures are of "
                "cropped photos. An endpoint and a batch show it whole photos: crop what you "
                "send, or expect less than the figures say."
            ),
            icon=":material/crop:",
        )
