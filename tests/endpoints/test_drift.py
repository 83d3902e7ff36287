"""Drift figures against known values, and against what chance alone makes of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial import distance

from core.endpoints import drift

MIX = {"a": 0.5, "b": 0.3, "c": 0.2}


def drawn(n: int, seed: int) -> list[str]:
    return list(np.random.default_rng(seed).choice(list(MIX), n, p=list(MIX.values())))


def test_the_class_drift_is_the_jensen_shannon_distance() -> None:
    found = drift.class_drift(["a"] * 10 + ["b"] * 10 + ["c"] * 30, MIX)
    assert found.value == pytest.approx(distance.jensenshannon([0.2, 0.2, 0.6], [0.5, 0.3, 0.2], 2))
    assert found.n == 50
    assert found.beyond_chance


def test_its_ends_are_0_and_1() -> None:
    assert drift.class_drift(["a"] * 5 + ["b"] * 3 + ["c"] * 2, MIX).value == pytest.approx(
        0, abs=1e-9
    )
    assert drift.class_drift(["b"] * 5, {"a": 1.0, "b": 0.0}).value == pytest.approx(1)


@pytest.mark.parametrize("n", [20, 400])
def test_photos_like_those_of_training_are_within_chance_19_times_of_20(n: int) -> None:
    beyond = sum(drift.class_drift(drawn(n, seed), MIX).beyond_chance for seed in range(200))
    assert beyond <= 22


def test_no_photos_are_no_drift() -> None:
    assert drift.class_drift([], MIX) == drift.Drift(0.0, 0.0, 0)
    assert drift.confidence_drift(np.empty(0), np.ones(3)).n == 0


def test_the_confidence_drift_is_the_two_sample_kolmogorov_smirnov_distance() -> None:
    chance = np.random.default_rng(1)
    seen, known = chance.beta(5, 1, 100), chance.beta(2, 1, 300)
    found = drift.confidence_drift(seen, known)
    assert found.value == pytest.approx(stats.ks_2samp(seen, known).statistic)
    assert found.beyond_chance
    assert not drift.confidence_drift(chance.beta(2, 1, 200), known).beyond_chance


def test_the_classes_over_time() -> None:
    kept = pd.DataFrame({"time": [0.0, 1, 2, 100, 200], "prediction": list("aabca")})
    found = drift.mix_over_time(kept, "abc", periods=4)
    assert list(found.groupby("start")["n"].first()) == [3, 1, 1]
    assert found.groupby("start")["share"].sum().tolist() == pytest.approx([1, 1, 1])
    first = found[found["start"] == found["start"].min()].set_index("class")["share"]
    assert first.to_dict() == pytest.approx({"a": 2 / 3, "b": 1 / 3, "c": 0})
