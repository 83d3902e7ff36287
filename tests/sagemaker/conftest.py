"""An emulator of SageMaker for the whole run, and an app that is set up for it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import settings
from core.aws import account
from tests.sagemaker import asking, containers

POLL_SECONDS = "0.2"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[asking.Emulator]:
    """One emulator for all tests, in a process of its own."""
    try:
        containers.environment()
    except containers.Missing as missing:
        pytest.skip(str(missing))
    with asking.running(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def aws(
    emulator: asking.Emulator, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[asking.Emulator]:
    """The app is set up for the emulator: endpoint, keys, region, role, and a bucket of its own. Watchers ask it often, for it is near.

    When the test ends, what it started is ended, and no fault is left. The emulator's counts go on over all tests.
    """
    since = time.time()
    bucket = f"fieldmark-{uuid.uuid4().hex[:12]}"
    for name in (
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in asking.environment(emulator.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(settings.ENV_POLL_SECONDS, POLL_SECONDS)
    emulator.client("s3").create_bucket(Bucket=bucket)
    account.save(account.Account(region=asking.REGION, role_arn=asking.ROLE, bucket=bucket))
    yield emulator
    emulator.ask("DELETE", "faults")
    emulator.ask("POST", "sweep", since=since)
