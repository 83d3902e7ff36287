"""The check of what the role that jobs run as can do, by IAM's policy simulator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from core.aws import errors
from core.aws.account import Account
from core.aws.checks import Check, MakeClient, Verdict, short
from core.aws.iam import policy

NAME = "Role permissions"
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
BUCKET, KEY = "bucket", "key"
NO_POLICY = "NoSuchBucketPolicy"
_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([\w-]+)\.amazonaws\.com/([\w./-]+?)(?:[:@].*)?")
FIX = "Attach this policy to the role:"


class Need(NamedTuple):
    """Actions that a job's role performs on one resource; `what` names it in a sentence, `owner`
    is the bucket or the key, which have policies of their own."""

    what: str
    actions: tuple[str, ...]
    resource: str
    owner: str = ""


class Denial(NamedTuple):
    """An action that the simulator denies. It is `certain` if nothing outside of the simulation,
    such as a bucket's own policy, can allow the action."""

    action: str
    need: Need
    certain: bool


def check(account: Account, client: MakeClient, images: Iterable[str] = ()) -> Check:
    """Check that the role can use the bucket, write logs, pull `images` from ECR and, if one is
    set, use the KMS key."""
    try:
        found = needs(account, client, images)
        denials = [denial for need in found for denial in _denied(account, client, need)]
    except Exception as error:
        words = f"The role's permissions can't be checked ({short(error)})."
        fix = "Jobs may work nevertheless. If one fails with AccessDenied, attach this policy:"
        return Check(NAME, Verdict.UNSURE, words, fix, policy.as_text(policy.role(account)))
    if not denials:
        what = ", ".join(need.what for need in found)
        return Check(NAME, Verdict.GOOD, f"The role can {what}.")
    return _refusal(account, denials)


def needs(account: Account, client: MakeClient, images: Iterable[str]) -> list[Need]:
    """Return what a job's role must be able to do. Raises what boto3 raises."""
    number = account.role_arn.split(":")[4]
    bucket = f"arn:aws:s3:::{account.bucket}"
    group = f"arn:aws:logs:{account.region}:{number}:log-group:/aws/sagemaker/TrainingJobs"
    found = [
        Need("list the bucket", ("s3:ListBucket",), bucket, BUCKET),
        Need(
            "read and write the bucket",
            ("s3:GetObject", "s3:PutObject"),
            f"{bucket}/{account.key('preflight')}",
            BUCKET,
        ),
        Need(
            "write logs", ("logs:CreateLogStream", "logs:PutLogEvents"), f"{group}:log-stream:job"
        ),
        *_pulls(images),
    ]
    if account.kms_key:
        found.append(Need("use the KMS key", KEY_ACTIONS, _key_arn(account, client), KEY))
    return found


def _key_arn(account: Account, client: MakeClient) -> str:
    """Return the ARN of the key, which the account may name by an alias or an id."""
    if ":key/" in account.kms_key:
        return account.kms_key
    return str(client("kms").describe_key(KeyId=account.kms_key)["KeyMetadata"]["Arn"])


def _pulls(images: Iterable[str]) -> Iterator[Need]:
    """Yield what is needed to pull images; registries other than ECR know no roles."""
    repositories = [found for image in images if (found := _ECR.fullmatch(image))]
    if repositories:
        yield Need("sign in to ECR", ("ecr:GetAuthorizationToken",), "*")
    for number, region, name in dict.fromkeys(found.groups() for found in repositories):
        yield Need(
            f"pull {name} from ECR",
            ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            f"arn:aws:ecr:{region}:{number}:repository/{name}",
        )


def _denied(account: Account, client: MakeClient, need: Need) -> list[Denial]:
    """Return the actions that the role's policies don't allow. Raises what boto3 raises."""
    answer = client("iam").simulate_principal_policy(
        PolicySourceArn=account.role_arn,
        ActionNames=list(need.actions),
        ResourceArns=[need.resource],
    )
    denied = [row for row in answer["EvaluationResults"] if row["EvalDecision"] != "allowed"]
    return [
        Denial(row["EvalActionName"], need, _is_certain(account, client, need, row))
        for row in denied
    ]


def _is_certain(account: Account, client: MakeClient, need: Need, row: dict[str, Any]) -> bool:
    """Return whether a denial is final. The simulator includes no policies of buckets and keys,
    and no conditions without a value."""
    if row.get("MissingContextValues"):
        return False
    if row["EvalDecision"] == "explicitDeny" or not need.owner:
        return True
    return need.owner == BUCKET and _has_no_policy(account, client)


def _has_no_policy(account: Account, client: MakeClient) -> bool:
    """Return whether the bucket certainly has no policy that could allow the role something."""
    try:
        client("s3").get_bucket_policy(Bucket=account.bucket)
    except Exception as error:
        return errors.code_of(error) == NO_POLICY
    return False


def _refusal(account: Account, denials: Sequence[Denial]) -> Check:
    code = policy.as_text(policy.role(account))
    certain = [denial for denial in denials if denial.certain]
    if certain:
        return Check(NAME, Verdict.BAD, f"The role can't {_words(certain)}.", FIX, code)
    words = f"The role's own policies don't allow it to {_words(denials)}."
    fix = "The policy of the bucket or key, or a condition, may allow it. If not, attach this:"
    return Check(NAME, Verdict.UNSURE, words, fix, code)


def _words(denials: Sequence[Denial]) -> str:
    """Return what is denied, with the actions, such as `write logs (logs:PutLogEvents)`."""
    actions: dict[str, list[str]] = {}
    for denial in denials:
        actions.setdefault(denial.need.what, []).append(denial.action)
    return "; ".join(f"{what} ({', '.join(names)})" for what, names in actions.items())
