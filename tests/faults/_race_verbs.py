"""The actions that two users may take on one object at the same time, and how to check them
afterwards.

Each action gets an object's id and a unique mark. `seen` says whether its effect is there; None if
another action may undo it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.backends import LOCAL
from core.datasets import store
from core.datasets.editing import drafts, edits, review
from core.endpoints import capture
from core.io import files
from core.jobs import labels, processes
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.store import State, Status
from core.models import explain
from core.models import store as models
from tests.datasets import made

SPEC = {"dataset_id": "birds", "version_id": "v1", "hyperparameters": {}}


@dataclass(frozen=True)
class Verb:
    """`part` is what it writes: of two that write the same part one may be the last."""

    act: Callable[[str, str], object]
    seen: Callable[[str, str], bool] | None = None
    part: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of object: how one is made, its folder by id, and the actions on it."""

    make: Callable[[], str]
    folder: Callable[[str], Path]
    verbs: Mapping[str, Verb]


def _job(kind: str, state: State, **status: object) -> str:
    job, lock = jobs.create(jobs.new_id(kind), kind, "Made", "local", SPEC)
    assert lock is not None
    jobs.write_status(job.folder, Status(state, **status))  # type: ignore[arg-type]
    os.close(lock)
    return job.id


def _dead_job() -> str:
    return _job("training", State.IN_PROGRESS, started=1.0)


def _model() -> str:
    job_id = _job("training", State.COMPLETED)
    folder = RunFolder.of(job_id)
    description = {"format": models.FORMAT, "classes": ["cat", "dog"]}
    files.write_json(folder.model / models.DESCRIPTION, description)
    (folder.model / models.WEIGHTS).write_bytes(b"weights")
    models.pack(folder.model, folder.artifact)
    return job_id


def _take_and_drop(job_id: str, _mark: str) -> None:
    """Resume a watch."""
    lock = processes.take_lock(RunFolder.of(job_id).lock)
    if lock is not None:
        os.close(lock)


def _list_jobs(_job_id: str, _mark: str) -> None:
    assert not [found for found in jobs.listing() if isinstance(found, jobs.Unreadable)]


def _list_datasets(_dataset_id: str, _mark: str) -> None:
    found = store.datasets()
    assert not [item for item in found if isinstance(item, store.Unreadable)]


def _fill_in_form(job_id: str, mark: str) -> None:
    shown = jobs.read(job_id)
    labels.change_label(shown, shown.name, [mark], shown.note)


LABELS = {
    "rename": Verb(
        lambda job, mark: labels.set_label(job, name=mark),
        lambda job, mark: jobs.read(job).name == mark,
        "name",
    ),
    "note": Verb(
        lambda job, mark: labels.set_label(job, note=mark),
        lambda job, mark: jobs.read(job).note == mark,
        "note",
    ),
    "tag": Verb(
        lambda job, mark: labels.set_tag(job, mark, True),
        lambda job, mark: mark in jobs.read(job).tags,
    ),
    "form": Verb(
        _fill_in_form,
        lambda job, mark: mark in jobs.read(job).tags,
        "form",
    ),
    "delete": Verb(lambda job, _: jobs.delete(job)),
    "bin": Verb(lambda job, _: jobs.move_to_bin(job)),
    "list": Verb(_list_jobs),
}
JOBS = {
    **LABELS,
    "refresh": Verb(lambda job, _: LOCAL.refresh(jobs.read(job))),
    "stop": Verb(lambda job, _: LOCAL.stop(jobs.read(job))),
    "watch": Verb(_take_and_drop),
}
MODELS = {
    **LABELS,
    "explain": Verb(lambda job, _: explain._make_folder(models.read(job))),
    "pack": Verb(lambda job, _: models.pack(RunFolder.of(job).model, RunFolder.of(job).artifact)),
    "models": Verb(lambda _job, _mark: models.listing()),
}


