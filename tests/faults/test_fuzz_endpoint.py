"""Few of the requests that fuzz an endpoint, against a real one; attacks are run by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.backends import LOCAL, EndpointState
from core.jobs.specs import EndpointSpec
from core.models.store import Model
from tests.backends.watching import settled
from tests.faults import _requests, fuzz_endpoint
from tests.faults._endpoint import Target

ROUNDS = 99


@pytest.fixture
def target(heated: Model) -> Iterator[Target]:
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("Attacked", heated.id)))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    yield Target.of(endpoint)
    LOCAL.delete(endpoint)


def test_an_endpoint_outlives_requests_of_many_bad_kinds(target: Target) -> None:
    figures = fuzz_endpoint.fuzz(target, ROUNDS, seed=1, attacks=False)
    assert figures["faults"] == 0, figures


def test_there_are_more_than_a_hundred_kinds() -> None:
    assert len(_requests.kinds()) > 100
