"""Faults on demand: the next requests that match get an error, a delay, or no answer at all."""

from __future__ import annotations

import fnmatch
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from tests.sagemaker.emulator.errors import ApiError
from tests.sagemaker.emulator.permissions import refused

# kind -> (code, HTTP status, message)
REFUSALS = {
    "throttled": ("ThrottlingException", 400, "Rate exceeded"),
    "expired": (
        "ExpiredTokenException",
        403,
        "The security token included in the request is expired",
    ),
    "unknown_key": (
        "UnrecognizedClientException",
        403,
        "The security token included in the request is invalid.",
    ),
    "broken": ("InternalFailure", 500, "Service is temporarily unavailable"),
    "capacity": (
        "ResourceLimitExceeded",
        400,
        "The account-level service limit is exceeded. Please use AWS Service Quotas to request an increase.",
    ),
}
# "lost": it is done, and the answer never arrives. "cut": it is not done, and there is no answer.
# "slow": `seconds` later. "denied" names the action.
OTHERS = ("lost", "cut", "slow", "denied")


@dataclass
class Fault:
    """`operation` is a name as in the API ("CreateTrainingJob") or a pattern ("Create*"); `service` as in the request's signature."""

    kind: str
    operation: str = "*"
    service: str = "*"
    times: int = 1
    seconds: float = 0.0
    message: str = ""

    def __post_init__(self) -> None:
        if self.kind not in REFUSALS and self.kind not in OTHERS:
            raise ValueError(
                f"no such kind of fault: {self.kind}; there are {', '.join([*REFUSALS, *OTHERS])}"
            )

    def matches(self, service: str, operation: str) -> bool:
        return fnmatch.fnmatchcase(operation, self.operation) and fnmatch.fnmatchcase(
            service, self.service
        )

    def error(self, service: str, operation: str) -> ApiError:
        if self.kind == "denied":
            return refused(service, operation)
        code, status, message = REFUSALS[self.kind]
        return ApiError(code, self.message or message, status)


class Faults:
    """The faults that are still to happen, and how often each operation was asked for and how often it succeeded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.asked: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    def add(self, **values: Any) -> None:
        with self._lock:
            self._waiting.append(Fault(**values))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._waiting]

    def take(self, service: str, operation: str) -> Fault | None:
        """Return the fault that happens to this request, one time less from now on."""
        with self._lock:
            self.asked[operation] += 1
            fault = next(
                (fault for fault in self._waiting if fault.matches(service, operation)), None
            )
            if fault:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
            return fault

    def count(self, operation: str) -> None:
        with self._lock:
            self.done[operation] += 1
