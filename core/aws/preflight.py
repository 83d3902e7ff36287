"""Looks, before anything costs money, whether a job could start: each check with what it found and,
in words, what to do about it.

The checks that need AWS run side by side and are given up after SECONDS; those that need only the
settings come at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from core.aws import policy
from core.aws.account import Account

SECONDS = 12.0
ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]+)")
ASSUMED = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([\w+=,.@-]+)/.*")
SERVICE = "sagemaker.amazonaws.com"
NO_CREDENTIALS = (
    "Sign in on this machine: run `aws configure sso` or `aws configure`, or set "
    "AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, and start the app again. Fieldmark never asks for keys and keeps none."
)
EXPIRED = (
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "AuthFailure",
)
DENIED = (
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "403",
    "AccessDeniedError",
)
MISSING = ("404", "NoSuchBucket", "NotFound", "NoSuchEntity")

MakeClient = Callable[[str], Any]


class Verdict(StrEnum):
    """How a check came out. UNSURE: it could not be told, and a job may well start."""

    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Check:
    """One check: what it found, and what to do where that is not good.

    `code` is something to copy, as a policy.
    """

    name: str
    verdict: Verdict
    found: str
    fix: str = ""
    code: str = ""


@dataclass(frozen=True)
class Wanted:
    """What a job would ask for.

    `usage` is a word of the quota's name: training job, spot training job, transform job or
    endpoint.
    """

    instance_type: str
    usage: str
    count: int = 1

    @property
    def quota(self) -> str:
        return f"{self.instance_type} for {self.usage} usage"


def settings_only(account: Account) -> list[Check]:
    """The checks that need no network: region, and whether role and bucket are named as such."""
    return [_region(account), _role_named(account), _bucket_named(account)]


def run(
    account: Account, wanted: Sequence[Wanted], client: MakeClient, seconds: float = SECONDS
) -> list[Check]:
    """Every check, in the order they are shown.

    `client` gives boto3's client of a service. Takes at most about `seconds`.
    """
    local = settings_only(account)
    pool = ThreadPoolExecutor(8)
    try:
        caller: dict[str, str] = {}
        credentials = _answered("Credentials", pool.submit(_credentials, client, caller), seconds)
        if not caller:
            return [credentials, *local]
        tasks: dict[str, Callable[[], Check]] = {}
        if local[1].verdict is Verdict.GOOD:
            tasks["Role"] = lambda: _role(account, client)
            tasks["PassRole"] = lambda: _pass_role(account, client, caller["Arn"])
        if account.region and local[2].verdict is Verdict.GOOD:
            tasks["Bucket"] = lambda: _bucket(account, client)
        if account.region and wanted:
            tasks["Quotas"] = lambda: _quotas(account, client, wanted)
        futures = {name: pool.submit(task) for name, task in tasks.items()}
        wait(futures.values(), timeout=seconds)
        made = {name: _answered(name, future, 0) for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    named = {"Region": local[0], "Role": local[1], "Bucket": local[2]}
    return [credentials, *({**named, **made}.values())]


def _answered(name: str, future: Future[Check], seconds: float) -> Check:
    try:
        return future.result(timeout=seconds)
    except TimeoutError:
        return Check(
            name,
            Verdict.UNSURE,
            f"AWS did not answer within {SECONDS:.0f} s.",
            "Check this machine's network, then look again.",
        )
    except Exception as error:
        return _failed(name, error)


def _failed(name: str, error: Exception) -> Check:
    code = _code(error)
    if code in DENIED:
        words = f"These credentials may not look at this ({_short(error)})."
        return Check(
            name,
            Verdict.UNSURE,
            words,
            "It may still work. To have it checked, add the policy below to whoever you "
            "are signed in as.",
        )
    if code in EXPIRED:
        return Check(
            name,
            Verdict.BAD,
            f"AWS refused the credentials: {_short(error)}",
            "Sign in again (`aws sso login`), then look again.",
        )
    return Check(
        name,
        Verdict.UNSURE,
        f"It could not be looked at: {_short(error)}",
        "Look again in a moment.",
    )


def _credentials(client: MakeClient, caller: dict[str, str]) -> Check:
    """Who we are; `caller` gets AWS's answer."""
    try:
        answer = client("sts").get_caller_identity()
    except Exception as error:
        kind = type(error).__name__
        if (
            kind in ("NoCredentialsError", "PartialCredentialsError")
            or "credentials" in str(error).lower()
        ):
            return Check(
                "Credentials",
                Verdict.BAD,
                "There are no AWS credentials on this machine.",
                NO_CREDENTIALS,
            )
        if kind in (
            "TokenRetrievalError",
            "SSOTokenLoadError",
            "UnauthorizedSSOTokenError",
            "ProfileNotFound",
        ):
            return Check(
                "Credentials",
                Verdict.BAD,
                _short(error),
                "Sign in again (`aws sso login`), or choose another AWS_PROFILE.",
            )
        return _failed("Credentials", error)
    caller.update({name: str(answer[name]) for name in ("Account", "Arn")})
    return Check("Credentials", Verdict.GOOD, f"Account {caller['Account']}, as {caller['Arn']}.")


def _region(account: Account) -> Check:
    if account.region:
        return Check("Region", Verdict.GOOD, f"{account.region}.")
    return Check(
        "Region",
        Verdict.BAD,
        "No region is chosen.",
        "Choose the region that your bucket is in, above.",
    )


