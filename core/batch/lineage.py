"""Which photos a model has learned from, by their content."""

from __future__ import annotations

import numpy as np

from core.datasets import store
from core.errors import NotFound
from core.models.store import Model


def training_splits(model: Model) -> tuple[str, ...]:
    """The splits that the model's final weights learned from: train, and validation where it was
    refitted on both."""
    refit = model.description.get("refit") or {}
    return tuple(refit.get("on") or ("train",))


def training_ids(model: Model) -> np.ndarray | None:
    """The image_ids the model learned from, sorted, 'S64' [n]; None where its dataset version is
    not there any more.

    By content and not by name: a photo that was copied or renamed is still the same photo.
    """
    try:
        version = store.version(model.dataset_id, model.version_id)
        frame = store.manifest_of(
            version, columns=["image_id"], filters=[("split", "in", list(training_splits(model)))]
        )
    except NotFound:
        return None
    return np.unique(frame["image_id"].to_numpy(dtype="S64"))
