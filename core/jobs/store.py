"""Jobs as folders: their ids and states, and how they are created, read, listed and deleted."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from core import settings
from core.bin import entries as bin_folder
from core.errors import NotFound, UserError
from core.io import files
from core.jobs import locks
from core.jobs.run_folder import RunFolder
from core.jobs.status import causes
from core.jobs.status.causes import Cause

ID_DASHES = 3
MAKING = ".making-"


class State(StrEnum):
    """The state of a job; the same on every backend."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def is_finished(self) -> bool:
        return self in (State.COMPLETED, State.FAILED, State.STOPPED)


@dataclass(frozen=True)
class Status:
    """The status of a job, as status.json holds it.

    Times are in seconds since 1970. `progress` depends on the kind of job (see status/progress.py).
    `reason` says why it ended, in words, and `cause` says it to code.
    """

    state: State = State.PENDING
    reason: str = ""
    started: float | None = None
    ended: float | None = None
    pid: int | None = None
    pid_created: float | None = None
    progress: Mapping[str, object] = field(default_factory=dict)
    cause: Cause = Cause.NONE

    @property
    def seconds(self) -> float | None:
        """Return the running time so far, or the total if it has ended; None before the start."""
        if self.started is None:
            return None
        return (self.ended or time.time()) - self.started


@dataclass(frozen=True)
class Job:
    """A submitted job: its spec, which never changes, and its latest status."""

    id: str
    kind: str
    name: str
    backend: str
    created: float
    spec: dict[str, Any]
    status: Status
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def state(self) -> State:
        return self.status.state

    @property
    def tuning_id(self) -> str:
        """Return the id of the tuning job that this is a trial of, or ""."""
        return str(self.spec.get("tuning_id", ""))

    @property
    def folder(self) -> RunFolder:
        return RunFolder.of(self.id)


@dataclass(frozen=True)
class Unreadable:
    """A folder whose files can't be read, and why; the rest of the list stays usable."""

    id: str
    reason: str


def prefix(kind: str) -> str:
    """Return the prefix of the ids of this kind of job."""
    return f"fm-{kind}-"


def new_id(kind: str) -> str:
    """Return a new id, valid as a SageMaker name: `fm-<kind>-<utc>-<6 random hex digits>`."""
    return f"{prefix(kind)}{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(3)}"


