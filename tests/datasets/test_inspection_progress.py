"""The time left of an inspection covers all of its phases and never starts again."""

from __future__ import annotations

import pytest

from core.datasets.inspection import progress
from core.datasets.inspection.progress import Timeline

PHOTOS = 1000


def test_the_time_left_counts_the_phases_that_follow() -> None:
    timeline = Timeline(PHOTOS, 0.0)
    timeline.update(progress.FEATURES, 0, PHOTOS, 0.0)
    left, share = timeline.update(progress.FEATURES, 500, PHOTOS, 30.0)
    later = sum(progress.SECONDS.values()) - progress.SECONDS[progress.FEATURES]
    assert left == pytest.approx(30 + later * PHOTOS)
    assert share == pytest.approx(30 / (30 + left))


def test_the_share_never_decreases_and_ends_near_one() -> None:
    timeline, now, shares, lefts = Timeline(PHOTOS, 0.0), 0.0, [], []
    for phase, seconds in progress.SECONDS.items():
        for step in range(11):
            now += 3 * seconds * PHOTOS / 10
            left, share = timeline.update(phase, step, 10, now)
            shares.append(share)
            lefts.append(left)
    assert shares == sorted(shares)
    assert shares[-1] > 0.95
    assert lefts[-1] == 0


def test_a_slow_machine_makes_the_following_phases_longer_but_cached_features_do_not() -> None:
    quick, slow = Timeline(PHOTOS, 0.0), Timeline(PHOTOS, 0.0)
    for timeline, factor in ((quick, 1.0), (slow, 4.0)):
        timeline.update(progress.FEATURES, 0, 0, 0.0)
        timeline.update(progress.NEIGHBOURS, 0, 1, 0.1)
        end = 0.1 + factor * progress.SECONDS[progress.NEIGHBOURS] * PHOTOS
        timeline.update(progress.QUALITY, 0, PHOTOS, end)
    assert (
        slow.update(progress.QUALITY, 0, PHOTOS, 9)[0]
        > quick.update(progress.QUALITY, 0, PHOTOS, 9)[0]
    )
    assert quick.update(progress.LABELS, 0, 5, 99)[0] < PHOTOS


def test_the_layout_in_a_phase_is_not_part_of_its_name() -> None:
    timeline = Timeline(PHOTOS, 0.0)
    left, _ = timeline.update(f"{progress.MAP} (PCA)", 0, 1, 0.0)
    assert left == pytest.approx(progress.SECONDS[progress.MAP] * PHOTOS)
