"""The benchmark of familiarity: its area under the curve is the textbook's, and its strangers are what they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from benchmarks.models import strangers
from benchmarks.models.unfamiliar import auroc


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_that_of_scikit_learn_ties_included(seed: int) -> None:
    chance = np.random.default_rng(seed)
    familiar, strange = (
        chance.integers(3, 12, 40).astype(float),
        chance.integers(0, 9, 70).astype(float),
    )
    labels = np.r_[np.ones(len(familiar)), np.zeros(len(strange))]
    assert auroc(familiar, strange) == pytest.approx(
        roc_auc_score(labels, np.r_[familiar, strange])
    )


def test_auroc_at_its_ends() -> None:
    low, high = np.array([0.1, 0.2]), np.array([0.8, 0.9, 1.0])
    assert (auroc(high, low), auroc(low, high), auroc(low, low)) == (1.0, 0.0, 0.5)


def test_strangers_are_photos_of_several_kinds_and_the_same_every_time(tmp_path: Path) -> None:
    first, again = strangers.write(tmp_path / "a"), strangers.write(tmp_path / "b")
    assert list(first) == ["shapes", "textures", "screens", "sample photos"]
    assert all(len(first[kind]) == strangers.EACH for kind in ("shapes", "textures", "screens"))
    for kind, paths in first.items():
        assert [path.read_bytes() for path in paths[:5]] == [
            path.read_bytes() for path in again[kind][:5]
        ]
    with Image.open(first["screens"][0]) as screen:
        assert (screen.mode, screen.size) == ("RGB", strangers.SIDE)
