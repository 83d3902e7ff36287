"""Batches worked on by threads come back in order, in bounded number, and end cleanly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from core.backends.local.batch import batches


def counting(total: int, seen: list[int]) -> Iterator[int]:
    for number in range(total):
        seen.append(number)
        yield number


def test_answers_come_in_the_order_of_the_batches_however_long_each_takes() -> None:
    def work(number: int) -> int:
        time.sleep(0.01 if number % 3 == 0 else 0)
        return number * number

    assert list(batches.in_order(work, range(50), 3, lambda: False)) == [
        number * number for number in range(50)
    ]


def test_only_a_few_batches_are_read_ahead() -> None:
    seen: list[int] = []
    answers = batches.in_order(lambda number: number, counting(1000, seen), 2, lambda: False)
    next(answers)
    assert len(seen) <= 2 * batches.AHEAD + 1


def test_a_stop_completes_the_batches_in_progress_and_starts_no_others() -> None:
    stop, begun = threading.Event(), []

    def work(number: int) -> int:
        begun.append(number)
        if number == 4:
            stop.set()
        time.sleep(0.005)
        return number

    answers = list(batches.in_order(work, range(1000), 2, stop.is_set))
    assert answers == list(range(len(answers)))
    assert sorted(begun) == answers
    assert 5 <= len(answers) < 20


def test_an_error_in_a_batch_is_raised_where_its_answer_would_be() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise RuntimeError("out of memory")
        return number

    answers = batches.in_order(work, range(100), 2, lambda: False)
    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="out of memory"):
        next(answers)


def test_every_thread_is_prepared() -> None:
    prepared: set[int] = set()
    used: set[int] = set()

    def work(number: int) -> int:
        used.add(threading.get_ident())
        return number

    list(
        batches.in_order(
            work, range(20), 2, lambda: False, lambda: prepared.add(threading.get_ident())
        )
    )
    assert used <= prepared


def test_no_batches_are_no_answers() -> None:
    assert list(batches.in_order(lambda number: number, [], 2, lambda: False)) == []
