"""The backends under test, and jobs of a few lines that end, hang, die and lie as a test wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import settings
from core.aws import account as accounts
from core.backends import LOCAL, SAGEMAKER, Backend
from core.backends.local import backend as local_backend
from core.datasets import store
from core.jobs import prefork
from core.jobs.specs import Resources, TrainingSpec
from core.jobs.store import Job
from tests.backends import toy_worker
from tests.backends.scripts import GO, WAITS
from tests.datasets import made
from tests.sagemaker.conftest import aws, emulator

__all__ = ["aws", "emulator"]

BACKENDS: dict[str, Backend] = {"local": LOCAL, "sagemaker": SAGEMAKER}


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """Each backend in turn; SageMaker is the emulator's, set up for the home that the tests of the contract share."""
    found = BACKENDS[request.param]
    if not found.asks_resources:
        yield found
        return
    request.getfixturevalue("aws")
    account = accounts.load()
    request.getfixturevalue("heated")
    accounts.save(account)
    yield found
    (settings.home() / accounts.FILE).unlink()


def machines(backend: Backend) -> Resources | None:
    """What a job is asked to run on, where its backend wants to know."""
    return Resources("ml.m5.xlarge", max_seconds=600) if backend.asks_resources else None


def server(backend: Backend) -> Resources | None:
    """What an endpoint is asked to run on."""
    return Resources(memory_mb=3072) if backend.asks_resources else None


def toy_version(root: Path) -> store.Version:
    """A dataset that only toys train on: a manifest without files."""
    frame = made.frame({"cat": 4, "dog": 4}).assign(
        split=["train", "train", "validation", "test"] * 2
    )
    return store.add_dataset("Toys", root, "made by a test", frame, {}, split={})


@pytest.fixture
def version(home: Path) -> store.Version:
    return toy_version(home)


@dataclass(frozen=True)
class Toys:
    """Submits training jobs whose script is the test's. Backend, worker, locks, signals and files are the real ones."""

    version: store.Version

    @property
    def folder(self) -> Path:
        return settings.home() / toy_worker.FOLDER

    def spec(self, name: str = "Toy") -> TrainingSpec:
        return TrainingSpec(name, self.version.dataset_id, self.version.id, {})

    def script(self, text: str, **limits: float) -> None:
        """What jobs run from here on. `stop_seconds`, `silent_seconds` and
        `file_bytes` bound the worker and what it starts."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "train.py").write_text(text)
        (self.folder / toy_worker.LIMITS).write_text(json.dumps(limits))

    @property
    def go(self) -> Path:
        """Until it is there, WAITS runs."""
        return self.folder / GO

    def waiting(self, text: str = "") -> None:
        """From here on jobs run until told to go, and then go on with `text`."""
        self.script(WAITS.format(go=str(self.go)) + text)

    def train(self, text: str, **limits: float) -> Job:
        self.script(text, **limits)
        return LOCAL.train(self.spec())


@pytest.fixture
def toys(version: store.Version, monkeypatch: pytest.MonkeyPatch) -> Toys:
    monkeypatch.setattr(local_backend, "WORKER", toy_worker.__name__)
    # A toy has to go through the toys' worker, whatever warm process there may be.
    monkeypatch.setattr(prefork, "fork_worker", lambda folder, lock: None)
    return Toys(version)
