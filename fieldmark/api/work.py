"""Jobs from Python: start one, wait for it, and see where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pandas as pd

from core import backends
from core.errors import FieldmarkError, NotFound, UserError
from core.jobs import store
from core.jobs.store import Job, State
from core.training import stage
from core.training.metrics import MetricLog
from core.training.setup import setup_of

LOOK_SECONDS = 0.2
STAGES = {
    stage.FEATURES: "Extracting features",
    stage.TRAINING: "Training",
    stage.TEST: "Testing",
}


class Named(Protocol):
    """What a person calls by its id or its name."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)


class JobFailed(FieldmarkError):
    """A job that has failed or was stopped; `job` is its id, and the message has the reason."""

    def __init__(self, job: Job) -> None:
        words = {State.STOPPED: "was stopped"}.get(job.state, "has failed")
        super().__init__(f"{job.name} ({job.id}) {words}. {job.status.reason}".rstrip())
        self.job = job.id


@dataclass(frozen=True)
class Standing:
    """Where a running job stands: its phase in words, and the share that is done, 0 to 1, or None
    if it is not known."""

    words: str
    share: float | None = None


Tell = Callable[[Standing], None]


def silent(_: Standing) -> None:
    """Tell nobody."""


def wait(job: Job, tell: Tell = silent) -> Job:
    """Wait until the job has ended, and call `tell` while it runs. Return the completed job.

    Raises JobFailed if it fails or is stopped. The job goes on if the caller is interrupted.
    """
    backend, log = backends.of(job), MetricLog(job.folder.log)
    while not (job := backend.refresh(job)).state.is_finished:
        tell(standing(job, log))
        time.sleep(LOOK_SECONDS)
    if job.state is not State.COMPLETED:
        raise JobFailed(job)
    return job


def standing(job: Job, log: MetricLog) -> Standing:
    """Return where the job stands, from its progress and, for a training, its log."""
    known = job.status.progress
    words = str(known.get("phase") or job.state)
    if job.kind == "training":
        found = stage.stage_of(log.refresh(), setup_of(job.spec.get("hyperparameters", {})))
        if found:
            return Standing(STAGES[found.name], found.share)
    if job.kind == "tuning":
        done, total = _number(known.get("trials")), _number(job.spec.get("max_trials"))
        return Standing(f"{done:.0f} of {total:.0f} trials", _share(done, total))
    if "share" in known:
        return Standing(words, _number(known["share"]))
    return Standing(words, _share(_number(known.get("done")), _number(known.get("total"))))


def _number(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    return 0.0


def _share(done: float, total: float) -> float | None:
    if not total:
        return None
    return min(1.0, done / total)


def one(items: Iterable[Item], wanted: str, what: str) -> Item:
    """Return the item with this id or this name.

    Raises NotFound if there is none, UserError if several have the name.
    """
    known = list(items)
    found = [item for item in known if item.id == wanted] or [
        item for item in known if item.name == wanted
    ]
    if not found:
        names = ", ".join(item.name for item in known[:8]) or "none"
        raise NotFound(f"There is no {what} called {wanted!r}. There are: {names}.")
    if len(found) > 1:
        ids = ", ".join(item.id for item in found)
        raise UserError(f"{len(found)} of the {what}s are called {wanted!r}. Use an id: {ids}.")
    return found[0]


def find(wanted: str) -> Job:
    """Return the job with this id or name, as it is now. Raises NotFound or UserError as `one`."""
    job = one(store.readable(), wanted, "job")
    return backends.of(job).refresh(job)


def jobs(kind: str = "") -> pd.DataFrame:
    """Return every job (of one kind) as a table, newest first.

    Columns: id, kind, name, state, where, created (UTC), seconds, reason.
    """
    rows = [row(job) for job in store.without_trials(store.readable(kind)) if isinstance(job, Job)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS = ("id", "kind", "name", "state", "where", "created", "seconds", "reason")


def row(job: Job) -> dict[str, Any]:
    """Return the job as a row of `jobs`."""
    values = (
        job.id,
        job.kind,
        job.name,
        str(job.state),
        job.backend,
        pd.Timestamp(job.created, unit="s", tz="UTC"),
        job.status.seconds,
        job.status.reason,
    )
    return dict(zip(COLUMNS, values, strict=True))


def paths(given: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the photos that were named, as full paths. Raises UserError if one is not a file."""
    if isinstance(given, str | Path):
        given = [given]
    found = [Path(path).expanduser().absolute() for path in given]
    if not found:
        raise UserError("Name at least one photo.", field="photos")
    missing = [str(path) for path in found if not path.is_file()]
    if missing:
        raise UserError(f"There is no file at {', '.join(missing[:5])}.", field="photos")
    return found
