"""The pre-flight checks: whether a job could start, each with a finding and a fix.

Those that ask AWS run in parallel with a timeout of SECONDS; those that need only the settings are
immediate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from core.aws import errors, role_check
from core.aws.account import Account
from core.aws.checks import Check, MakeClient, Verdict, failed, short

SECONDS = 12.0
NO_CREDENTIALS = (
    "Sign in on this machine with one of these commands, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID "
    "and AWS_SECRET_ACCESS_KEY. Then restart the app. Fieldmark never asks for keys and stores "
    "none."
)
SIGN_IN = "aws configure sso\naws configure"


@dataclass(frozen=True)
class Wanted:
    """The instances that a job would request.

    `usage` is part of the quota's name: training job, spot training job, transform job or endpoint.
    """

    instance_type: str
    usage: str
    count: int = 1

    @property
    def quota(self) -> str:
        return f"{self.instance_type} for {self.usage} usage"


def settings_only(account: Account) -> list[Check]:
    """Return the checks that need no network: whether region, role and bucket are set."""
    return [_region(account), role_check.named(account), _bucket_named(account)]


def run(
    account: Account, wanted: Sequence[Wanted], client: MakeClient, seconds: float = SECONDS
) -> list[Check]:
    """Run every check and return them in display order, within about `seconds`.

    `client` returns boto3's client of a service.
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
            tasks["Role"] = lambda: role_check.is_there(account, client)
            tasks["PassRole"] = lambda: role_check.may_be_passed(account, client, caller["Arn"])
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
        words = f"AWS did not respond within {SECONDS:.0f} s."
        return Check(name, Verdict.UNSURE, words, "Check this machine's network, then check again.")
    except Exception as error:
        return failed(name, error)


def _credentials(client: MakeClient, caller: dict[str, str]) -> Check:
    """Check the identity; `caller` is filled with AWS's answer."""
    try:
        answer = client("sts").get_caller_identity()
    except Exception as error:
        if errors.has_no_credentials(error) or "credentials" in str(error).lower():
            words = "There are no AWS credentials on this machine."
            return Check("Credentials", Verdict.BAD, words, NO_CREDENTIALS, SIGN_IN)
        if errors.is_signed_out(error) or errors.has_no_profile(error):
            fix = "Sign in again, or set another AWS_PROFILE:"
            return Check("Credentials", Verdict.BAD, short(error), fix, "aws sso login")
        return failed("Credentials", error)
    caller.update({name: str(answer[name]) for name in ("Account", "Arn")})
    return Check(
        "Credentials", Verdict.GOOD, f"Account {caller['Account']}, signed in as {caller['Arn']}."
    )


def _region(account: Account) -> Check:
    if account.region:
        return Check("Region", Verdict.GOOD, f"{account.region}.")
    return Check(
        "Region",
        Verdict.BAD,
        "No region is set.",
        "Enter the region of your bucket above.",
    )


def _bucket_named(account: Account) -> Check:
    if account.bucket:
        return Check("Bucket", Verdict.GOOD, f"{account.bucket}.")
    return Check(
        "Bucket",
        Verdict.BAD,
        "No bucket is set. Photos, code and models are exchanged through it.",
        f"Create one in {account.region or 'your region'}, and enter its name above:",
        f"aws s3 mb s3://<name> --region {account.region or '<region>'}",
    )


def _bucket(account: Account, client: MakeClient) -> Check:
    """Check that the bucket exists, is in this region and writable; the test object is deleted."""
    s3 = client("s3")
    try:
        head = s3.head_bucket(Bucket=account.bucket)
    except Exception as error:
        return _bucket_refused(account, error)
    where = head["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", account.region)
    if where != account.region:
        words = (
            f"{account.bucket} is in {where}, but jobs run in {account.region}. SageMaker can't "
            "read a bucket of another region."
        )
        return Check(
            "Bucket",
            Verdict.BAD,
            words,
            f"Enter {where} as the region above, or a bucket in {account.region}.",
        )
    key = f"{account.prefix}/preflight"
    try:
        s3.put_object(Bucket=account.bucket, Key=key, Body=b"")
        s3.delete_object(Bucket=account.bucket, Key=key)
    except Exception as error:
        fix = (
            "Allow s3:PutObject and s3:DeleteObject on "
            f"arn:aws:s3:::{account.bucket}/{account.prefix}/* for your user or role."
        )
        return Check(
            "Bucket",
            Verdict.BAD,
            f"{account.bucket} is not writable: {short(error)}",
            fix,
        )
    return Check("Bucket", Verdict.GOOD, f"{account.bucket} is in {where} and writable.")


def _bucket_refused(account: Account, error: Exception) -> Check:
    if errors.is_missing(error) or errors.code_of(error) == errors.NO_BUCKET:
        command = f"aws s3 mb s3://{account.bucket} --region {account.region}"
        words = f"There is no bucket {account.bucket}."
        return Check("Bucket", Verdict.BAD, words, "Create it:", command)
    if errors.is_denied(error):
        fix = (
            "The bucket may belong to another account. Use another one, or allow s3:ListBucket on "
            "this one."
        )
        return Check("Bucket", Verdict.BAD, f"Access to {account.bucket} is denied.", fix)
    return failed("Bucket", error)


def _quotas(account: Account, client: MakeClient, wanted: Sequence[Wanted]) -> Check:
    """Check the quota of every wanted instance type; each has a line in the finding."""
    found = _quota_values(client("service-quotas"), {item.quota for item in wanted})
    missing = [item for item in wanted if item.quota not in found]
    short = [item for item in wanted if item.quota in found and found[item.quota][0] < item.count]
    lines = [f"{item.quota}: {found[item.quota][0]:.0f}" for item in wanted if item.quota in found]
    lines += [f"{item.quota}: not listed" for item in missing]
    if short:
        places = [f"{item.quota}: {_quota_page(account, found[item.quota][1])}" for item in short]
        fix = (
            "New accounts often have a quota of 0. Request an increase (free; takes minutes to "
            "days), or choose another type:"
        )
        return Check("Quotas", Verdict.BAD, "; ".join(lines) + ".", fix, "\n".join(places))
    if missing:
        fix = "AWS does not list a quota for it in this region."
        return Check("Quotas", Verdict.UNSURE, "; ".join(lines) + ".", fix)
    return Check("Quotas", Verdict.GOOD, "; ".join(lines) + ".")


def _quota_values(client: Any, names: set[str]) -> dict[str, tuple[float, str]]:
    """Return value and code of each quota by name; stops early: there are thousands."""
    found: dict[str, tuple[float, str]] = {}
    for page in client.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        for quota in page["Quotas"]:
            if quota["QuotaName"] in names:
                found[quota["QuotaName"]] = float(quota["Value"]), str(quota["QuotaCode"])
        if len(found) == len(names):
            break
    return found


def _quota_page(account: Account, code: str) -> str:
    console = f"https://{account.region}.console.aws.amazon.com/servicequotas/home"
    return f"{console}/services/sagemaker/quotas/{code}"
