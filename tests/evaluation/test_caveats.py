"""The caveats of a model's metrics as sentences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.evaluation import caveats
from core.evaluation.predictions import Predictions


def test_small_numbers_are_pointed_out(written: Callable[..., Predictions]) -> None:
    photos = [(0, [0.8, 0.1, 0.1])] * 12 + [(1, [0.1, 0.8, 0.1])] * 4 + [(-1, [0.1, 0.1, 0.8])]
    size, few, absent = caveats.small_numbers(written(photos), "test")
    assert (
        size
        == "The test metrics are from 16 photos: one photo is 6.2 points of top-1, and its 95 % Wilson interval is 19.4 points wide."
    )
    assert few.startswith("1 of 3 classes has fewer than 10 photos there (fewest: b, 4)")
    assert absent == "No photo there is labelled c: the model's accuracy on it is unknown."


def test_enough_photos_of_every_class_leave_only_the_size(
    written: Callable[..., Predictions],
) -> None:
    photos = [(0, [0.9, 0.1])] * 10 + [(1, [0.1, 0.9])] * 10
    assert len(list(caveats.small_numbers(written(photos), "test"))) == 1
    assert list(caveats.small_numbers(written([]), "test")) == []


def test_photos_in_several_splits_are_counted(written: Callable[..., Predictions]) -> None:
    found = written([(0, [0.9, 0.1])] * 5, split=["train", "test", "test", "validation", "train"])
    assert list(caveats.repeated_photos(found)) == []
    found.image_id[:] = np.array(["a", "a", "b", "b", "b"])
    assert list(caveats.repeated_photos(found)) == [
        "2 photos are in more than one split with identical bytes, so the metrics are optimistic."
    ]
    found.image_id[:] = np.array(["a", "b", "b", "c", "d"])
    assert list(caveats.repeated_photos(found)) == []


def test_photos_of_unknown_class_are_counted(written: Callable[..., Predictions]) -> None:
    found = written([(0, [0.9, 0.1]), (-1, [0.9, 0.1])])
    assert list(caveats.unlabelled(found)) == [
        "1 of 2 photos have no label and count in no metric."
    ]
    assert list(caveats.unlabelled(found.take(np.array([0])))) == []
