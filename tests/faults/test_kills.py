"""Few rounds of what `python -m tests.faults kills` does many of."""

from __future__ import annotations

from tests.faults import kills


def test_nothing_is_lost_and_nothing_stays_of_what_is_killed() -> None:
    counted = kills.run(rounds=2, seed=5)
    assert counted["faults"] == 0, counted
