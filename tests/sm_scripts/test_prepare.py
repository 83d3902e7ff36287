"""The default preset's networks, converted before there is a job."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.jobs import prefork, processes
from tests.backends.watching import until


def networks(features: Path) -> dict[str, int]:
    """When each converted network was written."""
    return {
        path.parent.name: path.stat().st_mtime_ns
        for path in (features / "networks").glob("*/openvino.xml")
    }


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)
def test_an_app_that_has_started_has_converted_the_default_networks(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.ENV_PREPARE, "1")
    process = prefork.start()
    try:
        until(lambda: networks(settings.features_dir()), "the converted networks", 120)
    finally:
        LOCAL.cool_down(process)
    (name,) = networks(settings.features_dir())
    assert name.startswith("tf_efficientnet_lite0-")
    assert name.endswith("-288")


def test_a_worker_is_told_not_to_prepare() -> None:
    assert processes.worker_environment()[settings.ENV_PREPARE] == "0"
    assert not settings.prepares()
