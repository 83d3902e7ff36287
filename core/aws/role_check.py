"""The checks of the role that jobs run as: whether it is named, there, trusted, may be passed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from core.aws import errors, policy
from core.aws.account import Account
from core.aws.checks import Check, MakeClient, Verdict, failed, short

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]+)")
ASSUMED = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([\w+=,.@-]+)/.*")
SERVICE = "sagemaker.amazonaws.com"


def named(account: Account) -> Check:
    if ROLE_ARN.fullmatch(account.role_arn):
        return Check("Role", Verdict.GOOD, f"{account.role_arn}.")
    words = f"{account.role_arn} is not the ARN of a role."
    if not account.role_arn:
        words = "No role is chosen."
    fix = (
        "Jobs run as a role of your account. Make one in IAM for the service SageMaker "
        "(it then has the trust policy below), and put its ARN above: "
        "arn:aws:iam::<account>:role/<name>."
    )
    return Check("Role", Verdict.BAD, words, fix, policy.as_text(policy.trust(account)))


def is_there(account: Account, client: MakeClient) -> Check:
    """Whether the role exists, and SageMaker may take it on."""
    match = ROLE_ARN.fullmatch(account.role_arn)
    assert match
    try:
        role = client("iam").get_role(RoleName=match[2])["Role"]
    except Exception as error:
        if errors.is_missing(error) or errors.code_of(error) == errors.NO_ROLE:
            fix = (
                "Check its name, or make it in IAM for the service SageMaker, with this trust "
                "policy:"
            )
            return Check(
                "Role",
                Verdict.BAD,
                f"There is no role {match[2]} in this account.",
                fix,
                policy.as_text(policy.trust(account)),
            )
        return failed("Role", error)
    document = role.get("AssumeRolePolicyDocument") or {}
    if isinstance(document, str):
        document = json.loads(unquote(document))
    if trusts(document):
        return Check("Role", Verdict.GOOD, f"{match[2]} exists, and SageMaker may take it on.")
    words = f"SageMaker may not take on {match[2]}: its trust policy does not name {SERVICE}."
    return Check(
        "Role",
        Verdict.BAD,
        words,
        "In IAM, under Trust relationships of the role, put:",
        policy.as_text(policy.trust(account)),
    )


def trusts(document: Mapping[str, Any]) -> bool:
    """Whether a trust policy lets SageMaker take the role on."""
    return any(
        statement.get("Effect") == "Allow"
        and "sts:AssumeRole" in _each(statement.get("Action", []))
        and SERVICE in _services(statement)
        for statement in _each(document.get("Statement", []))
    )


def _services(statement: Mapping[str, Any]) -> list[Any]:
    """The services that a statement is about."""
    principal = statement.get("Principal", {})
    if not isinstance(principal, Mapping):
        return []
    return _each(principal.get("Service", []))


def _each(value: Any) -> list[Any]:
    """The entries of a list in an IAM policy, which may write one thing without a list."""
    if isinstance(value, list):
        return value
    return [value]


def may_be_passed(account: Account, client: MakeClient, arn: str) -> Check:
    """Whether the one that `arn` names may hand the role to SageMaker."""
    statement = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": account.role_arn,
        "Condition": {"StringEquals": {"iam:PassedToService": SERVICE}},
    }
    source = ASSUMED.sub(r"arn:\1:iam::\2:role/\3", arn)
    if source.endswith(":root"):
        return Check("PassRole", Verdict.GOOD, "The account's root user may hand over any role.")
    try:
        answer = client("iam").simulate_principal_policy(
            PolicySourceArn=source,
            ActionNames=["iam:PassRole"],
            ResourceArns=[account.role_arn],
            ContextEntries=[
                {
                    "ContextKeyName": "iam:PassedToService",
                    "ContextKeyValues": [SERVICE],
                    "ContextKeyType": "string",
                }
            ],
        )
    except Exception as error:
        words = f"Whether you may hand the role to SageMaker can't be looked up ({short(error)})."
        fix = (
            "It may still work. If a job is refused with AccessDenied on iam:PassRole, add "
            "this to whoever you are signed in as:"
        )
        return Check("PassRole", Verdict.UNSURE, words, fix, json.dumps(statement, indent=1))
    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    if decisions and all(decision == "allowed" for decision in decisions):
        return Check("PassRole", Verdict.GOOD, "You may hand the role to SageMaker.")
    fix = "Add this statement to the policy of whoever you are signed in as:"
    return Check(
        "PassRole",
        Verdict.BAD,
        "You may not hand the role to SageMaker (iam:PassRole).",
        fix,
        json.dumps(statement, indent=1),
    )
