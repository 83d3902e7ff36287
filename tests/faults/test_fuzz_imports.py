"""A few rounds of what `python -m tests.faults fuzz_imports --rounds 2000` does."""

from __future__ import annotations

from tests.faults import fuzz_imports


def test_hostile_imports_end_in_words_and_leave_nothing() -> None:
    counted = fuzz_imports.run(60, seed=1)
    assert counted["faults"] == 0, counted
