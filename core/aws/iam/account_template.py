"""What an account needs, as one AWS CloudFormation template: a bucket, the role of the jobs, and
the policy of the person. Made from the policies that the page shows, so that they cannot differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from string import Template
from typing import Any

from core.aws.account import PREFIX
from core.aws.documents import Json
from core.aws.iam import policy

STACK = "fieldmark"
FILE = "fieldmark-account.json"
# What AWS fills in when the stack is made, for the names in the policies.
NAMES = {
    "REGION": "${AWS::Region}",
    "ACCOUNT": "${AWS::AccountId}",
    "ROLE": "${Role.Arn}",
    "BUCKET": "${Bucket}",
    "PREFIX": "${Prefix}",
    "PHOTOS": policy.PHOTOS,
}
# Made again when a job needs them; everything else stays until it is deleted.
FEATURES_DAYS = 180
UNFINISHED_DAYS = 7


def template() -> Json:
    """Return the template; the only parameter is the prefix of Fieldmark's objects."""
    documents = _documents()
    role, person = documents["role"], documents["person"]
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Fieldmark: a bucket, the role of its jobs, and the policy of who runs it",
        "Parameters": {
            "Prefix": {
                "Type": "String",
                "Default": PREFIX,
                "AllowedPattern": "[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*",
                "Description": "Where Fieldmark's objects lie in the bucket",
            }
        },
        "Resources": {
            "Bucket": _bucket(),
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": documents["trust"],
                    "Policies": [{"PolicyName": "Fieldmark", "PolicyDocument": role}],
                },
            },
            "Person": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "Description": "For the user or role that runs Fieldmark",
                    "PolicyDocument": person,
                },
            },
        },
        "Outputs": {
            "Region": {"Value": {"Ref": "AWS::Region"}},
            "RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
            "BucketName": {"Value": {"Ref": "Bucket"}},
            "PersonPolicyArn": {"Value": {"Ref": "Person"}},
        },
    }


def as_text() -> str:
    """Return the template as JSON."""
    return policy.as_text(template())


def command(region: str) -> str:
    """Return the shell command that makes the stack from the downloaded file."""
    return (
        f"aws cloudformation deploy --template-file {FILE} --stack-name {STACK} \\\n"
        f"  --capabilities CAPABILITY_IAM --region {region or '<region>'}\n"
        f"aws cloudformation describe-stacks --stack-name {STACK} \\\n"
        f"  --query 'Stacks[0].Outputs' --region {region or '<region>'}"
    )


def _bucket() -> Json:
    """Private, encrypted, kept when the stack is deleted."""
    closed = dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "PublicAccessBlockConfiguration": closed,
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "UnfinishedUploads",
                        "Status": "Enabled",
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
                    },
                    {
                        "Id": "OldFeatures",
                        "Status": "Enabled",
                        "Prefix": {"Fn::Sub": "${Prefix}/features/"},
                        "ExpirationInDays": FEATURES_DAYS,
                    },
                ]
            },
        },
    }


def _documents() -> dict[str, Json]:
    """Return the policies with what AWS fills in; without the statements about a bucket of photos,
    whose name only the person knows, and about a VPC, which the stack does not make."""
    found = json.loads(Template(policy.FILE.read_text()).substitute(NAMES))
    for document in found.values():
        document["Statement"] = [
            statement
            for statement in document["Statement"]
            if policy.PHOTOS not in json.dumps(statement) and statement.get("Sid") != policy.VPC_SID
        ]
    return {name: _substituted(document) for name, document in found.items()}


def _substituted(value: Any) -> Any:
    """Return the document with Fn::Sub around every text that AWS fills in."""
    if isinstance(value, Mapping):
        return {name: _substituted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_substituted(one) for one in value]
    if isinstance(value, str) and "${" in value:
        return {"Fn::Sub": value}
    return value
