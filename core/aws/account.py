"""Which AWS account's things are used: region, role, bucket, and how jobs are closed in.

Kept in aws.json, which holds no secret.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core import settings
from core.errors import NotFound, UserError
from core.io import files

FILE = "aws.json"
PREFIX = "fieldmark"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[\w.-]+(/[\w.-]+)*")
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")
_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")
_IMAGE = re.compile(r"[\w./:@-]{1,255}")
# Inside SageMaker Studio this file says so.
STUDIO = Path("/opt/ml/metadata/resource-metadata.json")


@dataclass(frozen=True)
class Account:
    """`role_arn` is what jobs run as, `bucket` and `prefix` where everything of ours lies.

    `subnets` and `security_groups` put jobs into a VPC; `network_isolation` cuts their containers
    off; `allow_pip` lets a training job install OpenVINO, which needs the internet.
    `training_image` and `inference_image` take the place of AWS's own images where they are given.
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
        """Whether jobs can be submitted at all; whether AWS agrees is another question."""
        return bool(self.region and self.role_arn and self.bucket)

    def uri(self, key: str = "") -> str:
        """`s3://bucket/prefix/key`."""
        return f"s3://{self.bucket}/{self.key(key)}"

    def key(self, key: str = "") -> str:
        """Below the prefix.

        A slash at the end stays: without it a prefix of `v1` is one of `v10`.
        """
        return "/".join(part for part in (self.prefix.strip("/"), key) if part)


def load() -> Account:
    """The account as it was saved last; an empty one where there is none.

    NotFound where the file can't be read.
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
    """Keep the account for every session. UserError, naming the field, for what cannot be right."""
    check(account)
    with files.locked(settings.home(), "home"):
        files.write_json(settings.home() / FILE, asdict(account))


def change(shown: Account, wanted: Account) -> None:
    """Take over what a person changed in the account that was `shown`; what somebody else changed
    since stays. Raises as `save`."""
    before = asdict(shown)
    changed = {name: value for name, value in asdict(wanted).items() if value != before[name]}
    with files.locked(settings.home(), "home"):
        account = replace(_saved_or_none(), **changed)
        check(account)
        files.write_json(settings.home() / FILE, asdict(account))


def _saved_or_none() -> Account:
    try:
        return load()
    except NotFound:  # its form began empty, too
        return Account()


def required() -> Account:
    """The account, ready to be used. UserError where it is not set up."""
    account = load()
    if not account.is_set_up:
        raise UserError(
            "SageMaker is not set up yet: give a region, a role and a bucket on the AWS page.",
            field="backend",
        )
    return account


def of_job(spec: Mapping[str, Any]) -> Account:
    """The account that a job was submitted to, whatever is set up now."""
    return _read(spec.get("account", {}))


def check_form(values: Mapping[str, Any]) -> Account:
    """An account from a form's fields, lists as texts separated by commas.

    UserError with the field that cannot be used.
    """
    account = Account(**{name: _trimmed(value) for name, value in values.items()})
    account = replace(
        account, subnets=_split(account.subnets), security_groups=_split(account.security_groups)
    )
    check(account)
    return account


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return value


def check(account: Account) -> None:
    """UserError with the field whose form cannot be right; what is empty is checked when it is
    needed."""
    for field, value, pattern, example in (
        ("region", account.region, _REGION, "eu-central-1"),
        ("role_arn", account.role_arn, _ROLE, "arn:aws:iam::123456789012:role/FieldmarkSageMaker"),
        ("bucket", account.bucket, _BUCKET, "my-photos"),
        ("prefix", account.prefix, _PREFIX, PREFIX),
        ("kms_key", account.kms_key, _KEY, "arn:aws:kms:eu-central-1:123456789012:key/..."),
        (
            "training_image",
            account.training_image,
            _IMAGE,
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/pytorch:2.14",
        ),
        (
            "inference_image",
            account.inference_image,
            _IMAGE,
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/serving:1",
        ),
        *(("subnets", subnet, _SUBNET, "subnet-0123456789abcdef0") for subnet in account.subnets),
        *(
            ("security_groups", group, _GROUP, "sg-0123456789abcdef0")
            for group in account.security_groups
        ),
    ):
        if value and not pattern.fullmatch(value):
            raise UserError(
                f"{value[:80]!r} can't be right here; it should look like {example}.", field=field
            )
    if bool(account.subnets) != bool(account.security_groups):
        raise UserError(
            "A VPC needs subnets and security groups, both or neither.", field="subnets"
        )
    if account.network_isolation and account.allow_pip:
        raise UserError(
            "A container without a network can't install anything: turn pip or network "
            "isolation off.",
            field="allow_pip",
        )


def in_studio() -> bool:
    return STUDIO.exists()


def suggested() -> Account:
    """What can be known without asking a person: the environment's region and, inside Studio, its
    role and default bucket.

    Slow (seconds) inside Studio, where the SageMaker SDK is asked; what it cannot say is left
    empty.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    account = Account(region=region)
    if not in_studio():
        return account
    try:
        # Studio brings the SDK; nowhere else is it needed, so it is not one of our requirements.
        sdk = importlib.import_module("sagemaker.core.helper.session_helper")
        session = sdk.Session()
        return replace(
            account,
            region=session.boto_region_name,
            role_arn=sdk.get_execution_role(),
            bucket=session.default_bucket(),
        )
    except Exception:  # whatever keeps the SDK from answering, the person can type it
        return account


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
