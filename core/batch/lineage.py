"""The photos that a model was trained on, by content."""

from __future__ import annotations

import numpy as np

from core.datasets import store
from core.errors import NotFound
from core.models.store import Model


def training_splits(model: Model) -> tuple[str, ...]:
    """Return the splits that the final weights were trained on: train, and validation if the model
    was refitted on both."""
    refit = model.description.get("refit") or {}
    return tuple(refit.get("on") or ("train",))


def training_ids(model: Model) -> np.ndarray | None:
    """Return the image_ids that the model was trained on, sorted, 'S64' [n]; None if its dataset
    version was deleted.

    By content, not by name: a copied or renamed photo is the same photo.
    """
    try:
        version = store.version(model.dataset_id, model.version_id)
        frame = store.manifest_of(
            version, columns=["image_id"], filters=[("split", "in", list(training_splits(model)))]
        )
    except NotFound:
        return None
    return np.unique(frame["image_id"].to_numpy(dtype="S64"))
