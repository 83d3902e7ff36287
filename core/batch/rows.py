"""One row of a batch's results, from an endpoint's answer or from the reason for its absence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.batch import results
from core.batch.items import Item

_NO_ANSWER: Mapping[str, Any] = {"prediction": "", "unsure": False, "unfamiliar": False}
# The suffixes of the columns by rank: none for the most probable class.
_ENDS = ("", *(f"_{place}" for place in range(2, results.TOP_K + 1)))


def row(
    item: Item,
    image_id: str,
    answer: Mapping[str, Any] | None,
    error: str,
    classes: Sequence[str],
    training_ids: npt.NDArray[Any] | None,
) -> dict[str, Any]:
    """Return the columns of results.SCHEMA except `row`.

    `training_ids`: sorted, 'S64' [n], from lineage.training_ids.
    """
    known = {
        "path": item.path,
        "image_id": image_id,
        "label": item.label,
        "in_training": _is_known(image_id, training_ids),
    }
    return {
        **known,
        **_answered(answer, item.label, classes),
        "error": error,
    }


def _is_known(image_id: str, training_ids: npt.NDArray[Any] | None) -> bool | None:
    if training_ids is None or not image_id:
        return None
    place = int(np.searchsorted(training_ids, image_id.encode()))
    return place < len(training_ids) and bool(training_ids[place] == image_id.encode())


def _answered(
    answer: Mapping[str, Any] | None, label: str, classes: Sequence[str]
) -> Mapping[str, Any]:
    """Return the columns of an endpoint's answer."""
    if answer is None:
        return _NO_ANSWER
    found: dict[str, object] = {
        "unsure": bool(answer["unsure"]),
        "unfamiliar": bool(answer["unfamiliar"]),
    }
    for end, entry in zip(_ENDS, answer["predictions"], strict=False):
        found |= {f"prediction{end}": entry["label"], f"probability{end}": entry["probability"]}
    correct = None
    if label in classes:
        correct = found["prediction"] == label
    return {**found, "correct": correct}
