"""The running resources in the account's region, Fieldmark's and others, as AWS last reported.

Asking AWS takes seconds, so look.py does it in the background and stores the answer in a file;
every page shows that, with its age.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core import settings
from core.aws import account as accounts
from core.aws.account import Account
from core.errors import NotFound
from core.io import files

FILE = "aws-running.json"
# An endpoint without a request for this long is idle.
IDLE_SECONDS = 3600.0
KINDS = ("endpoint", "training", "tuning", "transform", "notebook")


@dataclass(frozen=True)
class Resource:
    """A running resource.

    `created` in seconds since 1970; `usd_per_hour` None if no price is known; `ours`: Fieldmark
    created it. `deadline` is its auto-stop time, `requests` the number within IDLE_SECONDS (None:
    unknown).
    """

    kind: str
    name: str
    arn: str
    state: str
    created: float
    ours: bool = False
    title: str = ""
    machines: str = ""
    usd_per_hour: float | None = None
    deadline: float | None = None
    requests: float | None = None
    model_id: str = ""

    @property
    def usd(self) -> float | None:
        """The approximate cost so far."""
        if self.usd_per_hour is None:
            return None
        return self.usd_per_hour * max(0.0, time.time() - self.created) / 3600

    @property
    def is_idle(self) -> bool:
        return (
            self.kind == "endpoint"
            and self.requests == 0
            and time.time() - self.created > IDLE_SECONDS
        )

    @property
    def is_overdue(self) -> bool:
        return self.deadline is not None and time.time() > self.deadline


@dataclass(frozen=True)
class Running:
    """AWS's answer at `seen`.

    `problems`: why parts are missing; `reached`: whether there was any answer.
    """

    region: str
    seen: float
    resources: tuple[Resource, ...] = ()
    problems: tuple[str, ...] = ()
    account_key: str = ""
    reached: bool = True

    @property
    def ours(self) -> list[Resource]:
        return [resource for resource in self.resources if resource.ours]

    @property
    def others(self) -> list[Resource]:
        return [resource for resource in self.resources if not resource.ours]

    @property
    def usd_per_hour(self) -> float:
        """The cost of our resources, as far as prices are known."""
        return sum(resource.usd_per_hour or 0.0 for resource in self.ours)


def kept() -> Running | None:
    """Return the last answer for the current account, or None; reads one small file."""
    try:
        body = files.read_json(file())
        found = Running(
            str(body["region"]),
            float(body["seen"]),
            tuple(_resource(entry) for entry in body["resources"]),
            tuple(body["problems"]),
            str(body["account_key"]),
            bool(body.get("reached", True)),
        )
        if found.account_key != key_of(accounts.load()):
            return None
        return found
    except (OSError, ValueError, KeyError, TypeError, NotFound):
        return None


def _resource(entry: Mapping[str, Any]) -> Resource:
    known = Resource.__dataclass_fields__
    return Resource(**{name: value for name, value in entry.items() if name in known})


def keep(found: Running) -> None:
    files.write_json(file(), asdict(found))


def key_of(account: Account) -> str:
    return f"{account.region} {account.role_arn} {account.bucket}"


def file() -> Path:
    """Return the file of the last answer."""
    return settings.home() / FILE
