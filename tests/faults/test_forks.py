"""Few rounds of tests/faults/forks.py."""

from __future__ import annotations

import pytest

from tests.faults import forks


def test_no_fork_hangs_whose_threads_meet_in_a_first_use() -> None:
    pytest.importorskip("openvino")
    counted = forks.run(3, 0)
    assert counted["faults"] == 0, counted
