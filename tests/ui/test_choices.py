"""Labels that tell options apart, whatever they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from ui import option_labels
from ui.endpoints.answers import SentPhoto, apart

FIRST, SECOND = "fm-training-20261130t001414-98eb63", "fm-training-20261130t010034-d99db9"


def test_labels_that_differ_stay_as_they_are() -> None:
    assert option_labels.labels(["a", "b"], str.upper) == {"a": "A", "b": "B"}


def test_two_jobs_of_one_name_are_told_apart_by_time_and_id() -> None:
    assert option_labels.labels([FIRST, SECOND], lambda _: "birds, fast") == {
        FIRST: "birds, fast (2026-11-30 00:14, 98eb63)",
        SECOND: "birds, fast (2026-11-30 01:00, d99db9)",
    }


def test_what_is_known_better_is_said_instead() -> None:
    named = option_labels.labels(
        ["x-111111", "x-222222"], lambda _: "Birds", lambda i: f"from {i[2]}"
    )
    assert list(named.values()) == ["Birds (from 1)", "Birds (from 2)"]
    same = option_labels.labels(["x-111111", "x-222222"], lambda _: "Birds", lambda _: "v1")
    assert list(same.values()) == ["Birds (v1) (111111)", "Birds (v1) (222222)"]


@pytest.mark.parametrize(
    "names",
    [
        ["Fish Crow", "Fish  Crow", "Fish Crow "],
        ["All classes", ""],
        ["a", "a (1)", "b"],
        ["New class...", "Leave it out", "nothing"],
    ],
)
def test_no_two_options_look_alike(names: list[str]) -> None:
    named = option_labels.labels(names, lambda name: name or "All classes")
    seen = [" ".join(text.split()) for text in named.values()]
    assert len(set(seen)) == len(names)
    assert named.get("", "All classes") == "All classes"


def test_a_label_that_another_one_would_get_is_not_given_twice() -> None:
    table = {1: "a", 2: "a", 3: "a (1)"}
    named = option_labels.labels(list(table), table.__getitem__)
    assert len(set(named.values())) == 3


def test_a_photo_that_was_dropped_under_two_names_has_two_cards() -> None:
    one, two, other = (
        SentPhoto(image, Path("/photo"), name)
        for image, name in (("a", "1.jpg"), ("a", "2.jpg"), ("b", "3.jpg"))
    )
    found = apart([one, two, other, one])
    assert [item.name for item in found.values()] == ["1.jpg", "2.jpg", "3.jpg", "1.jpg"]
    assert [item.card for item in found.values()] == list(found)
