"""Pre-flight: each check against a wire that really refuses, and useful without any AWS at all."""

from __future__ import annotations

import functools
import json
import time

import pytest

from core.aws import account as accounts
from core.aws import connection, preflight, role_check
from core.aws.account import Account
from core.aws.checks import Check, Verdict
from core.aws.preflight import Wanted
from tests.patience import PATIENCE
from tests.sagemaker.asking import REGION, ROLE, Emulator

SMALL = Wanted("ml.m5.large", "training job")


def checked(account: Account, *wanted: Wanted) -> dict[str, Check]:
    client = functools.partial(connection.client, region=account.region or REGION)
    return {check.name: check for check in preflight.run(account, wanted, client, PATIENCE)}


def test_with_everything_there_nothing_is_bad(aws: Emulator) -> None:
    found = checked(accounts.load(), SMALL)
    assert list(found) == ["Credentials", "Region", "Role", "Bucket", "PassRole", "Quotas"]
    assert not [check for check in found.values() if check.verdict is Verdict.BAD], found
    for name in ("Credentials", "Region", "Role", "Bucket", "Quotas"):
        assert found[name].verdict is Verdict.GOOD, found[name]
    assert "123456789012" in found["Credentials"].found


def test_fault_46_without_credentials_it_is_useful_and_quick(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in connection.CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    found = checked(Account("eu-west-1"), SMALL)
    assert found["Credentials"].verdict is Verdict.BAD
    assert "Sign in on this machine" in found["Credentials"].fix
    assert "aws configure sso" in found["Credentials"].code
    assert found["Role"].verdict is Verdict.BAD
    assert (
        json.loads(found["Role"].code)["Statement"][0]["Principal"]["Service"]
        == "sagemaker.amazonaws.com"
    )
    assert "aws s3 mb" in found["Bucket"].code


def test_a_role_that_is_not_there_and_one_that_trusts_nobody(aws: Emulator) -> None:
    account = accounts.load()
    missing = checked(Account(REGION, "arn:aws:iam::123456789012:role/Nobody", account.bucket))
    assert missing["Role"].verdict is Verdict.BAD
    assert "no role Nobody" in missing["Role"].found
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam = aws.client("iam")
    iam.create_role(RoleName="OnlyEc2", AssumeRolePolicyDocument=json.dumps(trust))
    try:
        found = checked(Account(REGION, "arn:aws:iam::123456789012:role/OnlyEc2", account.bucket))[
            "Role"
        ]
        assert found.verdict is Verdict.BAD
        assert "SageMaker can't assume OnlyEc2" in found.found
    finally:
        iam.delete_role(RoleName="OnlyEc2")


def test_a_bucket_that_is_not_there_and_one_elsewhere(aws: Emulator) -> None:
    missing = checked(Account(REGION, ROLE, "fieldmark-nobody-made-this"))["Bucket"]
    assert missing.verdict is Verdict.BAD
    assert "aws s3 mb s3://fieldmark-nobody-made-this" in missing.code
    name = "fieldmark-in-ireland"
    aws.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    elsewhere = checked(Account(REGION, ROLE, name))["Bucket"]
    assert elsewhere.verdict is Verdict.BAD
    assert "eu-west-1" in elsewhere.found


def test_a_quota_of_zero_says_where_to_ask_for_more(aws: Emulator) -> None:
    found = checked(accounts.load(), Wanted("ml.p3.2xlarge", "training job"), SMALL)["Quotas"]
    assert found.verdict is Verdict.BAD
    assert "ml.p3.2xlarge for training job usage: 0" in found.found
    assert "console.aws.amazon.com/servicequotas" in found.code


def test_fault_46_denied_is_unsure_and_not_bad(aws: Emulator) -> None:
    aws.fault("denied", "ListServiceQuotas", times=5)
    found = checked(accounts.load(), SMALL)["Quotas"]
    assert found.verdict is Verdict.UNSURE
    assert "lack the permission" in found.found


def test_fault_49_without_a_network_it_gives_up_in_time(
    aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    start = time.monotonic()
    found = checked(accounts.load(), SMALL)
    assert time.monotonic() - start < PATIENCE, "it does not ask for ever"
    assert found["Credentials"].verdict is not Verdict.GOOD
    assert found["Region"].verdict is Verdict.GOOD


def test_fault_53_no_check_says_a_secret(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-token")
    assert "canary" not in str(checked(accounts.load(), SMALL))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Service": "sagemaker.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            },
            True,
        ),
        (
            {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": ["a", "sagemaker.amazonaws.com"]},
                        "Action": ["sts:AssumeRole"],
                    }
                ]
            },
            True,
        ),
        (
            {
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Principal": {"Service": "sagemaker.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ]
            },
            False,
        ),
        ({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}, False),
        ({}, False),
    ],
)
def test_trust_policies_of_every_form(document: dict[str, object], expected: bool) -> None:
    assert role_check.trusts(document) is expected
