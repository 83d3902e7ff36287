"""Why a job ended, as a value for code. The reason of a job explains it to people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why a job failed or was stopped."""

    NONE = ""
    # Stopped.
    USER = "user"
    ELSEWHERE = "elsewhere"
    EARLY_STOPPING = "early_stopping"
    TUNING_ENDED = "tuning_ended"
    TIME_LIMIT = "time_limit"
    # Stopped while it waited for instances, or Failed after they were reclaimed too often.
    SPOT = "spot"
    # Failed.
    ERROR = "error"
    DIED = "died"
    SILENT = "silent"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    QUOTA = "quota"
    CAPACITY = "capacity"

    @classmethod
    def _missing_(cls, value: object) -> Cause:
        """Return NONE for a cause of a newer version."""
        return cls.NONE


@dataclass(frozen=True)
class Ending:
    """Why a job ended or is to end: a reason for people, a cause for code."""

    reason: str
    cause: Cause


BY_USER = Ending("Stopped on request.", Cause.USER)

# Reasons of statuses from before there were causes, by state. Today's reasons may differ. The first
# match counts, because a full disk can also be the reason of an exit.
_OLD_REASONS = tuple(
    (state, re.compile(words), cause)
    for state, words, cause in (
        ("Stopped", r"Stopped early", Cause.EARLY_STOPPING),
        ("Stopped", r"Stopped with its tuning job", Cause.TUNING_ENDED),
        ("Stopped", r"Stopped on request", Cause.USER),
        ("Stopped", r"It was stopped on SageMaker", Cause.ELSEWHERE),
        ("Stopped", r"It reached its time limit", Cause.TIME_LIMIT),
        ("Stopped", r"No spot machine was free", Cause.SPOT),
        ("Failed", r"The process that ran this job died without a word", Cause.DIED),
        ("Failed", r"(The job|[\w.]+) was ended: no sign of life", Cause.SILENT),
        ("Failed", r"The training process was killed by signal 9", Cause.OUT_OF_MEMORY),
        ("Failed", r"It ran out of memory", Cause.OUT_OF_MEMORY),
        ("Failed", r"The disk( of the instance)? is full", Cause.DISK_FULL),
        ("Failed", r"The account's quota for this instance type", Cause.QUOTA),
        ("Failed", r"[\w ]+ did not work: a quota of the account", Cause.QUOTA),
        ("Failed", r"AWS has no such machine free", Cause.CAPACITY),
        ("Failed", r"The spot machine was taken back", Cause.SPOT),
        ("Failed", r"", Cause.ERROR),
    )
)


def of_status(values: Mapping[str, object]) -> Cause:
    """Return the cause in a status.json, also in one from before there were causes."""
    if "cause" in values:
        return Cause(str(values["cause"]))
    return of_old_reason(str(values["state"]), str(values.get("reason", "")))


def of_old_reason(state: str, reason: str) -> Cause:
    """Return the cause behind the reason of a job that ended in this state."""
    for ended, words, cause in _OLD_REASONS:
        if state == ended and words.match(reason):
            return cause
    return Cause.NONE
