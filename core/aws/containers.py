"""AWS's container images by region, from a dated table that needs neither the network nor the SDK.

A test compares the table with the SageMaker SDK's own if that is installed.
"""

from __future__ import annotations

from core.aws import instances
from core.aws.account import Account
from core.errors import UserError

# From sagemaker-core 2.27.0 (2026-10-21), pytorch-amzn2023: PyTorch images with script mode.
TRAINING_VERSION = "2.14"
TRAINING_TAGS = {
    "cpu": f"{TRAINING_VERSION}-cpu-amzn2023-sagemaker",
    "gpu": f"{TRAINING_VERSION}-cu133-amzn2023-sagemaker",
}
USUAL_REGISTRY = "763104351884"
USUAL_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
REGISTRIES = {
    **dict.fromkeys(USUAL_REGIONS, USUAL_REGISTRY),
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-east-2": "975050140332",
    "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452",
    "ap-southeast-3": "907027046896",
    "ap-southeast-4": "457447274322",
    "ap-southeast-5": "550225433462",
    "ap-southeast-6": "633930458069",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "eu-central-2": "380420809688",
    "eu-south-1": "692866216735",
    "eu-south-2": "503227376785",
    "il-central-1": "780543022126",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
    "me-west-1": "124382933778",
    "mx-central-1": "637423239942",
}


def training(account: Account, instance_type: str) -> str:
    """Return the training image for this instance type.

    Raises UserError for a region without one.
    """
    if account.training_image:
        return account.training_image
    tag = TRAINING_TAGS["cpu"]
    if instances.has_gpu(instance_type):
        tag = TRAINING_TAGS["gpu"]
    return f"{registry(account.region)}/pytorch:{tag}"


def registry(region: str) -> str:
    """Return the registry, such as `763104351884.dkr.ecr.us-east-1.amazonaws.com`.

    Raises UserError for a region that is not in the table.
    """
    number = REGISTRIES.get(region)
    if number is None:
        raise UserError(
            f"No AWS image is known for the region {region}. Enter the address of an image on the "
            "AWS page.",
            field="region",
        )
    return f"{number}.dkr.ecr.{region}.amazonaws.com"
