"""Image addresses: the shipped table, its dates, and, where the SageMaker SDK is installed, that it says the same."""

from __future__ import annotations

import re

import pytest

from core.backends.sagemaker import images
from core.errors import UserError


def test_an_address_has_the_regions_own_registry() -> None:
    assert images.training("us-east-1", "ml.m5.large") == "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.14-cpu-amzn2023-sagemaker"
    assert images.serving("pytorch", "eu-south-1") == "692866216735.dkr.ecr.eu-south-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
    assert images.serving("ray", "cn-north-1", "ml.m5.large").startswith("727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/ray:")


@pytest.mark.parametrize(("name", "expected"), [("ml.g4dn.xlarge", "gpu"), ("ml.p3.2xlarge", "gpu"), ("ml.m5.large", "cpu"), ("", "cpu")])
def test_machines_with_a_gpu_get_the_gpu_image(name: str, expected: str) -> None:
    assert f"-{expected}-" in images.serving("pytorch", "us-east-1", name)


def test_where_the_newest_training_image_is_not_kept_an_older_one_is_taken() -> None:
    assert "pytorch-training:2.10.0" in images.training("us-gov-west-1", "ml.m5.large")


@pytest.mark.parametrize("name", ["ml.m6g.large", "ml.c7g.xlarge", "ml.m7gd.large"])
def test_graviton_is_refused_in_words(name: str) -> None:
    with pytest.raises(UserError, match="Graviton") as caught:
        images.serving("pytorch", "us-east-1", name)
    assert caught.value.field == "instance_type"


def test_an_image_past_its_end_says_so() -> None:
    assert images.SERVERS["pytorch"].is_past_its_end
    assert "no security patches from AWS since 2026-06-30" in images.SERVERS["pytorch"].note
    assert not images.SERVERS["ray"].is_past_its_end


@pytest.mark.parametrize("region", ["us-east-1", "eu-south-2", "ap-southeast-7", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("image", [images.TRAINING, images.TRAINING_ELSEWHERE, *images.SERVERS.values()], ids=lambda image: image.cpu)
def test_the_sdk_says_the_same(image: images.Image, region: str) -> None:
    image_uris = pytest.importorskip("sagemaker.core.image_uris", reason="the SageMaker SDK is not installed")
    if image is images.TRAINING and region in images._WITHOUT_NEWEST:
        pytest.skip(f"AWS does not keep this image in {region}")
    framework, version, scope = image.sdk
    for machine in ("ml.m5.large", "ml.g5.xlarge"):
        asked = image_uris.retrieve(framework, region=region, version=version, instance_type=machine, image_scope=scope)
        assert (
            images.address(image, region, machine) == re.sub(r"-ubuntu\S*$|-sagemaker$", "", asked)
            or images.address(image, region, machine) == asked
        )
