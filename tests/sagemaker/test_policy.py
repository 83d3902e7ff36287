"""The IAM policy that the project ships allows what the code asks of AWS, and nothing besides."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from botocore import xform_name
from botocore.session import get_session

from core import settings
from core.aws.account import Account
from core.aws.iam import policy

ACCOUNT = Account("eu-west-1", "arn:aws:iam::123456789012:role/jobs/Fieldmark", "my-photos")
SERVICES = {
    "sagemaker": "sagemaker",
    "sagemaker-runtime": "sagemaker",
    "logs": "logs",
    "cloudwatch": "cloudwatch",
    "sts": "sts",
    "iam": "iam",
    "service-quotas": "servicequotas",
    "pricing": "pricing",
    "application-autoscaling": "application-autoscaling",
}
# S3's actions are not named after its calls.
S3 = {
    "head_object": {"s3:GetObject"},
    "get_object": {"s3:GetObject"},
    "download_fileobj": {"s3:GetObject"},
    "download_file": {"s3:GetObject"},
    "put_object": {"s3:PutObject"},
    "upload_file": {"s3:PutObject", "s3:AbortMultipartUpload"},
    "upload_fileobj": {"s3:PutObject", "s3:AbortMultipartUpload"},
    "copy_object": {"s3:GetObject", "s3:PutObject"},
    "copy": {"s3:GetObject", "s3:PutObject"},
    "delete_object": {"s3:DeleteObject"},
    "delete_objects": {"s3:DeleteObject"},
    "list_objects_v2": {"s3:ListBucket"},
    "head_bucket": {"s3:ListBucket"},
    "get_bucket_policy": {"s3:GetBucketPolicy"},
}
CORE = settings.PROJECT / "core"
# Python's own words that are also operations: re.search.
NOT_AWS = {"search"}
# What AWS checks besides the call itself, and what no call of ours is named after.
BESIDES = {
    # AWS makes this call in the name of who lets an endpoint grow.
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    "iam:PassRole",
    "sagemaker:AddTags",
    "s3:GetBucketLocation",
    "iam:CreateServiceLinkedRole",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:DeleteAlarms",
}


def operations() -> dict[str, str]:
    """boto3's method names of all services but S3, and the IAM action of each."""
    session = get_session()
    return {
        xform_name(operation): f"{prefix}:{operation}"
        for service, prefix in SERVICES.items()
        for operation in session.get_service_model(service).operation_names
    }


def names_used(path: Path) -> Iterator[str]:
    """Yield every method called or handed on, and every text: a paginator is named by one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def asked_for() -> set[str]:
    known, found = operations(), set()
    for path in [*(CORE / "backends" / "sagemaker").rglob("*.py"), *(CORE / "aws").rglob("*.py")]:
        for name in names_used(path):
            found |= {known[name]} if name in known and name not in NOT_AWS else set()
            found |= S3.get(name, set()) if name != "copy" or path.name == "storage.py" else set()
    return found


def allowed(document: dict[str, list[dict[str, list[str]]]]) -> set[str]:
    return {action for statement in document["Statement"] for action in statement["Action"]}


def test_the_policy_allows_every_call_that_the_code_makes() -> None:
    assert asked_for() - allowed(policy.person(ACCOUNT)) == set()


def test_the_policy_allows_nothing_that_the_code_does_not_need() -> None:
    assert allowed(policy.person(ACCOUNT)) - asked_for() - BESIDES == set()


def test_what_changes_or_deletes_is_limited_to_names_of_ours() -> None:
    for statement in policy.person(ACCOUNT)["Statement"]:
        changing = [
            action
            for action in statement["Action"]
            if action.split(":")[1].startswith(("Create", "Delete", "Stop", "Put"))
        ]
        if statement["Sid"] == "GrowEndpoints" or not changing:
            continue
        assert "*" not in statement["Resource"], statement["Sid"]
        named = (
            "fm-*",
            f"{ACCOUNT.prefix}/*",
            "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/*",
        )
        assert all(resource.endswith(named) for resource in statement["Resource"]), statement["Sid"]


def test_the_accounts_own_names_stand_in_it() -> None:
    text = json.dumps([policy.person(ACCOUNT), policy.role(ACCOUNT), policy.trust(ACCOUNT)])
    assert "$" not in text
    for name in (
        ACCOUNT.role_arn,
        "arn:aws:s3:::my-photos/fieldmark/*",
        ":eu-west-1:123456789012:endpoint/fm-*",
        "sagemaker.amazonaws.com",
    ):
        assert name in text


def test_what_is_not_known_yet_is_left_to_be_filled_in() -> None:
    text = policy.as_text(policy.person(Account()))
    assert "<bucket>" in text
    assert "<account>" in text


def test_vpc_and_key_are_allowed_only_where_they_are_used() -> None:
    closed = Account(
        "eu-west-1",
        ACCOUNT.role_arn,
        "b",
        subnets=("subnet-1",),
        security_groups=("sg-1",),
        kms_key="arn:aws:kms:eu-west-1:1:key/k",
    )
    assert "ec2:CreateNetworkInterface" in allowed(policy.role(closed))
    assert "ec2:CreateNetworkInterface" not in allowed(policy.role(ACCOUNT))
    assert "kms:Decrypt" in allowed(policy.person(closed))
    assert not any(action.startswith("kms:") for action in allowed(policy.person(ACCOUNT)))
