"""A word of warning beside models that learned from photos cropped to their boxes."""

from __future__ import annotations

import streamlit as st

from core.models import Model


def warn(model: Model) -> None:
    """What to know before such a model is trusted with whole photos; nothing for any other model."""
    if model.is_cropped:
        st.warning(
            "This model learned from photos cropped to their boxes, and its figures are of cropped photos. An endpoint and a batch "
            "show it whole photos: crop what you send, or expect less than the figures say.",
            icon=":material/crop:",
        )
