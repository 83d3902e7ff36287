"""The required permissions, as IAM policies filled in with the account's names.

A test compares them with the AWS calls in the code.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template

from core.aws.account import Account
from core.aws.documents import Json

FILE = Path(__file__).with_name("policy.json")
VPC_SID = "RunInsideAVpc"
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:CreateGrant")
# Datasets may come from any bucket, so a person fills it in.
PHOTOS = "<bucket of your photos>"


def person(account: Account) -> Json:
    """Return the policy of the user or role that runs Fieldmark.

    PHOTOS stands for the bucket to import photos from, to be filled in by hand.
    """
    return _with_key(_filled(account)["person"], account)


def role(account: Account) -> Json:
    """Return the policy of the role that jobs and endpoints run as; with VPC permissions only if
    the account has a VPC."""
    found = _filled(account)["role"]
    found["Statement"] = [
        statement
        for statement in found["Statement"]
        if account.subnets or statement["Sid"] != VPC_SID
    ]
    return _with_key(found, account)


def trust(account: Account) -> Json:
    """Return the role's trust policy, which allows SageMaker to assume it."""
    return dict(_filled(account)["trust"])


def as_text(document: Json) -> str:
    return json.dumps(document, indent=2)


def _filled(account: Account) -> Json:
    """Return the policies with the account's names; unknown names are placeholders such as
    `<bucket>`, to be filled in by hand."""
    region = account.region or "<region>"
    values = {
        "REGION": region,
        "ACCOUNT": _number(account.role_arn) or "<account>",
        "ROLE": account.role_arn or "arn:aws:iam::<account>:role/<role>",
        "BUCKET": account.bucket or "<bucket>",
        "PREFIX": account.prefix,
        "PHOTOS": PHOTOS,
    }
    return dict(json.loads(Template(FILE.read_text()).substitute(values)))


def _number(role_arn: str) -> str:
    """Return the account number in the ARN of a role, or ''."""
    match = re.search(r"::(\d{12}):", role_arn)
    if match is None:
        return ""
    return match[1]


def _with_key(document: Json, account: Account) -> Json:
    if account.kms_key:
        # An alias is not a resource in a policy.
        key = "*"
        if account.kms_key.startswith("arn:"):
            key = account.kms_key
        document["Statement"].append(
            {"Sid": "UseTheKey", "Effect": "Allow", "Action": list(KEY_ACTIONS), "Resource": [key]}
        )
    return document
