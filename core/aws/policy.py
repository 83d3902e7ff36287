"""The permissions that are needed, as IAM policies with the account's own names in them.

A test compares them with the calls made.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template
from typing import Any

from core.aws.account import Account

FILE = Path(__file__).with_name("policy.json")
VPC_SID, KEY_ACTIONS = (
    "RunInsideAVpc",
    ("kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:CreateGrant"),
)

# Datasets may come from any bucket, so only a person can say which.
PHOTOS = "<bucket of your photos>"


def person(account: Account) -> dict[str, Any]:
    """For whoever runs Fieldmark.

    The bucket to import photos from stands in it as PHOTOS, to be filled in by hand.
    """
    return _with_key(_filled(account)["person"], account)


def role(account: Account) -> dict[str, Any]:
    """For the role that jobs and endpoints run as; VPC permissions only where there is one."""
    found = _filled(account)["role"]
    found["Statement"] = [
        statement
        for statement in found["Statement"]
        if account.subnets or statement["Sid"] != VPC_SID
    ]
    return _with_key(found, account)


def trust(account: Account) -> dict[str, Any]:
    """The role's trust policy: who may take it on."""
    return dict(_filled(account)["trust"])


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2)


def _filled(account: Account) -> dict[str, Any]:
    """The file with the account's names; what is not known yet stands as `<bucket>`, to be filled
    in by hand."""
    number = re.search(r"::(\d{12}):", account.role_arn)
    region = account.region or "<region>"
    values = {
        "PARTITION": "aws-cn"
        if region.startswith("cn-")
        else "aws-us-gov"
        if region.startswith("us-gov-")
        else "aws",
        "REGION": region,
        "ACCOUNT": number[1] if number else "<account>",
        "ROLE": account.role_arn or "arn:aws:iam::<account>:role/<role>",
        "BUCKET": account.bucket or "<bucket>",
        "PREFIX": account.prefix,
        "PHOTOS": PHOTOS,
    }
    return dict(json.loads(Template(FILE.read_text()).substitute(values)))


def _with_key(document: dict[str, Any], account: Account) -> dict[str, Any]:
    if account.kms_key:
        key = account.kms_key if account.kms_key.startswith("arn:") else "*"
        document["Statement"].append(
            {"Sid": "UseTheKey", "Effect": "Allow", "Action": list(KEY_ACTIONS), "Resource": [key]}
        )
    return document