def _role_named(account: Account) -> Check:
    if ROLE_ARN.fullmatch(account.role_arn):
        return Check("Role", Verdict.GOOD, f"{account.role_arn}.")
    words = (
        "No role is chosen."
        if not account.role_arn
        else f"{account.role_arn} is not the ARN of a role."
    )
    fix = (
        "Jobs run as a role of your account. Make one in IAM for the service SageMaker "
        "(it then has the trust policy below), "
        "and put its ARN above: arn:aws:iam::<account>:role/<name>."
    )
    return Check("Role", Verdict.BAD, words, fix, policy.as_text(policy.trust(account)))


def _bucket_named(account: Account) -> Check:
    if account.bucket:
        return Check("Bucket", Verdict.GOOD, f"{account.bucket}.")
    fix = (
        f"Make one in {account.region or 'your region'} and name it above: aws s3 mb "
        f"s3://<name> --region {account.region or '<region>'}"
    )
    return Check(
        "Bucket",
        Verdict.BAD,
        "No bucket is chosen. Photos, code and models are exchanged through it.",
        fix,
    )


def _role(account: Account, client: MakeClient) -> Check:
    match = ROLE_ARN.fullmatch(account.role_arn)
    assert match
    try:
        role = client("iam").get_role(RoleName=match[2])["Role"]
    except Exception as error:
        if _code(error) in MISSING:
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
        return _failed("Role", error)
    document = role.get("AssumeRolePolicyDocument") or {}
    if trusts(json.loads(unquote(document)) if isinstance(document, str) else document):
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
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, Mapping) else []
        actions = statement.get("Action", [])
        allows = statement.get("Effect") == "Allow" and "sts:AssumeRole" in (
            [actions] if isinstance(actions, str) else actions
        )
        if allows and SERVICE in ([services] if isinstance(services, str) else services):
            return True
    return False


def _pass_role(account: Account, client: MakeClient, arn: str) -> Check:
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
        words = f"Whether you may hand the role to SageMaker can't be looked up ({_short(error)})."
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


def _bucket(account: Account, client: MakeClient) -> Check:
    """Whether the bucket is there, in this region, and takes an object of ours, which is removed
    again."""
    s3 = client("s3")
    try:
        head = s3.head_bucket(Bucket=account.bucket)
    except Exception as error:
        return _bucket_refused(account, error)
    where = head["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", account.region)
    if where != account.region:
        words = (
            f"{account.bucket} is in {where}, and jobs run in {account.region}: SageMaker "
            "can't read it from there."
        )
        return Check(
            "Bucket",
            Verdict.BAD,
            words,
            f"Choose {where} as the region above, or a bucket in {account.region}.",
        )
    key = f"{account.prefix}/preflight"
    try:
        s3.put_object(Bucket=account.bucket, Key=key, Body=b"")
        s3.delete_object(Bucket=account.bucket, Key=key)
    except Exception as error:
        fix = (
            "Allow s3:PutObject and s3:DeleteObject on "
            f"arn:aws:s3:::{account.bucket}/{account.prefix}/* to whoever you are signed in "
            "as."
        )
        return Check(
            "Bucket",
            Verdict.BAD,
            f"Nothing can be written to {account.bucket}: {_short(error)}",
            fix,
        )
    return Check("Bucket", Verdict.GOOD, f"{account.bucket} is in {where}, and can be written to.")


def _bucket_refused(account: Account, error: Exception) -> Check:
    if _code(error) in MISSING:
        fix = f"Make it: aws s3 mb s3://{account.bucket} --region {account.region}"
        return Check("Bucket", Verdict.BAD, f"There is no bucket {account.bucket}.", fix)
    if _code(error) in DENIED:
        fix = (
            "Its name may belong to somebody else's account. Choose another bucket, or allow "
            "s3:ListBucket on this one."
        )
        return Check("Bucket", Verdict.BAD, f"{account.bucket} is closed to you.", fix)
    return _failed("Bucket", error)


def _quotas(account: Account, client: MakeClient, wanted: Sequence[Wanted]) -> Check:
    """All wanted instance types in one check: the lines say which of them is short."""
    found = _quota_values(client("service-quotas"), {item.quota for item in wanted})
    missing = [item for item in wanted if item.quota not in found]
    short = [item for item in wanted if item.quota in found and found[item.quota][0] < item.count]
    lines = [f"{item.quota}: {found[item.quota][0]:.0f}" for item in wanted if item.quota in found]
    lines += [f"{item.quota}: not listed" for item in missing]
    if short:
        places = [f"{item.quota}: {_quota_page(account, found[item.quota][1])}" for item in short]
        fix = (
            "New accounts often have 0. Ask for more (it is free, and takes minutes to days), "
            "or choose another type:"
        )
        return Check("Quotas", Verdict.BAD, "; ".join(lines) + ".", fix, "\n".join(places))
    verdict = Verdict.UNSURE if missing else Verdict.GOOD
    return Check(
        "Quotas",
        verdict,
        "; ".join(lines) + ".",
        "AWS does not list a quota for it in this region." if missing else "",
    )


def _quota_values(client: Any, names: set[str]) -> dict[str, tuple[float, str]]:
    """Value and code of each quota of that name; there are thousands, so it stops once all are
    found."""
    found: dict[str, tuple[float, str]] = {}
    for page in client.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        for quota in page["Quotas"]:
            if quota["QuotaName"] in names:
                found[quota["QuotaName"]] = float(quota["Value"]), str(quota["QuotaCode"])
        if len(found) == len(names):
            break
    return found


def _quota_page(account: Account, code: str) -> str:
    return f"https://{account.region}.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas/{code}"


def _code(error: Exception) -> str:
    """AWS's own word for what went wrong, where it is an answer of AWS."""
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, Mapping) else ""


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:240]
