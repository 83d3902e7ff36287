"""What runs in the account's region and costs money, of ours and of others, as AWS said when it was
asked last.

Asking takes seconds, so `look` does it beside the pages, and what it found is kept in a file: every
page shows that, with its age.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core import settings
from core.aws import account as accounts
from core.aws.account import Account
from core.errors import NotFound
from core.io import files

FILE = "aws-running.json"
# An endpoint is idle that has had no request for so long.
IDLE_SECONDS = 3600.0
KINDS = ("endpoint", "training", "tuning", "transform", "notebook")
_looking = threading.Lock()
# When AWS was asked last for what each file keeps, whether it answered or not.
_tried: dict[Path, float] = {}


@dataclass(frozen=True)
class Resource:
    """One thing that runs.

    `created` in seconds since 1970; `usd_per_hour` None where no price is known; `ours`: Fieldmark
    made it.

    `deadline` is when it should end by itself, `requests` how many an endpoint had within
    IDLE_SECONDS (None: not known).
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
        """What it has cost so far, about."""
        return (
            None
            if self.usd_per_hour is None
            else self.usd_per_hour * max(0.0, time.time() - self.created) / 3600
        )

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
    """What AWS said at `seen`.

    `problems`: what could not be asked, and why; `reached`: whether there was any answer.
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
        """Of ours, as far as prices are known."""
        return sum(resource.usd_per_hour or 0.0 for resource in self.ours)


def kept() -> Running | None:
    """What was found last in the account that is set up now; None where nothing was.

    Reads one small file.
    """
    try:
        body = files.read_json(_file())
        found = Running(
            str(body["region"]),
            float(body["seen"]),
            tuple(
                Resource(
                    **{name: entry[name] for name in Resource.__dataclass_fields__ if name in entry}
                )
                for entry in body["resources"]
            ),
            tuple(body["problems"]),
            str(body["account_key"]),
            bool(body.get("reached", True)),
        )
        return found if found.account_key == key_of(accounts.load()) else None
    except (OSError, ValueError, KeyError, TypeError, NotFound):
        return None


def look_beside(older_than: float) -> None:
    """Ask AWS in a thread where what is kept is older than so many seconds; returns at once."""
    try:
        account = accounts.load()
    except NotFound:
        return
    found, target = kept(), _file()
    newest = max(found.seen if found else 0.0, _tried.get(target, 0.0))
    if (
        not account.region
        or time.time() - newest < older_than
        or not _looking.acquire(blocking=False)
    ):
        return
    _tried[target] = time.time()

    def looking() -> None:
        from core.backends.sagemaker.inventory.look import look

        try:
            now = look(account)
            # What was seen last is worth more than nothing: where AWS can't be reached it stays,
            # with its time.
            kept_on = (
                replace(found, reached=False, problems=now.problems)
                if found and not now.reached
                else now
            )
            files.write_json(target, asdict(kept_on))
        finally:
            _looking.release()

    threading.Thread(target=looking, daemon=True).start()


def is_looking() -> bool:
    return _looking.locked()


def keep(found: Running) -> None:
    files.write_json(_file(), asdict(found))


def key_of(account: Account) -> str:
    return f"{account.region} {account.role_arn} {account.bucket}"


def _file() -> Path:
    return settings.home() / FILE
