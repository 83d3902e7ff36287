"""The result of a pre-flight check: verdict, finding and fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.aws import errors

MakeClient = Callable[[str], Any]


class Verdict(StrEnum):
    """The result of a check. UNSURE: unknown, a job may start nevertheless."""

    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Check:
    """One check: its finding, and a fix if the verdict is not good.

    `code` is text to copy, such as a policy or a command.
    """

    name: str
    verdict: Verdict
    found: str
    fix: str = ""
    code: str = ""


def failed(name: str, error: Exception) -> Check:
    """Return the check `name` that AWS did not answer."""
    if errors.is_denied(error):
        words = f"These credentials lack the permission for this check ({short(error)})."
        return Check(
            name,
            Verdict.UNSURE,
            words,
            "Jobs may work nevertheless. To enable the check, add the policy under Permissions to "
            "your user or role.",
        )
    if errors.code_of(error) in errors.EXPIRED:
        return Check(
            name,
            Verdict.BAD,
            f"AWS rejected the credentials: {short(error)}",
            "Sign in again, then check again:",
            "aws sso login",
        )
    return Check(
        name,
        Verdict.UNSURE,
        f"The check failed: {short(error)}",
        "Check again in a minute.",
    )


def short(error: Exception) -> str:
    """Return the first line of an error, at most 240 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:240]
