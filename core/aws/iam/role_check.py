"""The checks of the role that jobs run as: set, existing, trusted, and allowed to be passed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from core.aws import errors
from core.aws.account import Account
from core.aws.checks import Check, MakeClient, Verdict, failed, short
from core.aws.iam import policy

ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]+)")
ASSUMED = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([\w+=,.@-]+)/.*")
SERVICE = "sagemaker.amazonaws.com"


def named(account: Account) -> Check:
    if ROLE_ARN.fullmatch(account.role_arn):
        return Check("Role", Verdict.GOOD, f"{account.role_arn}.")
    words = f"{account.role_arn} is not a role ARN."
    if not account.role_arn:
        words = "No role is set."
    fix = (
        "Jobs run as a role of your account. Create one in IAM for the service SageMaker, which "
        "gives it the trust policy below. Enter its ARN above, such as "
        "arn:aws:iam::<account>:role/<name>."
    )
    return Check("Role", Verdict.BAD, words, fix, policy.as_text(policy.trust(account)))


def is_there(account: Account, client: MakeClient) -> Check:
    """Check that the role exists and that SageMaker can assume it."""
    match = ROLE_ARN.fullmatch(account.role_arn)
    assert match
    try:
        role = client("iam").get_role(RoleName=match[2])["Role"]
    except Exception as error:
        if errors.is_missing(error) or errors.code_of(error) == errors.NO_ROLE:
            fix = (
                "Check its name, or create it in IAM for the service SageMaker, with this trust "
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
        return Check("Role", Verdict.GOOD, f"{match[2]} exists, and SageMaker can assume it.")
    words = f"SageMaker can't assume {match[2]}: its trust policy does not name {SERVICE}."
    return Check(
        "Role",
        Verdict.BAD,
        words,
        "In IAM, set the role's trust relationship to:",
        policy.as_text(policy.trust(account)),
    )


def trusts(document: Mapping[str, Any]) -> bool:
    """Return whether a trust policy allows SageMaker to assume the role."""
    return any(
        statement.get("Effect") == "Allow"
        and "sts:AssumeRole" in _each(statement.get("Action", []))
        and SERVICE in _services(statement)
        for statement in _each(document.get("Statement", []))
    )


def _services(statement: Mapping[str, Any]) -> list[Any]:
    """Return the services that a statement names."""
    principal = statement.get("Principal", {})
    if not isinstance(principal, Mapping):
        return []
    return _each(principal.get("Service", []))


def _each(value: Any) -> list[Any]:
    """Return the entries of a list in an IAM policy, where a single entry needs no list."""
    if isinstance(value, list):
        return value
    return [value]


def may_be_passed(account: Account, client: MakeClient, arn: str) -> Check:
    """Check that the user or role `arn` is allowed to pass the role to SageMaker."""
    statement = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": account.role_arn,
        "Condition": {"StringEquals": {"iam:PassedToService": SERVICE}},
    }
    source = ASSUMED.sub(r"arn:aws:iam::\1:role/\2", arn)
    if source.endswith(":root"):
        return Check("PassRole", Verdict.GOOD, "The account's root user can pass any role.")
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
        words = f"The permission to pass the role to SageMaker can't be checked ({short(error)})."
        fix = (
            "Jobs may work nevertheless. If a job fails with AccessDenied on iam:PassRole, add "
            "this statement to the policy of your user or role:"
        )
        return Check("PassRole", Verdict.UNSURE, words, fix, json.dumps(statement, indent=1))
    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    if decisions and all(decision == "allowed" for decision in decisions):
        return Check("PassRole", Verdict.GOOD, "You can pass the role to SageMaker.")
    if any(result.get("MissingContextValues") for result in answer["EvaluationResults"]):
        words = "Whether you can pass the role to SageMaker depends on a condition."
        fix = "Jobs may work nevertheless. If one fails on iam:PassRole, add this statement:"
        return Check("PassRole", Verdict.UNSURE, words, fix, json.dumps(statement, indent=1))
    fix = "Add this statement to the policy of your user or role:"
    return Check(
        "PassRole",
        Verdict.BAD,
        "You can't pass the role to SageMaker (iam:PassRole).",
        fix,
        json.dumps(statement, indent=1),
    )
