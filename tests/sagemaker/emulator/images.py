"""Container images: which of them can be pulled, and what they are good for."""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

from tests.sagemaker.emulator import machines
from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.permissions import Permissions
from tests.sagemaker.emulator.storage import Storage
from tests.sagemaker.emulator.world import ACCOUNT, REGION, Record

AWS_REGISTRY = "763104351884"
# Repositories of AWS's registry, with the form of their tags: enough to tell a slip from an image.
AWS_TAGS = {
    "pytorch": r"2\.\d+-(cpu|cu\d+)-amzn2023(-sagemaker)?",
    "pytorch-training": r"[12]\.\d+(\.\d)?-(cpu|gpu)-py3\d+(-cu\d+)?(-ubuntu\d\d\.\d\d(-sagemaker)?)?",
    "pytorch-inference": r"[12]\.\d+(\.\d)?-(cpu|gpu)-py3\d+(-cu\d+)?(-ubuntu\d\d\.\d\d(-sagemaker)?)?",
    "pytorch-inference-arm64": r"2\.\d+(\.\d)?-cpu-py3\d+(-ubuntu\d\d\.\d\d(-sagemaker)?)?",
    "ray": r"serve-ml-sagemaker-(cpu|cuda)-v\d\.\d",
}
PULLS = "ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer"
_ADDRESS = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)(?::(.+)|@.+)?")


class Images:
    def __init__(self, storage: Storage, permissions: Permissions) -> None:
        self._storage, self._permissions = storage, permissions

    def for_training(self, specification: Record, role: str) -> None:
        """ApiError for an image that a training job can't have. A tag is looked at when it is pulled."""
        uri = specification["TrainingImage"]
        if not _ADDRESS.fullmatch(uri):
            raise invalid(
                "TrainingImageConfig with TrainingRepositoryAccessMode set to VPC must be provided when using a training image from a "
                "private Docker registry. Please provide TrainingImageConfig and TrainingRepositoryAccessMode set to VPC when using a "
                "training image from a private Docker registry."
            )
        self._check(uri, role)

    def for_model(self, container: Record, role: str) -> None:
        """ApiError for an image that a model can't have."""
        uri = container.get("Image", "")
        if container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc":
            return
        if not _ADDRESS.fullmatch(uri):
            raise invalid(
                f'Using non-ECR image "{uri}" without Vpc repository access mode is not supported.'
            )
        self._check(uri, role)
        if not self.is_there(uri):
            raise invalid(f"Requested image {uri} not found.")

    def _check(self, uri: str, role: str) -> None:
        registry, region, repository, _ = _parts(uri)
        if region != REGION:
            raise invalid(
                f"Invalid image URI {uri}: the image's Amazon ECR repository must be in the region {REGION} of the request."
            )
        where = f"repository: {repository} in registry ID: {registry}"
        if not self._permissions.allowed("ecr:BatchGetImage", role):
            raise invalid(
                f"Access denied for {where}. Please check if your ECR repository and image exist and role {role} has proper pull "
                f"permissions for SageMaker: {PULLS}"
            )
        if self._tags(registry, repository) is None:
            raise invalid(
                f"Cannot find {where} Please check if your ECR repository exists and role {role} has proper pull permissions for "
                f"SageMaker: {PULLS}"
            )

    def is_there(self, uri: str) -> bool:
        """Return whether an image with this tag can be pulled."""
        registry, _, repository, tag = _parts(uri)
        pattern = self._tags(registry, repository)
        return pattern is not None and (not tag or re.fullmatch(pattern, tag) is not None)

    def _tags(self, registry: str, repository: str) -> str | None:
        """Return the pattern of a repository's tags, None if there is no such repository."""
        if registry == AWS_REGISTRY:
            return AWS_TAGS.get(repository)
        if registry != ACCOUNT:
            return None
        try:
            found = self._storage.client("ecr").describe_images(repositoryName=repository)
        except ClientError:
            return None
        tags = [tag for image in found["imageDetails"] for tag in image.get("imageTags", [])]
        return "|".join(map(re.escape, tags)) or "(?!)"


def why_it_cannot_start(uri: str, entry: Record) -> str:
    """Return why the container of a variant does not start on its instance type; empty if it does."""
    kind, (registry, _, repository, _) = entry.get("InstanceType", ""), _parts(uri)
    if not kind or registry != AWS_REGISTRY:
        return ""
    old_driver = repository == "ray" and is_gpu(uri) and "InferenceAmiVersion" not in entry
    if machines.is_arm(kind) == ("arm64" in repository) and not old_driver:
        return ""
    return (
        f"CannotStartContainerError. Please ensure the model container for variant {entry['VariantName']} starts correctly when "
        "invoked with 'docker run <image> serve'"
    )


def is_gpu(uri: str) -> bool:
    """Return whether the tag says that the image is for GPUs."""
    return re.search(r"gpu|cuda|-cu\d", _parts(uri)[3]) is not None


def serves_with_torchserve(uri: str) -> bool:
    return _parts(uri)[2].startswith("pytorch-inference")


def _parts(uri: str) -> tuple[str, str, str, str]:
    """Return registry, region, repository and tag; empty if the image is from another registry."""
    found = _ADDRESS.fullmatch(uri)
    return (found[1], found[2], found[3], found[4] or "") if found else ("", "", "", "")
