"""The CloudFormation template that sets up an account: bucket, role and the person's policy.

It is made from policy.json, so that the stack allows what the Permissions view shows.
"""

from __future__ import annotations

import json
import shlex
from string import Template

from core.aws.account import Account
from core.aws.documents import Json
from core.aws.iam import policy

FILE_NAME = "fieldmark-account.json"
STACK = "fieldmark"
# Parts of an upload that was interrupted are billed until somebody removes them.
UPLOAD_DAYS = 7
PHOTOS_SIDS = ("ListPhotosToImport", "ReadPhotosToImport")
_VALUES = {
    "REGION": "${AWS::Region}",
    "ACCOUNT": "${AWS::AccountId}",
    "ROLE": "${Role.Arn}",
    "BUCKET": "${Bucket}",
    "PREFIX": "${Prefix}",
    "PHOTOS": "${PhotosBucket}",
}


def document(account: Account) -> Json:
    """Return the template; the prefix of the account is the default of its parameter.

    The bucket survives the deletion of the stack, because it holds datasets and models.
    """
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Fieldmark: the bucket, the role of its jobs, and the policy of its users.",
        "Parameters": _parameters(account),
        "Conditions": {
            "ImportsPhotos": {"Fn::Not": [{"Fn::Equals": [{"Ref": "PhotosBucket"}, ""]}]},
            "UsesVpc": {"Fn::Equals": [{"Ref": "UseVpc"}, "yes"]},
        },
        "Resources": _resources(),
        "Outputs": {
            "Region": {"Value": {"Ref": "AWS::Region"}},
            "Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
            "Bucket": {"Value": {"Ref": "Bucket"}},
            "Prefix": {"Value": {"Ref": "Prefix"}},
            "UserPolicy": {"Value": {"Ref": "UserPolicy"}},
        },
    }


def command(region: str) -> str:
    """Return the shell commands that create the stack and print the values for the form."""
    where = f"--stack-name {STACK} --region {shlex.quote(region or '<region>')}"
    return (
        f"aws cloudformation deploy --template-file {FILE_NAME} {where} \\\n"
        "    --capabilities CAPABILITY_IAM\n"
        f"aws cloudformation describe-stacks {where} \\\n"
        '    --query "Stacks[0].Outputs" --output table'
    )


def _parameters(account: Account) -> Json:
    return {
        "Prefix": {
            "Type": "String",
            "Default": account.prefix,
            "AllowedPattern": "[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*",
            "Description": "Fieldmark stores all its objects below this prefix of the bucket.",
        },
        "PhotosBucket": {
            "Type": "String",
            "Default": "",
            "Description": "A bucket to import photos from; empty for none.",
        },
        "UseVpc": {
            "Type": "String",
            "Default": "no",
            "AllowedValues": ["yes", "no"],
            "Description": "Whether jobs run inside a VPC.",
        },
    }


def _resources() -> Json:
    policies = json.loads(Template(policy.FILE.read_text()).substitute(_VALUES))
    users, photos = _parted(policies["person"], PHOTOS_SIDS)
    jobs, vpc = _parted(policies["role"], (policy.VPC_SID,))
    role = {
        "AssumeRolePolicyDocument": policies["trust"],
        "Policies": [{"PolicyName": "Fieldmark", "PolicyDocument": jobs}],
    }
    inside = {"PolicyName": "FieldmarkVpc", "PolicyDocument": vpc, "Roles": [{"Ref": "Role"}]}
    return {
        "Bucket": _bucket(),
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "VpcPolicy": {"Type": "AWS::IAM::Policy", "Condition": "UsesVpc", "Properties": inside},
        "UserPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": users},
        },
        "PhotosPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Condition": "ImportsPhotos",
            "Properties": {"PolicyDocument": photos},
        },
    }


def _bucket() -> Json:
    upload = {
        "Id": "RemoveInterruptedUploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
    }
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketName": {"Fn::Sub": "fieldmark-${AWS::AccountId}-${AWS::Region}"},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "PublicAccessBlockConfiguration": dict.fromkeys(blocked, True),
            "LifecycleConfiguration": {"Rules": [upload]},
        },
    }


def _parted(document: Json, sids: tuple[str, ...]) -> tuple[Json, Json]:
    """Return the policy without the statements `sids`, and the policy of those alone."""
    parts: tuple[list[Json], list[Json]] = ([], [])
    for statement in document["Statement"]:
        resources = [_sub(resource) for resource in statement["Resource"]]
        parts[statement["Sid"] in sids].append({**statement, "Resource": resources})
    first, second = ({"Version": document["Version"], "Statement": part} for part in parts)
    return first, second


def _sub(resource: str) -> str | Json:
    """Let CloudFormation fill in the names of a resource that has some."""
    if "${" in resource:
        return {"Fn::Sub": resource}
    return resource
