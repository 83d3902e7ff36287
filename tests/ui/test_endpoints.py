"""What an endpoint's page says: its state, its engine, and how to turn the monitor on."""

from __future__ import annotations

import time

from core.backends import Endpoint, EndpointState
from core.jobs.status.endpoints import AttachedDetails, Figures, Form, LocalDetails
from ui.endpoints import about, form, sources, state


def endpoint(details: LocalDetails | AttachedDetails) -> Endpoint:
    return Endpoint("e", "Birds", "local", "m", EndpointState.IN_SERVICE, 0.0, details=details)


def test_the_engine_is_compared_with_fp32_in_two_sentences() -> None:
    engine = Form(
        form="OpenVINO bf16",
        photos=8,
        same_class=8,
        max_difference=0.0304,
        milliseconds=8.7,
        plain_milliseconds=26.1,
    )
    assert about.served_as("OpenVINO bf16", engine) == (
        "Served as OpenVINO bf16, 3x faster than fp32 (8.7 vs 26.1 ms). "
        "Check on 8 photos: same class for all, largest probability change 0.03."
    )
    assert about.served_as("torch fp32", Form()) == "Served as torch fp32."


def test_the_tolerance_on_the_form_is_the_one_that_is_applied() -> None:
    from fieldmark_ml.engines import fastest

    assert form.TOLERANCE == fastest.MAX_DIFFERENCE
    assert str(form.TOLERANCE) in form.ABOUT_PRECISION


def test_an_endpoint_says_when_it_stops() -> None:
    assert state.auto_stop(endpoint(LocalDetails())) == "auto-stop: never"
    soon = LocalDetails(deadline=time.time() + 7270)
    assert state.auto_stop(endpoint(soon)) == "auto-stop: in 2 h 1 min"
    assert state.auto_stop(endpoint(AttachedDetails())) == ""


def test_the_line_counts_only_what_is_known() -> None:
    assert state.counts(Figures()) == []
    assert state.counts(Figures(requests=1, errors=0, p50_ms=8.66)) == ["1 request", "p50 8.7 ms"]
    assert state.counts(Figures(requests=1200, errors=2, p50_ms=128.4)) == [
        "1,200 requests",
        "2 errors",
        "p50 128 ms",
    ]


def test_states_are_shown_in_words_that_people_use() -> None:
    assert [str(one) for one in EndpointState] == ["Starting", "Live", "Deleting", "Failed"]


def test_the_drop_zone_says_from_which_size_photos_are_shrunk() -> None:
    assert sources.limit_note(4 * 2**20) == "Photos above 4.0 MB are shrunk before sending."
    assert sources.limit_note(6_291_456) == "Photos above 6.0 MB are shrunk before sending."
