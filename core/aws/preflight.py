"""The pre-flight checks: whether a job could start, each with a finding and a fix.

Those that ask AWS run in parallel with a timeout of SECONDS; those that need only the settings are
immediate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from core.aws import errors, quotas
from core.aws.account import Account
from core.aws.checks import Check, MakeClient, Verdict, failed, short
from core.aws.iam import role_access, role_check
from core.aws.quotas import Wanted

SECONDS = 12.0
NO_CREDENTIALS = (
    "Sign in on this machine with one of these commands, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID "
    "and AWS_SECRET_ACCESS_KEY. Then restart the app. Fieldmark never asks for keys and stores "
    "none."
)
SIGN_IN = "aws configure sso\naws configure"


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
        tasks = _tasks(account, wanted, client, caller["Arn"])
        futures = {name: pool.submit(task) for name, task in tasks.items()}
        wait(futures.values(), timeout=seconds)
        made = {name: _answered(name, future, 0) for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    named = {"Region": local[0], "Role": local[1], "Bucket": local[2]}
    return [credentials, *({**named, **made}.values())]


def _tasks(
    account: Account, wanted: Sequence[Wanted], client: MakeClient, caller: str
) -> dict[str, Callable[[], Check]]:
    """Return the checks that ask AWS and for which all settings are there, in display order."""
    tasks: dict[str, Callable[[], Check]] = {}
    _, role, bucket = settings_only(account)
    if role.verdict is Verdict.GOOD:
        tasks["Role"] = lambda: role_check.is_there(account, client)
        tasks["PassRole"] = lambda: role_check.may_be_passed(account, client, caller)
    if account.region and bucket.verdict is Verdict.GOOD:
        tasks["Bucket"] = lambda: _bucket(account, client)
    if account.is_set_up and role.verdict is Verdict.GOOD:
        images = [item.image for item in wanted]
        tasks[role_access.NAME] = lambda: role_access.check(account, client, images)
    if account.region and wanted:
        tasks[quotas.NAME] = lambda: quotas.check(account, client, wanted)
    return tasks


def _answered(name: str, future: Future[Check], seconds: float) -> Check:
    try:
        return future.result(timeout=seconds)
    except TimeoutError:
        words = "AWS did not respond in time."
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
        if not errors.is_denied(error):
            return failed("Bucket", error)
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
