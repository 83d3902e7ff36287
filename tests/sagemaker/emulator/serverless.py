"""What serverless endpoints cannot have, as AWS's page "Deploy models with Amazon SageMaker Serverless Inference" lists it."""

from __future__ import annotations

from tests.sagemaker.emulator import images
from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.models import Models
from tests.sagemaker.emulator.world import Record

STEP_MB = 1024


def check(config: Record, models: Models) -> None:
    """ApiError for an endpoint configuration with a serverless variant that can't be."""
    variants = config["ProductionVariants"]
    serverless = [variant for variant in variants if "ServerlessConfig" in variant]
    if not serverless:
        return
    if len(variants) > 1:
        _refuse("multiple production variants")
    if config.get("DataCaptureConfig", {}).get("EnableCapture", "DataCaptureConfig" in config):
        _refuse("data capture")
    if config.get("KmsKeyId"):
        raise invalid("KmsKeyId is not supported for serverless endpoints: they have no volume.")
    for variant in serverless:
        _check_size(variant["ServerlessConfig"])
        _check_model(models, variant["ModelName"])


def _check_size(config: Record) -> None:
    if config["MemorySizeInMB"] % STEP_MB:
        raise invalid("MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120 and 6144.")
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise invalid("ProvisionedConcurrency must be less than or equal to MaxConcurrency.")


def _check_model(models: Models, name: str) -> None:
    model, container = models.row(name), models.container(name)
    if model.get("VpcConfig"):
        _refuse("a VPC configuration")
    if model["EnableNetworkIsolation"]:
        _refuse("network isolation")
    if container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc":
        _refuse("an image from a private Docker registry")
    if images.is_gpu(container["Image"]):
        _refuse("an image for GPUs")


def _refuse(what: str) -> None:
    raise invalid(f"Serverless endpoints do not support {what}.")
