"""Print what the SageMaker SDK knows of this account, as JSON: region, role, default bucket, and
the network and key of its defaults file (config.yaml).

    python -m core.aws.sdk_defaults

A program of its own, because the SDK takes seconds and 130 MB. It asks and creates nothing, unlike
the SDK's own `default_bucket`. `problems` says what it could not find out.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

# Where the defaults file has the values of an account, by field; the first that is there counts.
PLACES: Mapping[str, tuple[str, ...]] = {
    "role_arn": ("SageMaker.TrainingJob.RoleArn", "SageMaker.Model.ExecutionRoleArn"),
    "subnets": ("SageMaker.TrainingJob.VpcConfig.Subnets", "SageMaker.Model.VpcConfig.Subnets"),
    "security_groups": (
        "SageMaker.TrainingJob.VpcConfig.SecurityGroupIds",
        "SageMaker.Model.VpcConfig.SecurityGroupIds",
    ),
    "kms_key": (
        "SageMaker.TrainingJob.OutputDataConfig.KmsKeyId",
        "SageMaker.TrainingJob.ResourceConfig.VolumeKmsKeyId",
    ),
    "network_isolation": ("SageMaker.TrainingJob.EnableNetworkIsolation",),
    "bucket": ("SageMaker.PythonSDK.Modules.Session.DefaultS3Bucket",),
}


def main() -> None:
    """Print the defaults; whatever the SDK prints itself is not among them."""
    logging.disable(logging.INFO)
    with redirect_stdout(StringIO()):
        found = defaults()
    print(json.dumps(found))


def defaults() -> dict[str, Any]:
    """Return the fields of an account that are known, and `problems`, a reason for each other."""
    import boto3
    from sagemaker.core.config.config import load_sagemaker_config
    from sagemaker.core.helper import session_helper

    # boto3 itself reads only the second.
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    session, problems = boto3.Session(region_name=region), list[str]()
    file = _tried("The defaults file cannot be read", load_sagemaker_config, problems)
    found = {"region": session.region_name or "", **of_file(file or {})}
    sdk = _tried("AWS cannot be asked", lambda: session_helper.Session(session), problems)
    if sdk:
        asked: dict[str, tuple[str, Callable[[], Any]]] = {
            "role_arn": ("No role", lambda: session_helper.get_execution_role(sdk)),
            "bucket": ("No bucket", lambda: sdk.generate_default_sagemaker_bucket_name(session)),
        }
        for field in asked.keys() - found.keys():
            found[field] = _tried(*asked[field], problems) or ""
    return {**found, "problems": problems}


def _tried(what: str, ask: Callable[[], Any], problems: list[str]) -> Any:
    """Return the answer, or None with the reason among the problems, whatever the SDK raises."""
    try:
        return ask()
    except Exception as error:
        problems.append(f"{what}: {error}")
        return None


def of_file(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the SDK's defaults file has."""
    found = {}
    for field, places in PLACES.items():
        values = (_at(config, place) for place in places)
        value = next((one for one in values if one), None)
        if value:
            found[field] = value
    return found


def _at(config: Mapping[str, Any], place: str) -> Any:
    value: Any = config
    for part in place.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


if __name__ == "__main__":
    main()
