"""What all parts share: the settings that a test may change, the tables of what exists, tags, and clients of the other services."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sagemaker.emulator.errors import ApiError, JobFailure, invalid
from tests.sagemaker.emulator.storage import Storage

ACCOUNT, REGION = "123456789012", "us-east-1"
Record = dict[str, Any]
TICK_SECONDS = 0.1


@dataclass
class Settings:
    """How this account behaves. Seconds, unless said otherwise; `POST /emulator/settings` changes them while it runs."""

    # From Starting to the first thing that happens.
    start_seconds: float = 0.2
    # From SIGTERM to SIGKILL: 120 on AWS.
    grace_seconds: float = 2.0
    # Whether SIGTERM reaches a job's script. In AWS's images it does not: their first process is a
    # shell, which waits for the script and passes no signal on.
    sigterm: bool = False
    # What counts as a second of MaxRuntimeInSeconds, of which AWS takes 60 at least as a limit.
    limit_second: float = 1.0
    # Between two looks at the checkpoint folder.
    sync_seconds: float = 0.5
    endpoint_seconds: float = 0.0
    delete_seconds: float = 0.2
    # Until /ping answers: AWS waits 8 minutes at least.
    ping_seconds: float = 300.0
    # "python" (the real handler behind a small server) or "torchserve" (AWS's whole stack, Java).
    server: str = "python"
    # Instances that may run at once, by "<type> for <use>"; `default_quota` for what is not named.
    quotas: dict[str, int] = field(default_factory=dict)
    default_quota: int = 20
    # Actions that nobody has, as in policies: "sagemaker:CreateEndpoint", "s3:PutObject".
    denied: list[str] = field(default_factory=list)
    # Actions that roles do not have, in the same form.
    role_denied: list[str] = field(default_factory=list)
    # Quotas that are listed with AWS's defaults only, or not at all, as some are in many accounts.
    not_applied: list[str] = field(default_factory=list)
    not_listed: list[str] = field(default_factory=list)
    # What an answer of a batch is called after: its photo's path "below" the prefix, its whole "key", or its "name" alone. AWS's own
    # description of it contradicts itself, so what relies on one of them is wrong.
    answers: str = "below"
    # For how long a model, an endpoint or its configuration is not found yet by what reads or refers to it, as AWS says of them.
    stale_seconds: float = 0.3
    # The same for jobs, of which AWS does not say so.
    stale_job_seconds: float = 0.0
    # How long after it was printed a line is in the log.
    log_seconds: float = 0.5
    # What is paid of a spot instance's price.
    spot_share: float = 0.3


class World:
    """One account in one region."""

    def __init__(self, root: Path, url: str) -> None:
        self.root, self.url = root, url
        self.settings = Settings()
        self.lock = threading.RLock()
        self.tags: dict[str, list[dict[str, str]]] = {}
        # Reasons that the next jobs and endpoints will fail for, by kind.
        self.failures: dict[str, list[str]] = {"training": [], "transform": [], "endpoint": []}
        self.storage = Storage(url, REGION, lambda: self.settings.log_seconds)

    def pause(self, woken: threading.Event, setting: str) -> None:
        """Wait as long as a setting says, which may be changed meanwhile, or until woken."""
        began = time.monotonic()
        while (left := began + getattr(self.settings, setting) - time.monotonic()) > 0:
            if woken.wait(min(left, TICK_SECONDS)):
                return

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"

    def fail_if_asked(self, kind: str) -> None:
        """JobFailure with the next reason that a test has asked for."""
        with self.lock:
            reason = self.failures[kind].pop(0) if self.failures[kind] else ""
        if reason:
            raise JobFailure(reason)

    def tag(self, arn: str, request: Record) -> None:
        self.tags[arn] = list(request.get("Tags", []))


def now() -> float:
    """Return seconds since 1970, as the JSON protocol writes times."""
    return round(time.time(), 3)


class Table:
    """Records by name. Names that begin with an underscore are the emulator's own and are never shown."""

    def __init__(self, world: World, kind: str, word: str, key: str, missing: str = "") -> None:
        """`kind` as in ARNs, `word` as in messages, `key` as the name's member in requests, `missing` as what is not there is called."""
        self.world, self.kind, self.word, self.key, self.missing = world, kind, word, key, missing
        self._staleness = "stale_job_seconds" if kind.endswith("job") else "stale_seconds"
        self.rows: dict[str, Record] = {}

    def add(self, request: Record, more: Record, *, taken: str = "") -> Record:
        """Return a new record of the request. ApiError if the name is taken: ResourceInUse with the
        message `taken`, else as for endpoints."""
        name = request[self.key]
        arn = self.world.arn(self.kind, name)
        if name in self.rows and taken:
            raise ApiError("ResourceInUse", f"{taken} ({arn})")
        if name in self.rows:
            raise invalid(f'Cannot create already existing {self.word} "{arn}".')
        time_now = now()
        row = {key: value for key, value in request.items() if key != "Tags"}
        self.rows[name] = {**row, "CreationTime": time_now, "LastModifiedTime": time_now, **more}
        self.world.tag(arn, request)
        return self.rows[name]

    def get(self, name: str) -> Record:
        """Return a record as a read finds it: not yet, for a while after it was created."""
        stale = getattr(self.world.settings, self._staleness)
        return self.held(name, stale)

    def held(self, name: str, stale: float = 0.0) -> Record:
        """Return a record that is there, however new it is."""
        if name not in self.rows or now() - self.rows[name]["CreationTime"] < stale:
            raise invalid(
                self.missing.format(name)
                or f'Could not find {self.word} "{self.world.arn(self.kind, name)}".'
            )
        return self.rows[name]

    def remove(self, name: str) -> Record:
        self.world.tags.pop(self.world.arn(self.kind, name), None)
        return self.rows.pop(name)


