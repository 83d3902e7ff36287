"""Predictions for the tests: small ones written out by hand, and larger random ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from core.evaluation.predictions import Predictions

Written = Callable[..., Predictions]
Drawn = Callable[..., Predictions]


@pytest.fixture
def written() -> Written:
    """`written([(label, [p, p, ...]), ...])`: the k-th photo is k.jpg, in the split `test` unless given otherwise."""

    def make(
        photos: Sequence[tuple[int, Sequence[float]]],
        classes: str = "",
        split: Sequence[str] | str = "test",
    ) -> Predictions:
        count = len(classes) or (len(photos[0][1]) if photos else 3)
        places = [split] * len(photos) if isinstance(split, str) else list(split)
        return Predictions(
            image_id=np.array([f"id{index:04d}" for index in range(len(photos))], dtype=str),
            path=np.array([f"{index:04d}.jpg" for index in range(len(photos))], dtype=str),
            split=np.array(places, dtype=str),
            label=np.array([label for label, _ in photos], dtype=np.intp),
            probabilities=np.array([given for _, given in photos], dtype=np.float32).reshape(
                len(photos), count
            ),
            classes=tuple(classes or "abcdefgh"[:count]),
        )

    return make


@pytest.fixture
def drawn() -> Drawn:
    """`drawn(n, count, seed)`: random answers that are right about half the time, neighbouring classes confused most."""

    def make(n: int = 400, count: int = 7, seed: int = 0, unknown: float = 0.0) -> Predictions:
        rng = np.random.default_rng(seed)
        label = rng.integers(0, count, n)
        logits = rng.standard_normal((n, count), dtype=np.float32) * 2
        logits[np.arange(n), label] += 3
        logits[np.arange(n), (label + 1) % count] += 2
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return Predictions(
            image_id=np.array([f"{index:064x}" for index in rng.permutation(n)], dtype=str),
            path=np.array(
                [f"class {index % count}/photo {index:06d}.jpg" for index in range(n)], dtype=str
            ),
            split=np.array(["train", "validation", "test"])[rng.integers(0, 3, n)],
            label=np.where(rng.random(n) < unknown, -1, label).astype(np.intp),
            probabilities=raised / raised.sum(axis=1, keepdims=True),
            classes=tuple(f"class {index}" for index in range(count)),
        )

    return make
