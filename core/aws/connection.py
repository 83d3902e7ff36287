"""Clients for AWS: one per service, with timeouts, retries and translated errors.

boto3 is imported on first use only.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlparse

from core.aws import account as accounts
from core.aws import errors
from core.errors import BackendError

CONNECT_SECONDS = 3
READ_SECONDS = 20
ATTEMPTS = 4
# How often a job retries, after boto3 has given up.
TRIES = 4
POOL = 16
# The environment variables that boto3 reads. Only watchers get them, no other process of
# Fieldmark.
CREDENTIALS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CA_BUNDLE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_EC2_METADATA_DISABLED",
)
CREDENTIAL_PREFIXES = ("AWS_CONTAINER_", "AWS_ENDPOINT_URL_")
# VPC endpoints are AWS, not an emulator.
AWS_DOMAINS = (".amazonaws.com", ".api.aws")
_lock = threading.Lock()

Answer = TypeVar("Answer")


def environment() -> dict[str, str]:
    """Return the environment variables by which boto3 finds the account; a watcher gets them on top
    of a clean environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in CREDENTIALS or name.startswith(CREDENTIAL_PREFIXES)
    }


def emulated() -> str:
    """Return the address of the emulator that AWS calls go to, or '' for AWS itself."""
    address = (
        os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER") or os.environ.get("AWS_ENDPOINT_URL") or ""
    )
    if (urlparse(address).hostname or "").endswith(AWS_DOMAINS):
        return ""
    return address


def client(name: str, *, region: str = "", read_seconds: float = READ_SECONDS) -> Any:
    """Return the boto3 client of a service, in `region` or the account's region; cached, and shared
    by all threads.

    Raises BackendError if no region is set or boto3 can't be used.
    """
    wanted = (
        region
        or accounts.load().region
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or ""
    )
    with translate_errors("connecting to AWS"), _lock:
        while True:
            led = environment()
            made = _client(name, wanted, read_seconds, tuple(sorted(led.items())))
            if led == environment():
                return made
            # The environment changed while boto3 read it: the client may not match its cache key.
            _client.cache_clear()
            _session.cache_clear()


@lru_cache(maxsize=8)
def _session(_environment: tuple[tuple[str, str], ...]) -> Any:
    """Return one session for all clients: a session's endpoint rules take 8 MB."""
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
def translate_errors(what: str) -> Iterator[None]:
    """Turn boto3's errors inside the block into a BackendError; `what` is the action that failed,
    such as `creating the job`.

    The original error is its cause.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        action = f"{what[:1].upper()}{what[1:]}"
        raise BackendError(f"{action} failed. {errors.explain(error)}") from error


def retry(ask: Callable[[], Answer], check_stop: Callable[[], None] = lambda: None) -> Answer:
    """Return what `ask` returns; transient errors are retried, with growing pauses.

    Raises BackendError when the last try fails.
    """
    for attempt in range(TRIES - 1):
        try:
            return ask()
        except BackendError as error:
            if not errors.is_transient(error):
                raise
            check_stop()
            time.sleep(2**attempt)
    return ask()


def unless_missing(what: str, ask: Callable[[], Answer]) -> Answer | None:
    """Return what `ask` returns, or None if AWS reports that the resource does not exist.

    Raises as `translate_errors`.
    """
    try:
        with translate_errors(what):
            return ask()
    except BackendError as error:
        if errors.is_missing(error):
            return None
        raise
