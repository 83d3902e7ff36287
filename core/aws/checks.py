"""What a check before a job says: how it came out, what it found, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.aws import errors

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


def failed(name: str, error: Exception) -> Check:
    if errors.is_denied(error):
        words = f"These credentials may not look at this ({short(error)})."
        return Check(
            name,
            Verdict.UNSURE,
            words,
            "It may still work. To have it checked, add the policy below to whoever you "
            "are signed in as.",
        )
    if errors.code_of(error) in errors.EXPIRED:
        return Check(
            name,
            Verdict.BAD,
            f"AWS refused the credentials: {short(error)}",
            "Sign in again (`aws sso login`), then look again.",
        )
    return Check(
        name,
        Verdict.UNSURE,
        f"It could not be looked at: {short(error)}",
        "Look again in a moment.",
    )


def short(error: Exception) -> str:
    """The first line of an error, for a page."""
    return (str(error).splitlines() or [type(error).__name__])[0][:240]
