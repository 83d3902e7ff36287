"""The CloudFormation template: its stack holds the bucket, the role and the policies of policy.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
import yaml
from moto import mock_aws

from core.aws.account import Account
from core.aws.iam import policy, template
from tests.sagemaker.test_aws_page import page, text

REGION = "eu-west-1"
PHOTOS = "many-photos"
# IAM refuses a longer managed policy; white space is not counted.
LONGEST_POLICY = 6144
LONGEST_TEMPLATE = 51_200


@pytest.fixture
def aws_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


def create(**parameters: str) -> dict[str, str]:
    """Create the stack and return its outputs."""
    client = boto3.client("cloudformation", REGION)
    client.create_stack(
        StackName=template.STACK,
        TemplateBody=json.dumps(template.document(Account(prefix="birds/2026"))),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    )
    stack = client.describe_stacks(StackName=template.STACK)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def account_of(outputs: dict[str, str]) -> Account:
    subnets = ("subnet-0123456789abcdef0",)
    return Account(
        outputs["Region"], outputs["Role"], outputs["Bucket"], outputs["Prefix"], subnets
    )


def as_document(found: Any) -> dict[str, Any]:
    """Return a policy; moto gives some as JSON and some as Python text, which are both YAML."""
    if isinstance(found, str):
        return dict(yaml.safe_load(unquote(found)))
    return dict(found)


def statements(*documents: dict[str, Any]) -> list[dict[str, Any]]:
    found = [statement for document in documents for statement in document["Statement"]]
    return sorted(found, key=lambda statement: str(statement["Sid"]))


def managed() -> list[dict[str, Any]]:
    """Every managed policy of the account."""
    iam = boto3.client("iam")
    return [
        as_document(
            iam.get_policy_version(PolicyArn=each["Arn"], VersionId=each["DefaultVersionId"])[
                "PolicyVersion"
            ]["Document"]
        )
        for each in iam.list_policies(Scope="Local")["Policies"]
    ]


def inline(role_arn: str) -> list[dict[str, Any]]:
    iam, name = boto3.client("iam"), role_arn.rsplit("/", 1)[1]
    return [
        as_document(iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"])
        for each in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]


@pytest.mark.usefixtures("aws_account")
def test_the_stack_allows_what_the_permissions_view_shows() -> None:
    outputs = create(PhotosBucket=PHOTOS, UseVpc="yes")
    account = account_of(outputs)
    person = json.loads(json.dumps(policy.person(account)).replace(policy.PHOTOS, PHOTOS))
    assert statements(*managed()) == statements(person)
    assert statements(*inline(account.role_arn)) == statements(policy.role(account))
    role = boto3.client("iam").get_role(RoleName=account.role_arn.rsplit("/", 1)[1])["Role"]
    assert as_document(role["AssumeRolePolicyDocument"]) == policy.trust(account)


@pytest.mark.usefixtures("aws_account")
def test_without_a_bucket_of_photos_and_a_vpc_their_statements_are_left_out() -> None:
    outputs = create()
    assert outputs["Prefix"] == "birds/2026"
    users = {statement["Sid"] for statement in statements(*managed())}
    assert users
    assert not users & set(template.PHOTOS_SIDS)
    jobs = {statement["Sid"] for statement in statements(*inline(outputs["Role"]))}
    assert jobs
    assert policy.VPC_SID not in jobs


@pytest.mark.usefixtures("aws_account")
def test_the_bucket_is_encrypted_and_named_after_account_and_region() -> None:
    bucket, s3 = create()["Bucket"], boto3.client("s3", REGION)
    assert bucket == f"fieldmark-123456789012-{REGION}"
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_the_bucket_is_not_public_and_loses_only_interrupted_uploads() -> None:
    """Moto's stacks leave both settings out, so the template is read."""
    bucket = template.document(Account())["Resources"]["Bucket"]
    blocked = bucket["Properties"]["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4
    assert all(blocked.values())
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": template.UPLOAD_DAYS}
    assert not [name for name in rule if "Expiration" in name]
    assert bucket["DeletionPolicy"] == "Retain"


def test_the_template_follows_the_schema_of_cloudformation() -> None:
    from cfnlint import api

    found = api.lint_all(policy.as_text(template.document(Account())))
    # Rules whose names begin with I are advice.
    assert [str(match) for match in found if not match.rule.id.startswith("I")] == []


@pytest.mark.usefixtures("aws_account")
def test_the_policies_and_the_template_fit_into_the_limits_of_aws() -> None:
    create(PhotosBucket=PHOTOS, UseVpc="yes")
    for document in managed():
        assert len(json.dumps(document, separators=(",", ":"))) <= LONGEST_POLICY
    assert len(policy.as_text(template.document(Account()))) <= LONGEST_TEMPLATE


def test_the_account_view_offers_the_template_and_its_commands(home: object) -> None:
    app = page("Account")
    assert not app.exception
    assert "creates the bucket" in text(app)
    assert any("aws cloudformation deploy" in code.value for code in app.code)
    assert [button.label for button in app.get("download_button")] == ["Download template"]
