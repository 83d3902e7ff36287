"""Preview jobs: the plan is stored, changed, imported, and imported again after a failure."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.backends.local import leftovers
from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.planning import plan_store
from core.io import files
from core.jobs import inbox
from core.jobs.specs import PlanSpec
from core.jobs.store import Job, State
from tests.backends.watching import ended, until
from tests.datasets import made


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = made.class_folders(tmp_path / "in", {"crow": 4, "owl": 4})
    made.photo(folder / "loose.jpg", seed=7)
    return folder


def previewed(spec: PlanSpec) -> Job:
    job = ended(LOCAL, LOCAL.plan(spec))
    assert job.state is State.COMPLETED, job.status.reason
    return job


def imported(spec: PlanSpec, job: Job, name: str = "Birds") -> Job:
    decisions = plan_store.load_decisions(job.folder.output)
    return ended(LOCAL, LOCAL.import_dataset(spec.import_spec(name, decisions.as_dict())))


def test_a_plan_is_changed_and_carried_out(photos: Path) -> None:
    spec = PlanSpec("in", "folder", str(photos))
    job = previewed(spec)
    assert plan_store.load_plan(job.folder.output).photos == 8
    assert store.datasets() == []
    decisions = plan_store.load_decisions(job.folder.output)
    plan_store.save_decisions(
        job.folder.output, replace(decisions, loose="unlabelled", renamed={"crow": "raven"})
    )
    done = imported(spec, job)
    assert done.state is State.COMPLETED, done.status.reason
    version = store.latest(str(done.status.progress["dataset_id"]))
    assert (version.classes, version.unlabelled) == (("owl", "raven"), 1)
    stored = files.read_json(version.folder / importing.PLAN)
    assert stored["decisions"]["renamed"] == {"crow": "raven"}
    assert plan_store.is_imported(job.folder.output)


def test_an_archive_is_unpacked_once_and_kept_until_it_is_imported(photos: Path) -> None:
    (photos / "crow" / "Thumbs.db").write_text("x")
    archive = inbox.new_archive()
    shutil.move(shutil.make_archive(str(photos.parent / "in"), "zip", photos), archive)
    spec = PlanSpec("in", "archive", str(archive), shown="in.zip")
    job = previewed(spec)
    assert not archive.exists()
    (left,) = [
        left
        for left in plan_store.load_plan(job.folder.output).left_out
        if left.reason.startswith("hidden")
    ]
    assert (left.files, left.example) == (1, "crow/Thumbs.db")
    plan_store.save_decisions(
        job.folder.output,
        replace(plan_store.load_decisions(job.folder.output), renamed={"crow": "owl"}),
    )
    failed = imported(spec, job)
    assert failed.state is State.FAILED
    assert "at least 2 classes" in failed.status.reason
    plan_store.save_decisions(
        job.folder.output, replace(plan_store.load_decisions(job.folder.output), renamed={})
    )
    done = imported(spec, job)
    assert done.state is State.COMPLETED, done.status.reason
    version = store.latest(str(done.status.progress["dataset_id"]))
    assert version.split_counts()["train"] == 4
    assert version.report["ignored"]["hidden or system file"] == 1
    assert store.dataset(version.dataset_id).root.is_relative_to(settings.datasets_dir())
    assert not job.folder.input.exists()
    again = imported(spec, job)
    assert again.state is State.FAILED
    assert "Preview them again" in again.status.reason


def test_a_plan_of_more_photos_makes_the_next_version(photos: Path) -> None:
    first = previewed(PlanSpec("in", "folder", str(photos)))
    done = imported(PlanSpec("in", "folder", str(photos), id=first.id), first)
    version = store.latest(str(done.status.progress["dataset_id"]))
    more = made.class_folders(photos.parent / "more", {"crow": 2, "jay": 3})
    spec = PlanSpec(
        "Birds",
        "folder",
        str(more),
        dataset_id=version.dataset_id,
        version_id=version.id,
        into_own_folder=True,
    )
    done = imported(spec, previewed(spec))
    assert done.state is State.COMPLETED, done.status.reason
    assert store.latest(version.dataset_id).classes == ("crow", "jay", "owl")


@pytest.mark.parametrize(
    ("path", "words"), [("/etc", "outside the folders"), ("{in}/nothing", "There is no folder")]
)
def test_an_impossible_preview_says_why(photos: Path, path: str, words: str) -> None:
    spec = PlanSpec("in", "folder", path.replace("{in}", str(photos)))
    job = ended(LOCAL, LOCAL.plan(spec))
    assert job.state is State.FAILED
    assert words in job.status.reason


def test_a_preview_is_deleted_after_a_week(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = previewed(PlanSpec("in", "folder", str(photos)))
    leftovers.sweep()
    assert job.folder.path.exists()
    monkeypatch.setattr(settings, "PLAN_SECONDS", -1)

    def is_gone() -> bool:
        leftovers.sweep()
        return not job.folder.path.exists()

    # A process that has ended holds its lock for a moment more.
    until(is_gone, "the plan is forgotten")
    assert photos.is_dir()
