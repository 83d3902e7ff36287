"""The load test itself: every request once, errors counted and not timed, and an end when it is asked for."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from core.endpoints import load_test
from core.errors import BackendError


def test_every_request_is_sent_once_and_timed() -> None:
    sent: Counter[bytes] = Counter()
    lock = threading.Lock()

    def send(photo: bytes) -> None:
        with lock:
            sent[photo] += 1
        time.sleep(0.002)

    result = load_test.run(lambda: send, [b"a", b"b"], requests=40, clients=4)
    assert (result.answered, result.failed) == (40, 0)
    assert sum(sent.values()) == 40 + 4 * load_test.WARM_UP
    assert result.quantile(0.5) >= 2
    assert result.quantile(0.5) <= result.quantile(0.95) <= max(result.milliseconds)
    assert 0 < result.per_second < 4 / 0.002


def test_what_fails_is_counted_by_its_reason() -> None:
    def send(photo: bytes) -> None:
        raise BackendError("busy")

    result = load_test.run(lambda: send, [b"a"], requests=7, clients=2)
    assert result.errors == {"busy": 7}
    assert result.answered == 0


@pytest.mark.parametrize("clients", [1, 3])
def test_it_stops_when_it_is_asked_to(clients: int) -> None:
    result = load_test.run(
        lambda: lambda _: time.sleep(0.01),
        [b"a"],
        requests=100_000,
        clients=clients,
        should_stop=lambda: True,
    )
    assert result.answered < 1000
