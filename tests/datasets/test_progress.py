"""The progress of an import: one share and one estimate over all phases."""

from __future__ import annotations

import pytest

from core.datasets import progress
from core.datasets.progress import ImportProgress, Meter
from core.errors import UserError


class Clock:
    """A clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(progress.time, "perf_counter", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_the_time_left_includes_phases_that_follow(clock: Clock) -> None:
    seen: list[ImportProgress] = []
    meter = Meter(seen.append, lambda: False)
    meter.expect_reading(300)
    unpacked = meter.start("Unpacking", "bytes")
    unpacked(0, 100)
    clock.now = 2.0
    unpacked(50, 100)
    assert seen[-1].eta_seconds == pytest.approx(2.0 + 300 / progress.READ_RATE)
    clock.now = 4.0
    unpacked(100, 100)
    assert seen[-1].eta_seconds == pytest.approx(300 / progress.READ_RATE)
    read = meter.start(progress.READING, "photos")
    clock.now = 5.0
    read(100, 300)
    assert seen[-1].eta_seconds == pytest.approx(2.0)
    assert seen[-1].share == pytest.approx(5 / 7)


def test_the_share_never_decreases(clock: Clock) -> None:
    seen: list[ImportProgress] = []
    meter = Meter(seen.append, lambda: False)
    meter.expect("Reading photos", 4.0)
    first = meter.start("Unpacking", "bytes")
    first(0, 10)
    clock.now = 1.0
    first(10, 10)
    second = meter.start("Reading photos", "photos")
    for step in range(1, 11):
        clock.now += 1.0
        second(step, 10)
    shares = [item.share for item in seen]
    assert shares == sorted(shares)
    assert shares[1] == pytest.approx(1 / 5)
    assert shares[-1] == 1.0


def test_a_count_without_a_total_has_no_estimate(clock: Clock) -> None:
    seen: list[ImportProgress] = []
    add_one = Meter(seen.append, lambda: False).start_counting("Listing files", "files")
    clock.now = 1.0
    add_one()
    assert (seen[-1].done, seen[-1].total, seen[-1].eta_seconds) == (1, 0, None)


def test_every_report_checks_for_a_stop() -> None:
    meter = Meter(lambda _: None, lambda: True)
    with pytest.raises(UserError, match="stopped"):
        meter.start("Reading photos", "photos")(1, 2)
