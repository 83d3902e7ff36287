"""The settings of the AWS account: region, role, bucket, network and encryption.

Stored in aws.json, which holds no secret.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core import settings
from core.errors import BackendError, NotFound, UserError
from core.io import files

FILE = "aws.json"
PREFIX = "fieldmark"
# China, GovCloud, the European Sovereign Cloud and the isolated regions: other accounts, other
# domains and other images.
_OTHER_REGION = re.compile(r"(?:cn|us-gov|eusc|us-iso\w*|eu-iso\w*)-.+")
_OTHER_ARN = re.compile(r"arn:aws-.+")
COMMERCIAL = (
    "Fieldmark supports AWS's commercial regions only, not China, GovCloud or the European "
    "Sovereign Cloud."
)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[\w.-]+(/[\w.-]+)*")
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")
_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")
_IMAGE = re.compile(r"[\w./:@-]{1,255}")
_FORMATS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "region": (_REGION, "eu-central-1"),
    "role_arn": (_ROLE, "arn:aws:iam::123456789012:role/FieldmarkSageMaker"),
    "bucket": (_BUCKET, "my-photos"),
    "prefix": (_PREFIX, PREFIX),
    "kms_key": (_KEY, "arn:aws:kms:eu-central-1:123456789012:key/..."),
    "training_image": (_IMAGE, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/pytorch:2.14"),
    "inference_image": (_IMAGE, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/serving:1"),
    "subnets": (_SUBNET, "subnet-0123456789abcdef0"),
    "security_groups": (_GROUP, "sg-0123456789abcdef0"),
}
# SageMaker Studio has this file.
STUDIO = Path("/opt/ml/metadata/resource-metadata.json")
SDK_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """`role_arn` is the role that jobs run as; all of Fieldmark's objects are in `bucket` below
    `prefix`.

    `subnets` and `security_groups` put jobs into a VPC; `network_isolation` blocks all network
    access of their containers; `allow_pip` lets a training job install OpenVINO, which needs the
    internet. `training_image` and `inference_image` replace AWS's images if set.
    """

    region: str = ""
    role_arn: str = ""
    bucket: str = ""
    prefix: str = PREFIX
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key: str = ""
    network_isolation: bool = False
    allow_pip: bool = False
    training_image: str = ""
    inference_image: str = ""

    @property
    def is_set_up(self) -> bool:
        """Return whether all settings that a job needs are there; AWS is not asked."""
        return bool(self.region and self.role_arn and self.bucket)

    def uri(self, key: str = "") -> str:
        """Return `s3://bucket/prefix/key`."""
        return f"s3://{self.bucket}/{self.key(key)}"

    def key(self, key: str = "") -> str:
        """Return the key below the prefix.

        A trailing slash is kept: without it the prefix `v1` also matches `v10`.
        """
        return "/".join(part for part in (self.prefix.strip("/"), key) if part)


def load() -> Account:
    """Return the account as it was saved last, or an empty one.

    Raises NotFound if the file can't be read.
    """
    path = settings.home() / FILE
    try:
        return _read(files.read_json(path))
    except FileNotFoundError:
        return Account()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise NotFound(
            f"{path} can't be read ({error}). Save the account again on the AWS page."
        ) from error


def save(account: Account) -> None:
    """Save the account for every session. Raises UserError as `check`."""
    check(account)
    with files.locked(settings.home(), "home"):
        files.write_json(settings.home() / FILE, asdict(account))


def change(before: Account, after: Account) -> None:
    """Save only what differs between `before` and `after`; what somebody else changed meanwhile is
    kept. Raises as `save`."""
    old = asdict(before)
    changed = {name: value for name, value in asdict(after).items() if value != old[name]}
    with files.locked(settings.home(), "home"):
        account = replace(_saved_or_none(), **changed)
        check(account)
        files.write_json(settings.home() / FILE, asdict(account))


def _saved_or_none() -> Account:
    try:
        return load()
    except NotFound:  # The form was empty, too.
        return Account()


def required() -> Account:
    """Return the account. Raises UserError if it is not set up."""
    account = load()
    if not account.is_set_up:
        raise UserError(
            "SageMaker is not set up yet. Enter a region, a role and a bucket on the AWS page.",
            field="backend",
        )
    if COMMERCIAL in problems(account).values():  # Saved by an earlier version.
        raise UserError(COMMERCIAL, field="backend")
    return account


def of_job(spec: Mapping[str, Any]) -> Account:
    """Return the account that a job was submitted to, which may differ from the current one."""
    return _read(spec.get("account", {}))


def from_form(values: Mapping[str, Any]) -> Account:
    """Return an unchecked account from a form's fields; lists are texts separated by commas."""
    account = Account(**{name: _trimmed(value) for name, value in values.items()})
    return replace(
        account, subnets=_split(account.subnets), security_groups=_split(account.security_groups)
    )


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return value


def check(account: Account) -> None:
    """Raise UserError, naming the field, for the first invalid value; empty values are valid."""
    for field, message in problems(account).items():
        raise UserError(message, field=field)


def problems(account: Account) -> dict[str, str]:
    """Return what is wrong with each invalid field, by its name; empty values are valid."""
    found: dict[str, str] = {}
    for field, (pattern, example) in _FORMATS.items():
        value = getattr(account, field)
        values = value
        if isinstance(value, str):
            values = (value,)
        for text in filter(None, values):
            if not pattern.fullmatch(text):
                found[field] = f"{text[:80]!r} is not valid. Example: {example}"
    if _OTHER_REGION.fullmatch(account.region):
        found["region"] = COMMERCIAL
    for field in ("role_arn", "kms_key"):
        if _OTHER_ARN.fullmatch(getattr(account, field)):
            found[field] = COMMERCIAL
    if bool(account.subnets) != bool(account.security_groups):
        found.setdefault("subnets", "A VPC needs both subnets and security groups.")
    if account.network_isolation and account.allow_pip:
        found["allow_pip"] = "pip needs a network. Turn off either network isolation or pip."
    return found


def in_studio() -> bool:
    return STUDIO.exists()


def suggested(given: Account) -> tuple[Account, tuple[str, ...]]:
    """Return the account with its empty settings filled in, and why others are not known: the
    region, role and bucket of this machine or of Studio, and the network and key of the SageMaker
    SDK's defaults file.

    Takes some seconds. Raises BackendError if the SDK cannot be asked.
    """
    command = [settings.python(), "-m", "core.aws.sdk_defaults"]
    environment = {**os.environ, "PYTHONPATH": str(settings.PROJECT)}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SDK_SECONDS,
            check=True,
        )
        found = json.loads(done.stdout)
        account = _read(found)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BackendError(f"The SageMaker SDK could not be asked: {last}") from error
    except (subprocess.TimeoutExpired, ValueError, TypeError) as error:
        raise BackendError(f"The SageMaker SDK could not be asked: {error}") from error
    account = replace(account, **{name: value for name, value in asdict(given).items() if value})
    wrong = problems(account)
    return (
        replace(account, **{field: getattr(given, field) for field in wrong}),
        (*map(str, found["problems"]), *wrong.values()),
    )


def _read(body: Mapping[str, Any]) -> Account:
    known = {name: value for name, value in body.items() if name in Account.__dataclass_fields__}
    account = Account(**known)
    return replace(
        account, subnets=tuple(account.subnets), security_groups=tuple(account.security_groups)
    )


def _split(given: str | Sequence[str]) -> tuple[str, ...]:
    parts = given
    if isinstance(given, str):
        parts = given.replace("\n", ",").split(",")
    return tuple(part.strip() for part in parts if part.strip())
