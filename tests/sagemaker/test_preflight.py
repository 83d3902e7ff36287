"""Pre-flight: each check against a wire that really refuses, and useful without any AWS at all."""

from __future__ import annotations

import dataclasses
import functools
import json
import time

import pytest

from core.aws import account as accounts
from core.aws import connection, preflight, quotas
from core.aws.account import Account
from core.aws.checks import Check, Verdict
from core.aws.iam import role_access, role_check
from core.aws.quotas import Wanted
from tests.patience import PATIENCE
from tests.sagemaker.asking import REGION, ROLE, Emulator

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.14-cpu-amzn2023-sagemaker"
SMALL = quotas.instances("ml.m5.large", "training job", image=IMAGE)


def checked(account: Account, *wanted: Wanted) -> dict[str, Check]:
    client = functools.partial(connection.client, region=account.region or REGION)
    return {check.name: check for check in preflight.run(account, wanted, client, PATIENCE)}


def test_with_everything_there_nothing_is_bad(aws: Emulator) -> None:
    found = checked(accounts.load(), SMALL)
    assert list(found) == [
        "Credentials",
        "Region",
        "Role",
        "Bucket",
        "PassRole",
        role_access.NAME,
        "Quotas",
    ]
    assert not [check for check in found.values() if check.verdict is Verdict.BAD], found
    for name in ("Credentials", "Region", "Role", "Bucket", role_access.NAME, "Quotas"):
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
    found = checked(accounts.load(), quotas.instances("ml.p3.2xlarge", "training job"), SMALL)[
        "Quotas"
    ]
    assert found.verdict is Verdict.BAD
    assert "ml.p3.2xlarge for training job usage: 0" in found.found
    assert "console.aws.amazon.com/servicequotas" in found.code


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        ("s3:GetObject", "can't read and write the bucket (s3:GetObject)"),
        ("s3:*", "can't list the bucket (s3:ListBucket); read and write the bucket (s3:GetObject"),
        ("logs:PutLogEvents", "can't write logs (logs:PutLogEvents)"),
        ("ecr:BatchGetImage", "can't pull pytorch from ECR (ecr:BatchGetImage)"),
    ],
)
def test_a_role_that_can_do_too_little(aws: Emulator, denied: str, words: str) -> None:
    with aws.settings(role_denied=[denied]):
        found = checked(accounts.load(), SMALL)
    assert found[role_access.NAME].verdict is Verdict.BAD
    assert words in found[role_access.NAME].found
    assert json.loads(found[role_access.NAME].code)["Statement"]
    assert found["Bucket"].verdict is Verdict.GOOD, "the person can"


def test_a_bucket_with_a_policy_of_its_own_may_allow_the_role(aws: Emulator) -> None:
    bucket = accounts.load().bucket
    aws.client("s3").put_bucket_policy(Bucket=bucket, Policy='{"Statement": []}')
    with aws.settings(role_denied=["s3:GetObject"]):
        found = checked(accounts.load(), SMALL)[role_access.NAME]
    assert found.verdict is Verdict.UNSURE
    assert "policy of the bucket" in found.fix


def test_the_key_is_asked_for_by_its_arn_and_its_own_policy_may_allow_it(aws: Emulator) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]
    account = dataclasses.replace(accounts.load(), kms_key=key["KeyId"])
    assert "use the KMS key" in checked(account)[role_access.NAME].found
    with aws.settings(role_denied=["kms:*"]):
        found = checked(account)[role_access.NAME]
    assert found.verdict is Verdict.UNSURE
    assert "kms:GenerateDataKey" in found.found
    assert [need.resource for need in role_access.needs(account, aws.client, [])][-1] == key["Arn"]


class Conditional:
    """An IAM whose answer depends on a condition that the simulation does not know."""

    def simulate_principal_policy(self, **asked: list[str]) -> dict[str, list[dict[str, object]]]:
        row = {"EvalDecision": "explicitDeny", "MissingContextValues": ["aws:SourceVpce"]}
        return {"EvaluationResults": [{**row, "EvalActionName": asked["ActionNames"][0]}]}


def test_a_denial_that_depends_on_a_condition_is_unsure() -> None:
    account = Account(REGION, ROLE, "photos")
    found = role_access.check(account, lambda _: Conditional())
    assert found.verdict is Verdict.UNSURE
    passed = role_check.may_be_passed(
        account, lambda _: Conditional(), "arn:aws:iam::123456789012:user/x"
    )
    assert passed.verdict is Verdict.UNSURE


def test_a_role_whose_permissions_nobody_may_ask_about_is_unsure(aws: Emulator) -> None:
    with aws.settings(denied=["iam:SimulatePrincipalPolicy"]):
        found = checked(accounts.load(), SMALL)[role_access.NAME]
    assert found.verdict is Verdict.UNSURE


def test_a_quota_without_an_applied_value_is_looked_up_among_the_defaults(aws: Emulator) -> None:
    gpu = quotas.instances("ml.g4dn.xlarge", "training job")
    with aws.settings(not_applied=[gpu.quota, SMALL.quota]):
        assert checked(accounts.load(), gpu)["Quotas"].verdict is Verdict.BAD
        assert checked(accounts.load(), SMALL)["Quotas"].verdict is Verdict.GOOD
    with aws.settings(not_listed=[gpu.quota]):
        assert checked(accounts.load(), gpu)["Quotas"].verdict is Verdict.UNSURE


def test_a_serverless_limit_that_is_not_listed_is_compared_with_new_accounts(aws: Emulator) -> None:
    large = quotas.Wanted(quotas.SERVERLESS_MEMORY, 4096)
    with aws.settings(not_listed=[large.quota]):
        found = checked(accounts.load(), large)["Quotas"]
    assert found.verdict is Verdict.UNSURE
    assert "New accounts have 3072, and 4096 are requested" in found.fix
    within = quotas.Wanted(quotas.SERVERLESS_MEMORY, 3072)
    assert checked(accounts.load(), within)["Quotas"].verdict is Verdict.GOOD


def test_a_bucket_that_answers_with_an_error_is_unsure(aws: Emulator) -> None:
    aws.fault("throttled", "PutObject", times=10, service="s3")
    assert checked(accounts.load())["Bucket"].verdict is Verdict.UNSURE


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