def shown(row: Record) -> Record:
    return {key: value for key, value in row.items() if not key.startswith("_")}


def picked(row: Record, names: Iterable[str]) -> Record:
    return {name: row[name] for name in names if name in row}


def page(
    rows: list[Record], request: Record, *, name: str, status: str = ""
) -> tuple[list[Record], Record]:
    """Return one page of `rows`, filtered, sorted and cut as the List operations do, and the token
    of the next."""
    kept = [row for row in rows if _passes(row, request, name, status)]
    fields = {
        "Name": name,
        "Status": status,
        "CreationTime": "CreationTime",
        "LastModifiedTime": "LastModifiedTime",
    }
    by = fields.get(request.get("SortBy", ""), "CreationTime")
    kept.sort(key=lambda row: row[by], reverse=request.get("SortOrder") != "Ascending")
    return cut(kept, request)


def cut(rows: list[Record], request: Record, default: int = 10) -> tuple[list[Record], Record]:
    """Return the page that NextToken and MaxResults ask for, and the next token."""
    token = request.get("NextToken") or "0"
    if not token.isdigit():
        raise invalid("Invalid NextToken.")
    first, size = int(token), request.get("MaxResults", default)
    return rows[first : first + size], (
        {"NextToken": str(first + size)} if first + size < len(rows) else {}
    )


def _passes(row: Record, request: Record, name: str, status: str) -> bool:
    times = {"CreationTimeAfter": "CreationTime", "LastModifiedTimeAfter": "LastModifiedTime"}
    until = {"CreationTimeBefore": "CreationTime", "LastModifiedTimeBefore": "LastModifiedTime"}
    return (
        request.get("NameContains", "").lower() in row[name].lower()
        and request.get("StatusEquals") in (None, row.get(status))
        and all(row[key] > request[bound] for bound, key in times.items() if bound in request)
        and all(row[key] < request[bound] for bound, key in until.items() if bound in request)
    )