def _keep_photo(job_id: str, mark: str) -> None:
    folder = RunFolder.of(job_id)
    with files.there(folder.path, "endpoint"):
        keeper = capture.Keeper(folder, capture.Limits(100, 10**6))
        keeper.keep(1.0 + float(mark), b"photo", {"predictions": []})


ENDPOINTS = {
    **LABELS,
    "endpoints": Verb(lambda _job, _mark: LOCAL.endpoints()),
    "photo": Verb(_keep_photo),
    "refresh": Verb(lambda job, _: LOCAL.refresh(jobs.read(job))),
}


def _dataset() -> str:
    frame = made.frame({"cat": 4, "dog": 4})
    frame = frame.assign(split=["train", "train", "validation", "test"] * 2)
    root = settings.home() / "photos"
    root.mkdir(exist_ok=True)
    version = store.add_dataset("Made", root, "made by a test", frame, {}, split={})
    drafts.add(version, _step(version, "fox"))
    return version.dataset_id


def _first(dataset_id: str) -> store.Version:
    return store.version(dataset_id, "v1")


def _step(version: store.Version, mark: str) -> edits.Step:
    path = store.manifest_of(version, columns=["path"])["path"][0]
    return edits.relabel([path], "cat", mark)


def _is_in_draft_or_version(dataset_id: str, mark: str) -> bool:
    marks = [step.why for step in drafts.steps(_first(dataset_id))]
    for version in store.versions(dataset_id):
        assert isinstance(version, store.Version)
        steps = version.folder / edits.STEPS
        marks += [step["why"] for step in files.read_json(steps)] if steps.exists() else []
    return mark in marks


def _new_version(dataset_id: str, mark: str) -> None:
    first = _first(dataset_id)
    store.add_version(first, store.manifest_of(first), mark, {})


def _has_version(dataset_id: str, mark: str) -> bool:
    found = store.versions(dataset_id)
    return mark in [item.note for item in found if isinstance(item, store.Version)]


DATASETS = {
    "rename": Verb(
        store.rename,
        lambda one, mark: store.dataset(one).name == mark,
        "name",
    ),
    "step": Verb(
        lambda one, mark: drafts.add(_first(one), _step(_first(one), mark)),
        _is_in_draft_or_version,
    ),
    "undo": Verb(lambda one, _: drafts.undo(_first(one))),
    "discard": Verb(lambda one, _: drafts.discard(_first(one))),
    "finish": Verb(lambda one, mark: drafts.finish(_first(one), mark), _has_version),
    "version": Verb(_new_version, _has_version),
    "delete": Verb(lambda one, _: store.move_to_bin(one)),
    "list": Verb(_list_datasets),
}


def _entry() -> str:
    photo = settings.home() / "one.jpg"
    made.photo(photo, seed=os.getpid())
    return review.add(photo, shown="one.jpg", label="cat").id


REVIEWS = {
    "add": Verb(lambda _one, _mark: _entry()),
    "propose": Verb(
        lambda one, mark: review.propose([one], mark),
        lambda one, mark: review.read(one).proposed == mark,
        "proposed",
    ),
    "dismiss": Verb(lambda one, _: review.dismiss([one])),
    "list": Verb(lambda _one, _mark: review.entries()),
}
KINDS = {
    "job": Kind(
        lambda: _job("training", State.COMPLETED), lambda one: RunFolder.of(one).path, JOBS
    ),
    "dead": Kind(_dead_job, lambda one: RunFolder.of(one).path, JOBS),
    "model": Kind(_model, lambda one: RunFolder.of(one).path, MODELS),
    "endpoint": Kind(
        lambda: _job("endpoint", State.FAILED), lambda one: RunFolder.of(one).path, ENDPOINTS
    ),
    "dataset": Kind(_dataset, lambda one: settings.datasets_dir() / one, DATASETS),
    "review": Kind(_entry, lambda one: settings.home() / "review" / one, REVIEWS),
}
# For these pairs the effect of one does not show whether the other one ran.
UNDOES = {
    ("step", "undo"),
    ("step", "discard"),
    ("add", "propose"),
    ("form", "tag"),
    ("dismiss", "add"),
}
