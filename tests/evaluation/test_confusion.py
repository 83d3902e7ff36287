"""The matrix, its cells, the ranked pairs and the order of classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.errors import UserError
from core.evaluation import confusion
from core.evaluation.predictions import Predictions


def sure(count: int, index: int, confidence: float = 0.9) -> list[float]:
    return [
        confidence if place == index else (1 - confidence) / (count - 1) for place in range(count)
    ]


@pytest.fixture
def crows(written: Callable[..., Predictions]) -> Predictions:
    """a right twice; b as c twice and once right; c as b once; a as c once; d absent; one photo of unknown class."""
    photos = [
        (0, 0, 0.9),
        (0, 0, 0.8),
        (1, 2, 0.7),
        (1, 2, 0.9),
        (1, 1, 0.9),
        (2, 1, 0.6),
        (0, 2, 0.5),
        (-1, 3, 0.9),
    ]
    return written(
        [(label, sure(4, predicted, confidence)) for label, predicted, confidence in photos],
        classes="abcd",
    )


def test_counts_by_hand(crows: Predictions) -> None:
    assert confusion.counts(crows).tolist() == [
        [2, 0, 1, 0],
        [0, 1, 2, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
    ]


def test_the_long_frame_has_a_row_for_every_cell(crows: Predictions) -> None:
    table = confusion.frame(crows)
    assert len(table) == 16
    assert list(table.columns) == ["true", "predicted", "count", "share"]
    found = table.set_index(["true", "predicted"])
    assert found.loc[("b", "c"), "count"] == 2
    assert found.loc[("b", "c"), "share"] == pytest.approx(2 / 3)
    assert table[table["true"] == "d"]["share"].isna().all()
    assert table[table["true"] != "d"].groupby("true")["share"].sum().tolist() == pytest.approx(
        [1, 1, 1]
    )
    assert table["count"].sum() == 7


def test_the_long_frame_can_follow_an_order_and_leave_out_empty_cells(crows: Predictions) -> None:
    table = confusion.frame(crows, order=[3, 2, 1, 0], zeros=False)
    assert list(zip(table["true"], table["predicted"], table["count"], strict=True)) == [
        ("c", "b", 1),
        ("b", "c", 2),
        ("b", "b", 1),
        ("a", "c", 1),
        ("a", "a", 2),
    ]


def test_a_cell_gives_its_photos_most_confident_first(crows: Predictions) -> None:
    assert confusion.cell(crows, "b", "c").tolist() == [3, 2]
    assert confusion.cell(crows, "a", "a").tolist() == [0, 1]
    assert confusion.cell(crows, "d", "a").tolist() == []
    with pytest.raises(UserError, match="'Dodo'"):
        confusion.cell(crows, "a", "Dodo")


def test_every_cell_has_as_many_photos_as_it_counts(drawn: Callable[..., Predictions]) -> None:
    found = drawn(300, 5, unknown=0.1)
    table = confusion.counts(found)
    assert table.sum() == found.known.sum()
    assert np.trace(table) == found.correct.sum()
    for true in range(5):
        for predicted in range(5):
            assert (
                len(confusion.cell(found, found.classes[true], found.classes[predicted]))
                == table[true, predicted]
            )


def test_pairs_are_ranked_with_both_directions_and_their_photos(crows: Predictions) -> None:
    first, second = confusion.most_confused(crows)
    assert (first.first, first.second, first.total, first.photos) == ("b", "c", 3, 4)
    assert first.first_as_second.tolist() == [3, 2]
    assert first.second_as_first.tolist() == [5]
    assert first.share == pytest.approx(3 / 4)
    assert (second.first, second.second, second.total, second.photos) == ("a", "c", 1, 4)
    assert second.second_as_first.tolist() == []


def test_the_class_mistaken_more_often_comes_first(written: Callable[..., Predictions]) -> None:
    found = written([(2, sure(3, 0)), (2, sure(3, 0)), (0, sure(3, 2))])
    (pair,) = confusion.most_confused(found)
    assert (pair.first, pair.second) == ("c", "a")
    assert (len(pair.first_as_second), len(pair.second_as_first)) == (2, 1)


def test_equal_pairs_keep_the_models_order_of_classes(written: Callable[..., Predictions]) -> None:
    found = written([(3, sure(4, 2)), (1, sure(4, 0)), (0, sure(4, 3))])
    assert [(pair.first, pair.second) for pair in confusion.most_confused(found)] == [
        ("b", "a"),
        ("a", "d"),
        ("d", "c"),
    ]
    assert len(confusion.most_confused(found, limit=2)) == 2


def test_pairs_hold_every_mistake_once(drawn: Callable[..., Predictions]) -> None:
    found = drawn(300, 6, unknown=0.1)
    pairs = confusion.most_confused(found, limit=None)
    assert sum(pair.total for pair in pairs) == found.wrong.sum()
    rows = np.concatenate(
        [rows for pair in pairs for rows in (pair.first_as_second, pair.second_as_first)]
    )
    assert sorted(rows.tolist()) == np.flatnonzero(found.wrong).tolist()
    assert [pair.total for pair in pairs] == sorted((pair.total for pair in pairs), reverse=True)
    assert all(len(pair.first_as_second) >= len(pair.second_as_first) for pair in pairs)


def test_without_photos_or_mistakes_there_are_no_pairs(written: Callable[..., Predictions]) -> None:
    for found in (written([]), written([(-1, sure(3, 0))]), written([(1, sure(3, 1))])):
        assert confusion.most_confused(found) == []
        assert len(confusion.frame(found)) == 9


def test_confused_classes_are_put_side_by_side() -> None:
    table = np.diag([10] * 8)
    for one, other in ((0, 5), (2, 7), (5, 3)):
        table[one, other] = 4
    order = confusion.grouped_order(table).tolist()
    assert sorted(order) == list(range(8))
    for one, other in ((0, 5), (2, 7), (5, 3)):
        assert abs(order.index(one) - order.index(other)) == 1
    assert [index for index in order if index in (1, 4, 6)] == [1, 4, 6]


def test_without_confusion_the_models_order_stays() -> None:
    assert confusion.grouped_order(np.diag([3, 0, 5, 1])).tolist() == [0, 1, 2, 3]
    assert confusion.grouped_order(np.zeros((3, 3), dtype=int)).tolist() == [0, 1, 2]


def test_hidden_groups_are_found_among_two_hundred_classes() -> None:
    rng = np.random.default_rng(3)
    hidden = rng.permutation(200).reshape(40, 5)
    table = np.diag(np.full(200, 20))
    for group in hidden:
        table[np.ix_(group, group)] += rng.integers(1, 4, (5, 5))
    order = confusion.grouped_order(table)
    place = np.argsort(order)
    assert all(np.ptp(place[group]) == 4 for group in hidden)
    assert confusion.grouped_order(table).tolist() == order.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(drawn: Callable[..., Predictions], seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    found = drawn(300, 7, seed, unknown=0.1)
    reference = metrics.confusion_matrix(
        found.label[found.known], found.predicted[found.known], labels=range(7)
    )
    assert confusion.counts(found).tolist() == reference.tolist()


def test_the_hardest_classes_are_those_with_the_most_mistakes(
    drawn: Callable[..., Predictions],
) -> None:
    predictions = drawn(n=3000, count=30, seed=4)
    table = confusion.counts(predictions)
    mistakes = table.sum(axis=0) + table.sum(axis=1) - 2 * np.diag(table)
    chosen = confusion.hardest_classes(predictions, 8)
    assert len(set(chosen.tolist())) == 8
    assert mistakes[chosen].min() >= np.delete(mistakes, chosen).max()
    assert sorted(confusion.hardest_classes(predictions, 99).tolist()) == list(range(30))
