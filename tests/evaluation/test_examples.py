"""Which photos are shown as best, worst, least certain and mistaken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.errors import UserError
from core.evaluation import examples
from core.evaluation.predictions import Predictions


@pytest.fixture
def six(written: Callable[..., Predictions]) -> Predictions:
    return written(
        [
            (0, [0.9, 0.1, 0.0]),
            (0, [0.3, 0.6, 0.1]),
            (1, [0.8, 0.2, 0.0]),
            (1, [0.0, 1.0, 0.0]),
            (1, [0.4, 0.3, 0.3]),
            (-1, [0.34, 0.33, 0.33]),
        ]
    )


def test_each_choice_by_hand(six: Predictions) -> None:
    assert examples.best(six, 2).tolist() == [3, 0]
    assert examples.worst(six, 2).tolist() == [2, 1]
    assert examples.most_uncertain(six, 2).tolist() == [5, 4]
    assert examples.misclassified(six).tolist() == [2, 1, 4]
    assert examples.misclassified(six, 1).tolist() == [2]


def test_each_choice_for_one_class(six: Predictions) -> None:
    assert examples.best(six, label="b").tolist() == [3, 4, 2]
    assert examples.worst(six, 1, "a").tolist() == [1]
    assert examples.most_uncertain(six, 1, "a").tolist() == [1]
    assert examples.misclassified(six, label="b").tolist() == [2, 4]
    assert examples.best(six, label="c").tolist() == []
    with pytest.raises(UserError, match="'Dodo'"):
        examples.best(six, label="Dodo")


def test_every_class_at_once(six: Predictions) -> None:
    found = examples.per_class(six, examples.worst, 1)
    assert {name: rows.tolist() for name, rows in found.items()} == {"a": [1], "b": [2], "c": []}


def test_photos_of_unknown_class_are_only_ever_uncertain(drawn: Callable[..., Predictions]) -> None:
    found = drawn(300, unknown=0.3)
    for choice in (examples.best, examples.worst, examples.misclassified):
        assert found.known[choice(found, None)].all()
    assert not found.known[examples.most_uncertain(found, None)].all()


def test_best_and_worst_are_each_other_reversed(drawn: Callable[..., Predictions]) -> None:
    found = drawn(200)
    best, worst = examples.best(found, None), examples.worst(found, None)
    assert sorted(best.tolist()) == sorted(worst.tolist()) == list(range(200))
    assert (np.diff(found.losses[best]) >= 0).all()
    assert (np.diff(found.losses[worst]) <= 0).all()


@pytest.mark.parametrize(
    "choice", [examples.best, examples.worst, examples.most_uncertain, examples.misclassified]
)
def test_equal_photos_come_in_the_order_of_their_paths(
    written: Callable[..., Predictions], choice: examples.Choice
) -> None:
    found = written([(0, [0.25, 0.75])] * 20)
    turned = found.take(np.random.default_rng(0).permutation(20))
    assert turned.path[choice(turned, 5, None)].tolist() == found.path[:5].tolist()


def test_without_photos_there_are_none_to_show(written: Callable[..., Predictions]) -> None:
    for choice in (examples.best, examples.worst, examples.most_uncertain, examples.misclassified):
        assert choice(written([]), 12, None).tolist() == []
