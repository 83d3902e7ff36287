"""The serving images: addresses, dates, and, where the SageMaker SDK is installed, that it says the same."""

from __future__ import annotations

import pytest

from core import settings
from core.aws.account import Account
from core.backends.sagemaker.endpoints import serving_image
from core.backends.sagemaker.endpoints.serving_image import SERVERS


def test_an_address_has_the_regions_own_registry() -> None:
    address = serving_image.image("pytorch", Account("eu-south-1"))
    assert (
        address == "692866216735.dkr.ecr.eu-south-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ml.g4dn.xlarge", "gpu"), ("ml.p3.2xlarge", "gpu"), ("ml.m5.large", "cpu"), ("", "cpu")],
)
def test_machines_with_a_gpu_get_the_gpu_image(name: str, expected: str) -> None:
    assert f"-{expected}-" in serving_image.image("pytorch", Account("us-east-1"), name)


def test_the_accounts_own_image_takes_the_place_of_aws() -> None:
    account = Account(
        "us-east-1", inference_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1"
    )
    assert serving_image.image("ray", account, "ml.m5.large") == account.inference_image


def test_an_image_past_its_end_says_so() -> None:
    assert SERVERS["pytorch"].is_past_its_end
    note = serving_image.note("pytorch", Account("us-east-1"))
    assert "AWS stopped security patches for this image on 2026-06-30." in note
    assert "build your own image (docs/serving_image/README.md)" in note
    assert (settings.PROJECT / "docs" / "serving_image" / "README.md").is_file()
    own = Account("us-east-1", inference_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1")
    assert serving_image.note("pytorch", own) == f"Your own image: {own.inference_image}."
    assert not SERVERS["ray"].is_past_its_end


@pytest.mark.parametrize("region", ["us-east-1", "eu-south-2", "ap-southeast-7"])
@pytest.mark.parametrize("server", SERVERS)
def test_the_sdk_says_the_same(server: str, region: str) -> None:
    image_uris = pytest.importorskip(
        "sagemaker.core.image_uris", reason="the SageMaker SDK is not installed"
    )
    framework, version = SERVERS[server].sdk
    for machine in ("ml.m5.large", "ml.g5.xlarge"):
        asked = image_uris.retrieve(
            framework,
            region=region,
            version=version,
            instance_type=machine,
            image_scope="inference",
        )
        assert serving_image.image(server, Account(region), machine) == asked
