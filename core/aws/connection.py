"""The way to AWS: one client per service, with bounded patience, and AWS's errors in words that say
what to do.

boto3 is imported on first use only.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlparse

from core.aws import account as accounts
from core.errors import BackendError

CONNECT_SECONDS = 3
READ_SECONDS = 20
ATTEMPTS = 4
# How often a job asks again by itself, after boto3 has given up.
TRIES = 4
POOL = 16
# What boto3 reads of the environment, and so what a watcher is given. Nothing else of ours ever
# gets these.
CREDENTIALS = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_EC2_METADATA_DISABLED",
)  # fmt: skip
CREDENTIAL_PREFIXES = ("AWS_CONTAINER_", "AWS_ENDPOINT_URL_")

_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException",
            "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"}  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"}
_BROKEN = {
    "InternalFailure",
    "InternalServerError",
    "InternalError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "500",
    "503",
}
_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
_lock = threading.Lock()

Answer = TypeVar("Answer")


def environment() -> dict[str, str]:
    """The variables that lead boto3 to the account: what a watcher is given on top of a clean
    environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in CREDENTIALS or name.startswith(CREDENTIAL_PREFIXES)
    }


def emulated() -> str:
    """The address that AWS calls are led to instead of AWS; empty where they are not."""
    address = (
        os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER") or os.environ.get("AWS_ENDPOINT_URL") or ""
    )
    # A VPC's own way to AWS is AWS.
    return (
        ""
        if (urlparse(address).hostname or "").endswith(
            (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
        )
        else address
    )


def client(name: str, *, region: str = "", read_seconds: float = READ_SECONDS) -> Any:
    """The boto3 client of a service, in the account's region or in `region`; kept, and shared by
    all threads.

    BackendError where there is no region to ask in, or where boto3 can't be used.
    """
    wanted = (
        region
        or accounts.load().region
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or ""
    )
    with asking("reaching AWS"), _lock:
        while True:
            led = environment()
            made = _client(name, wanted, read_seconds, tuple(sorted(led.items())))
            if led == environment():
                return made
            # The environment changed while boto3 read it: the client may lead elsewhere than its
            # key says.
            _client.cache_clear()
            _session.cache_clear()


@lru_cache(maxsize=8)
def _session(_environment: tuple[tuple[str, str], ...]) -> Any:
    """One for all clients of an account: what each session reads for itself, AWS's addresses and
    rules, takes 8 MB a time."""
    import boto3

    return boto3.Session()


@lru_cache(maxsize=64)
def _client(
    name: str, region: str, read_seconds: float, environment: tuple[tuple[str, str], ...]
) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=POOL,
        user_agent_extra="fieldmark",
        parameter_validation=True,
    )
    return _session(environment).client(name, region_name=region or None, config=config)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn what boto3 raises inside the block into a BackendError that begins with `what` could not
    be done. Its cause is kept."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise BackendError(f"{what[:1].upper()}{what[1:]} did not work: {words(error)}") from error


def patiently(ask: Callable[[], Answer], check_stop: Callable[[], None] = lambda: None) -> Answer:
    """What `ask` answers, asked again after a while where the network or AWS itself was in the way;
    BackendError when it stays so."""
    for attempt in range(TRIES - 1):
        try:
            return ask()
        except BackendError as error:
            if not is_passing(error):
                raise
            check_stop()
            time.sleep(2**attempt)
    return ask()


def words(error: BaseException) -> str:
    """An error of boto3 as a sentence that says what to do."""
    from botocore import exceptions

    kind = code_of(error)
    if kind:
        return _refusal(kind, error)
    if isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.CredentialRetrievalError,
    ):
        return (
            "there are no usable AWS credentials here. Run `aws configure`, or set "
            "AWS_PROFILE, and start Fieldmark again."
        )
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}. Set AWS_PROFILE to one of `aws configure list-profiles`."
    if isinstance(error, exceptions.NoRegionError):
        return "no region is set. Give one on the AWS page."
    if isinstance(error, exceptions.TokenRetrievalError | exceptions.SSOError):
        return "the AWS sign-in has expired. Run `aws sso login` and try again."
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return "AWS does not answer; the network may be gone."
    return str(error)


def code_of(error: BaseException | None) -> str:
    """AWS's own code of an error, its own or its cause's, or the empty string."""
    for found in (error, error.__cause__ if error else None):
        response = getattr(found, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def is_passing(error: BaseException) -> bool:
    """Whether the same question may be answered later: no network, throttled, signed out, or AWS
    itself out of order."""
    from botocore import exceptions

    cause = error.__cause__ or error
    if isinstance(cause, exceptions.ClientError):
        return code_of(cause) in _THROTTLED | _EXPIRED | _BROKEN
    return isinstance(cause, exceptions.BotoCoreError) and not isinstance(
        cause, exceptions.ParamValidationError
    )


def is_missing(error: BaseException) -> bool:
    """Whether AWS says that what was asked for does not exist."""
    code, text = code_of(error), str(error.__cause__ or error).lower()
    gone = code in ("ResourceNotFound", "ResourceNotFoundException", "NoSuchKey", "NotFound", "404")
    return gone or (
        code == "ValidationException"
        and any(words in text for words in ("not found", "could not find", "does not exist"))
    )


def is_denied(error: BaseException) -> bool:
    """Whether AWS says that whoever asks may not."""
    return code_of(error) in _DENIED


def is_there_already(error: BaseException) -> bool:
    """Whether AWS refused a name because something has it."""
    text = str(error.__cause__ or error).lower()
    return code_of(error) == "ResourceInUse" or (
        code_of(error) == "ValidationException" and "already exist" in text
    )


def _refusal(kind: str, error: BaseException) -> str:
    message = str(getattr(error, "response", {}).get("Error", {}).get("Message", "")) or str(error)
    if kind in _THROTTLED:
        return "AWS asks for patience (too many requests). It is tried again by itself."
    if kind in _EXPIRED:
        return (
            "the AWS credentials are not valid any more. Sign in again with `aws sso login` "
            "or `aws configure`, then restart Fieldmark."
        )
    if kind in _DENIED:
        return (
            f"the permission {_action(error, message)} is missing. Add it to the policy of "
            f"whoever runs Fieldmark. AWS says: {message}"
        )
    if kind == "ResourceLimitExceeded":
        return (
            f"a quota of the account is too small: {message} Choose another instance type, or "
            "ask for more under Service Quotas."
        )
    if kind == "NoSuchBucket":
        return "the bucket does not exist. Give another one on the AWS page, or make it there."
    if kind == "PermanentRedirect" or (kind == "301"):
        return (
            "the bucket lies in another region than the jobs. Give one in the same region on "
            "the AWS page."
        )
    return f"{message} ({kind})"


def _action(error: BaseException, message: str) -> str:
    """The permission that was missing: as AWS names it, or made of the call."""
    if found := _ACTION.search(message):
        return found[1]
    operation = str(getattr(error, "operation_name", "")) or "of this call"
    return f"for {operation}"
