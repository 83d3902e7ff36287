"""The CloudFormation template: its policies are the page's, and a stack of it is an account that works."""

from __future__ import annotations

import ast
import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from core.aws import account as accounts
from core.aws.account import Account
from core.aws.iam import account_template, policy
from tests.sagemaker.test_aws_page import page

REGION = "eu-central-1"


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The outputs of a stack that was made of the template, while its account is there."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("cloudformation", region_name=REGION)
        client.create_stack(
            StackName=account_template.STACK,
            TemplateBody=account_template.as_text(),
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = client.describe_stacks(StackName=account_template.STACK)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        yield {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def test_a_stack_is_an_account_with_the_policies_of_the_page(outputs: dict[str, str]) -> None:
    account = Account(
        region=outputs["Region"], role_arn=outputs["RoleArn"], bucket=outputs["BucketName"]
    )
    accounts.check(account)
    assert account.is_set_up
    iam = boto3.client("iam", region_name=REGION)
    name = account.role_arn.rpartition("/")[2]
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == policy.trust(account)
    made = iam.get_role_policy(RoleName=name, PolicyName="Fieldmark")["PolicyDocument"]
    # moto keeps it as Python's text of it.
    assert ast.literal_eval(str(made)) == policy.role(account)
    arn = outputs["PersonPolicyArn"]
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    person = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    expected = policy.person(account)
    expected["Statement"] = [
        one for one in expected["Statement"] if policy.PHOTOS not in json.dumps(one)
    ]
    assert person == expected


def test_the_bucket_is_private_encrypted_and_kept(outputs: dict[str, str]) -> None:
    buckets = boto3.client("s3", region_name=REGION).list_buckets()["Buckets"]
    assert outputs["BucketName"] in {bucket["Name"] for bucket in buckets}
    # moto makes the bucket without its properties.
    made = account_template.template()["Resources"]["Bucket"]
    assert made["DeletionPolicy"] == made["UpdateReplacePolicy"] == "Retain"
    properties = made["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert set(rules) == {"UnfinishedUploads", "OldFeatures"}
    assert rules["OldFeatures"]["Prefix"] == {"Fn::Sub": "${Prefix}/features/"}


def test_the_page_offers_the_template_and_the_command() -> None:
    app = page("Permissions")
    shown = "\n".join(block.value for block in app.code)
    assert account_template.STACK in shown
    assert "aws cloudformation deploy" in shown
