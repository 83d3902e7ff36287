"""Every evaluation of 200 classes and 100,000 photos costs a fraction of a second, so that a page can redraw."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from core.evaluation import calibration, caveats, comparison, confusion, examples, scores
from core.evaluation.predictions import Predictions

# Processor seconds; several times what it takes, because other work on the machine slows memory down for all.
LIMIT = 2.0


@pytest.fixture(scope="module")
def many() -> Predictions:
    rng = np.random.default_rng(0)
    n, count = 100_000, 200
    given = rng.random((n, count), dtype=np.float32) ** 8
    label = rng.integers(0, count, n)
    given[np.arange(n), label] += 1
    ids = np.char.zfill(np.arange(n).astype(str), 64)
    return Predictions(
        image_id=ids,
        path=np.char.add("images/", ids),
        split=np.array(["train", "validation", "test"])[rng.integers(0, 3, n)],
        label=label,
        probabilities=given / given.sum(axis=1, keepdims=True),
        classes=tuple(f"class {index}" for index in range(count)),
    )


WORK: dict[str, Callable[[Predictions], object]] = {
    "of_split": lambda given: given.of_split("test"),
    "table": lambda given: given.table(),
    "summary": scores.summary,
    "per_class": scores.per_class,
    "frame": confusion.frame,
    "most_confused": confusion.most_confused,
    "order": lambda given: confusion.grouped_order(confusion.counts(given)),
    "reliability": calibration.reliability,
    "coverage": calibration.coverage,
    "threshold": lambda given: calibration.threshold_for(given, 0.9),
    "temperature": lambda given: calibration.rescaled(given, 1.5),
    "compare": lambda given: comparison.compare(given, given),
    "worst": examples.worst,
    "misclassified": examples.misclassified,
    "repeated": lambda given: list(caveats.repeated_photos(given)),
}


@pytest.mark.parametrize("name", WORK)
def test_is_quick_on_two_hundred_classes_and_a_hundred_thousand_photos(
    many: Predictions, name: str
) -> None:
    started = time.process_time()
    WORK[name](many)
    assert time.process_time() - started < LIMIT