def create(
    job_id: str, kind: str, name: str, backend: str, spec: Mapping[str, object]
) -> tuple[Job, int | None]:
    """Create the run folder, atomically, and take its lock.

    Returns the job and the file descriptor of the lock, to be passed to the worker so that the lock
    is never free in between. If the id exists, returns its job and None: a double click creates one
    job.
    """
    folder = RunFolder.of(job_id)
    making = RunFolder(folder.path.with_name(f"{MAKING}{job_id}-{secrets.token_hex(3)}"))
    handle = -1
    try:
        for part in (making.path, making.input, making.model, making.checkpoints, making.output):
            part.mkdir(mode=settings.OWNER_ONLY)
        # Created here, so that only its owner can read it.
        os.close(os.open(making.log, os.O_WRONLY | os.O_CREAT, 0o600))
        handle = os.open(making.lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        files.write_json(making.status, asdict(Status()))
        body = {
            "id": job_id,
            "kind": kind,
            "name": name,
            "backend": backend,
            "created": time.time(),
            "spec": spec,
        }
        files.write_json(making.spec, body)
        # A rename never replaces a folder that holds files, and no reader sees an incomplete job.
        os.rename(making.path, folder.path)
    except OSError as error:
        if handle >= 0:
            os.close(handle)
        files.remove(making.path)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return read(job_id), None
        raise files.unwritable(error, making.spec) or error from error
    return read(job_id), handle


def read(job_id: str) -> Job:
    """Return the job. Raises NotFound if there is none or it can't be read."""
    folder = RunFolder.of(job_id)
    try:
        label = _stamp(folder.label) if folder.label.exists() else None
        return _read(folder, _stamp(folder.spec), _stamp(folder.status), label)
    except FileNotFoundError as error:
        raise NotFound(f"There is no job {job_id}: {error.filename} is missing.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotFound(f"Job {job_id} can't be read: {type(error).__name__}: {error}") from error


def listing(kind: str = "") -> list[Job | Unreadable]:
    """Return all jobs (of one kind), newest first, those that can't be read as Unreadable."""
    return list(_entries(kind))


def readable(kind: str = "") -> list[Job]:
    """Return all jobs (of one kind) that can be read, newest first."""
    return [job for job in _entries(kind) if isinstance(job, Job)]


def without_trials(found: Iterable[Job | Unreadable]) -> list[Job | Unreadable]:
    """Return the jobs without the trials of tuning jobs."""
    return [item for item in found if isinstance(item, Unreadable) or not item.tuning_id]


def write_status(folder: RunFolder, status: Status) -> None:
    files.write_json(folder.status, asdict(status))


def delete(job_id: str) -> None:
    """Delete an ended job's folder for good. Idempotent. Raises UserError while the job runs."""
    path = RunFolder.of(job_id).path
    doomed = path.with_name(f"{files.DELETED}{job_id}-{secrets.token_hex(3)}")
    with _taking_away(job_id):
        path.rename(doomed)
    files.remove(doomed)


def move_to_bin(job_id: str, group: str = "") -> str:
    """Move an ended job's folder into the bin, in one step.

    Return its group there, or "" if there is nothing to restore. Raises UserError while the job
    runs.
    """
    taken = ""
    with _taking_away(job_id):
        taken = bin_folder.take(RunFolder.of(job_id).path, group)
    return taken  # noqa: RET504, the block ends early if the folder is gone


@contextmanager
def _taking_away(job_id: str) -> Iterator[None]:
    """Allow the block to rename an ended job's folder; a folder that is gone is no error."""
    folder = RunFolder.of(job_id)
    with locks.at_rest(folder, locks.RELEASE_SECONDS if _has_ended(folder) else 0.0) as rests:
        if not rests:
            raise UserError("This job is still running. Stop it first, then delete it.")
        archive = _uploaded_archive(job_id)
        try:
            yield
        except FileNotFoundError:
            return
        except OSError as error:
            raise files.unwritable(error, folder.path) or error from error
    if archive:
        files.remove(archive)


def _uploaded_archive(job_id: str) -> Path | None:
    """Return the upload that a killed job has left. Nothing reads it again, and without the job
    nothing would know that."""
    try:
        path = Path(str(read(job_id).spec.get("path", "")))
    except NotFound:
        return None
    if path.parent == settings.uploads_dir() and path.is_file():
        return path
    return None


def _has_ended(folder: RunFolder) -> bool:
    """Whether the job has ended or can't be read: then a reader may hold its lock for a moment."""
    try:
        return read(folder.path.name).state.is_finished
    except NotFound:
        return True


def _entries(kind: str) -> Iterator[Job | Unreadable]:
    names = [
        entry.name
        for entry in os.scandir(settings.jobs_dir())
        if _is_of_kind(entry.name, kind) and entry.is_dir()
    ]
    for name in sorted(names, key=_time_key, reverse=True):
        try:
            yield read(name)
        except NotFound as error:
            # Another session may have deleted it since the folder was listed.
            if (settings.jobs_dir() / name).is_dir():
                yield Unreadable(name, str(error))


def _is_of_kind(name: str, kind: str) -> bool:
    """Whether the folder's name is that of a job of this kind (or of any). A trial that SageMaker
    named after its tuning job is a training job."""
    if not kind or not name.startswith("fm-tuning-"):
        return name.startswith(f"fm-{kind}-" if kind else "fm-")
    return (kind == "training") == (name.count("-") > ID_DASHES) and kind in ("training", "tuning")


def _time_key(name: str) -> list[str]:
    """Return a sort key: the time in the name."""
    return name.split("-")[2:]


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return values that change when the file is replaced."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8192)
def _read(
    folder: RunFolder,
    _spec: tuple[int, ...],
    _status: tuple[int, ...],
    label: tuple[int, ...] | None,
) -> Job:
    """Read a job, cached until one of its files is replaced: a list of hundreds of jobs is drawn
    every second, and few of them change."""
    body, status = files.read_json(folder.spec), files.read_json(folder.status)
    return _job(folder.path.name, body, status, files.read_json(folder.label) if label else {})


def _job(
    job_id: str, body: Mapping[str, Any], status: Mapping[str, Any], label: Mapping[str, Any]
) -> Job:
    return Job(
        id=job_id,
        kind=str(body["kind"]),
        name=str(label.get("name") or body["name"]),
        backend=str(body["backend"]),
        created=float(body["created"]),
        spec=dict(body["spec"]),
        status=_status(status),
        tags=tuple(label.get("tags", ())),
        note=str(label.get("note", "")),
    )


def _status(values: Mapping[str, Any]) -> Status:
    """Parse status.json. Ignores fields of newer versions; raises ValueError for a wrong type."""
    known = {name: values[name] for name in Status.__dataclass_fields__ if name in values}
    decided = {"state": State(known["state"]), "cause": causes.of_status(values)}
    status = Status(**known | decided)
    times = (status.started, status.ended, status.pid_created)
    whole = (
        isinstance(status.reason, str)
        and isinstance(status.progress, dict)
        and isinstance(status.pid, int | None)
    )
    if not whole or not all(isinstance(moment, int | float | None) for moment in times):
        raise ValueError("status.json holds a value of the wrong type")
    return status
