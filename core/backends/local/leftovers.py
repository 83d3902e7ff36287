"""What killed processes left half made, removed when an app starts and now and then: never what
somebody alive may own. Whoever makes something holds it, and a lock ends with its process.

Only the places where things are made are looked into, never the photos, so that a big home takes
little longer than a small one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from core import settings
from core.bin import entries as bin_folder
from core.datasets import export, staging, store
from core.datasets.editing import review
from core.datasets.importing import extending
from core.errors import NotFound, UserError
from core.io import files
from core.jobs import inbox, locks
from core.jobs import store as jobs
from core.jobs.run_folder import ID_PATTERN, RunFolder
from core.jobs.store import State

FETCHING = ".fetch-"
NEW = ".new-"


def sweep() -> None:
    """Removes what belongs to nobody any more. One place that can't be read never keeps the others
    from being swept."""
    places: tuple[Callable[[], object], ...] = (
        _sweep_temporary, _sweep_datasets, _sweep_jobs, _sweep_caches, inbox.sweep, review.sweep,
        bin_folder.sweep,
    )  # fmt: skip
    for place in places:
        with suppress(OSError):
            place()


def _sweep_temporary() -> None:
    _remove_abandoned(settings.temporary_dir().iterdir())
    _remove_drafts(settings.home())


def _sweep_datasets() -> None:
    root = settings.datasets_dir()
    staging.sweep(root)
    for folder in _folders(root):
        inspected = _folders(folder / "inspections")
        for making in (folder / "versions", folder / "inspections", *inspected):
            if making.is_dir():
                staging.sweep(making)
        for writing in (folder, folder / "drafts"):
            _remove_drafts(writing)
    for item in store.datasets():
        if isinstance(item, store.Dataset):
            extending.sweep(item.root)


def _sweep_jobs() -> None:
    for entry in list(os.scandir(settings.jobs_dir())):
        path = Path(entry.path)
        if entry.name.startswith(files.DELETED):
            files.remove(path)
        elif entry.name.startswith(jobs.MAKING):
            if files.is_abandoned(path) and not locks.is_locked(RunFolder(path).lock):
                files.remove(path)
        elif ID_PATTERN.fullmatch(entry.name):
            _sweep_job(RunFolder(path))


def _sweep_job(folder: RunFolder) -> None:
    """What the job's process left, where none runs and none can begin meanwhile."""
    with locks.at_rest(folder, 0.0) as rests:
        if not rests:
            return
        for place in (folder.path, folder.input, folder.output, folder.model, folder.checkpoints):
            _remove_drafts(place)
        for path in (folder.temporary, *folder.path.glob(f"{FETCHING}*")):
            if path.is_dir():
                files.remove(path)
    _sweep_export(folder)
    _sweep_plan(folder)


def _sweep_plan(folder: RunFolder) -> None:
    """What a look into a source brought here, and nobody imported for so long."""
    if not folder.path.name.startswith(jobs.prefix("plan")):
        return
    with suppress(NotFound, UserError, OSError):
        ended = jobs.read(folder.path.name).status.ended
        if ended and time.time() - ended > settings.PLAN_SECONDS:
            jobs.delete(folder.path.name)


def _sweep_export(folder: RunFolder) -> None:
    """The half of an export in the folder that a person named."""
    if not folder.path.name.startswith(jobs.prefix("export")):
        return
    with suppress(NotFound, OSError):
        job = jobs.read(folder.path.name)
        if job.state is not State.COMPLETED:
            _remove_abandoned(export.unfinished(Path(str(job.spec["path"]))))


def _sweep_caches() -> None:
    """What the training scripts left beside the features, where nothing runs that could own it."""
    root = settings.features_dir()
    left = [path for folder in (root, *_folders(root)) for path in _hidden(folder)]
    if left and not _anything_runs():
        for path in left:
            if path.name.startswith(NEW) or path.name.endswith(files.DRAFT):
                files.remove(path)


def _anything_runs() -> bool:
    folders = (RunFolder(path) for path in _folders(settings.jobs_dir()))
    tasks = settings.temporary_dir().iterdir()
    return any(locks.is_locked(folder.lock) for folder in folders) or any(tasks)


def _remove_drafts(folder: Path) -> None:
    """Files that were being written beside the one that they were to replace."""
    _remove_abandoned(path for path in _hidden(folder) if path.name.endswith(files.DRAFT))


def _remove_abandoned(paths: Iterator[Path]) -> None:
    for path in list(paths):
        if files.is_abandoned(path):
            files.remove(path)


def _hidden(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                yield Path(entry.path)


def _folders(parent: Path) -> list[Path]:
    with suppress(FileNotFoundError), os.scandir(parent) as entries:
        return [Path(e.path) for e in entries if e.is_dir() and not e.name.startswith(".")]
    return []
