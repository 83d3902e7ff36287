"""Two models on the same photos."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from core.evaluation import comparison
from core.evaluation.predictions import Predictions

RIGHT, WRONG = [0.9, 0.1], [0.2, 0.8]


def photos(
    ids: str,
    label: Sequence[int],
    given: Sequence[Sequence[float]],
    classes: str = "xy",
    split: str = "test",
) -> Predictions:
    return Predictions(
        image_id=np.array(list(ids), dtype=str),
        path=np.array([f"{letter}.jpg" for letter in ids], dtype=str),
        split=np.array([split] * len(ids), dtype=str),
        label=np.array(label, dtype=np.intp),
        probabilities=np.array(given, dtype=np.float32).reshape(len(ids), len(classes)),
        classes=tuple(classes),
    )


def test_who_is_right_where() -> None:
    a = photos("ABCDE", [0] * 5, [RIGHT, RIGHT, WRONG, WRONG, RIGHT])
    b = photos("EDCBA", [0] * 5, [WRONG, RIGHT, WRONG, RIGHT, RIGHT])
    found = comparison.compare(a, b)
    assert found.counts == {"both": 2, "only_a": 1, "only_b": 1, "neither": 1}
    assert sum(found.counts.values()) == len(found) == 5
    assert (found.a.image_id == found.b.image_id).all()
    paths = {group: found.a.path[found.rows(group)].tolist() for group in comparison.GROUPS}
    assert paths == {
        "both": ["A.jpg", "B.jpg"],
        "only_a": ["E.jpg"],
        "only_b": ["D.jpg"],
        "neither": ["C.jpg"],
    }
    assert found.difference == 0
    assert found.p_value == 1
    row = found.table("only_a").iloc[0]
    assert row[["path", "label", "predicted_a", "predicted_b"]].tolist() == ["E.jpg", "x", "x", "y"]
    assert row[["probability_a", "probability_b"]].tolist() == pytest.approx([0.9, 0.8])


def test_photos_are_shown_from_the_largest_disagreement_on() -> None:
    a = photos("ABC", [0] * 3, [[0.6, 0.4], [0.99, 0.01], [0.6, 0.4]])
    b = photos("ABC", [0] * 3, [[0.4, 0.6], [0.01, 0.99], [0.4, 0.6]])
    found = comparison.compare(a, b)
    assert found.a.path[found.rows("only_a")].tolist() == ["B.jpg", "A.jpg", "C.jpg"]


def test_what_cannot_be_compared_is_left_out_and_counted() -> None:
    a = photos("ABCDEF", [0, 0, -1, 0, 1, 0], [RIGHT] * 6)
    b = photos("BCDEGA", [0, 0, -1, 0, 0, 0], [RIGHT] * 6, split="train")
    found = comparison.compare(a, b)
    assert found.a.image_id.tolist() == ["A", "B"]
    assert (found.missing_in_a, found.missing_in_b) == (1, 1)
    assert (found.unlabelled, found.relabelled) == (2, 1)
    assert found.other_split == 2


def test_a_photo_that_occurs_twice_counts_once() -> None:
    a = photos("AABB", [0] * 4, [RIGHT, WRONG, WRONG, WRONG])
    found = comparison.compare(a, photos("BAA", [0] * 3, [RIGHT, RIGHT, WRONG]))
    assert found.counts == {"both": 1, "only_a": 0, "only_b": 1, "neither": 0}
    assert (found.missing_in_a, found.missing_in_b) == (0, 0)


def test_classes_are_compared_by_name() -> None:
    a = photos("ABC", [0, 1, 1], [RIGHT, WRONG, RIGHT], classes="xy")
    b = photos("ABC", [2, 1, 0], [[0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]], classes="zyx")
    found = comparison.compare(a, b)
    assert found.counts == {"both": 2, "only_a": 0, "only_b": 0, "neither": 0}
    assert found.relabelled == 1
    assert found.table("both")["predicted_b"].tolist() == ["x", "y"]


@pytest.mark.parametrize(("ids_a", "ids_b"), [("", ""), ("A", ""), ("A", "B")])
def test_without_a_photo_in_common_there_is_nothing_to_say(ids_a: str, ids_b: str) -> None:
    found = comparison.compare(
        photos(ids_a, [0] * len(ids_a), [RIGHT] * len(ids_a)),
        photos(ids_b, [0] * len(ids_b), [RIGHT] * len(ids_b)),
    )
    assert len(found) == 0
    assert math.isnan(found.difference)
    assert all(math.isnan(end) for end in found.interval_95)
    assert found.p_value == 1
    assert str(found) == "no labelled photo in common"
    assert len(found.table("both")) == 0


def test_a_model_against_itself_and_against_another(drawn: Callable[..., Predictions]) -> None:
    a, b = drawn(300), drawn(300, seed=1)
    same = comparison.compare(a, a)
    assert same.counts["only_a"] == same.counts["only_b"] == 0
    assert (same.difference, same.p_value) == (0, 1)
    one, other = comparison.compare(a, b), comparison.compare(b, a)
    assert one.counts["only_a"] == other.counts["only_b"]
    assert one.difference == pytest.approx(-other.difference)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.interval_95 == pytest.approx(tuple(-end for end in reversed(other.interval_95)))


def test_the_order_of_the_photos_does_not_matter(drawn: Callable[..., Predictions]) -> None:
    a, b = drawn(300), drawn(300, seed=1)
    turned = comparison.compare(a.take(np.random.default_rng(2).permutation(300)), b)
    straight = comparison.compare(a, b)
    assert turned.counts == straight.counts
    assert turned.table("only_a")["path"].tolist() == straight.table("only_a")["path"].tolist()


def exact(only_a: int, only_b: int) -> float:
    n = only_a + only_b
    tail = sum(Fraction(math.comb(n, i), 2**n) for i in range(min(only_a, only_b) + 1))
    return float(min(Fraction(1), 2 * tail))


@pytest.mark.parametrize(
    ("only_a", "only_b"),
    [(0, 0), (1, 0), (5, 5), (1, 7), (7, 1), (0, 12), (12, 5), (300, 260), (0, 900)],
)
def test_mcnemars_test_is_exact(only_a: int, only_b: int) -> None:
    assert comparison.mcnemar_exact(only_a, only_b) == pytest.approx(
        exact(only_a, only_b), rel=1e-9
    )


def test_mcnemars_test_by_hand() -> None:
    assert comparison.mcnemar_exact(1, 7) == pytest.approx(2 * (1 + 8) / 256)
    assert comparison.mcnemar_exact(0, 5) == pytest.approx(2 / 32)


@pytest.mark.parametrize(("only_a", "only_b"), [(3, 9), (40, 22), (5000, 5200)])
def test_mcnemars_test_agrees_with_scipy(only_a: int, only_b: int) -> None:
    reference = pytest.importorskip("scipy.stats").binomtest(only_a, only_a + only_b).pvalue
    assert comparison.mcnemar_exact(only_a, only_b) == pytest.approx(reference, rel=1e-7)


def test_the_interval_by_hand() -> None:
    # 1 and 7 of 21: shares 2/23 and 8/23, centre -6/23, variance (10/23 - 36/529) / 23.
    half = 1.959963984540054 * math.sqrt((10 / 23 - 36 / 529) / 23)
    assert comparison.bonett_price_95(1, 7, 21) == pytest.approx((-6 / 23 - half, -6 / 23 + half))
    low, high = comparison.bonett_price_95(0, 1, 1)
    assert low == -1
    assert high <= 1


def test_a_comparison_in_one_line() -> None:
    a = photos("ABCDEFGH", [0] * 8, [RIGHT] * 8)
    b = photos("ABCDEFGH", [0] * 8, [WRONG] * 6 + [RIGHT] * 2)
    assert (
        str(comparison.compare(a, b))
        == "+75.0 points (95 % Bonett-Price +18.9 to +100.0), McNemar exact p = 0.031, n = 8"
    )
