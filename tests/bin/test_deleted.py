"""The bin: what is deleted leaves in one step, comes back whole, and goes for good after some days."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core import settings
from core.backends.local import leftovers
from core.bin import deleted
from core.bin import entries as bin_folder
from core.datasets import store
from core.errors import NotFound, UserError
from core.jobs import labels
from core.jobs import store as jobs
from tests.datasets import made


@pytest.fixture
def dataset(home: Path) -> store.Version:
    return store.add_dataset(
        "Birds", home, "folder", made.frame({"crow": 4, "jay": 4}), {}, split={}
    )


@pytest.fixture
def job(home: Path) -> str:
    return new_job("training", "fast")


def new_job(kind: str, name: str) -> str:
    job_id = jobs.new_id(kind)
    _, handle = jobs.create(job_id, kind, name, "local", {})
    assert handle is not None
    os.close(handle)
    return job_id


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_deleted_dataset_comes_back_whole(dataset: store.Version) -> None:
    folder = dataset.folder.parent.parent
    before = contents(folder)
    group = store.move_to_bin(dataset.dataset_id)
    assert store.datasets() == []
    (item,) = deleted.listing()
    assert (item.kind, item.name, item.group) == ("dataset", "Birds", group)
    assert item.bytes == sum(map(len, before.values()))
    deleted.restore(group)
    assert contents(folder) == before
    assert deleted.listing() == []


def test_a_restored_dataset_never_shares_its_name(dataset: store.Version, home: Path) -> None:
    group = store.move_to_bin(dataset.dataset_id)
    store.add_dataset("Birds", home, "folder", made.frame({"crow": 4, "jay": 4}), {}, split={})
    deleted.restore(group)
    assert store.dataset(dataset.dataset_id).name == "Birds 2"


def test_a_deleted_job_comes_back_with_its_label(job: str) -> None:
    labels.set_label(job, name="Best so far", tags=("crows",))
    group = jobs.move_to_bin(job)
    assert jobs.listing() == []
    (item,) = deleted.listing()
    assert (item.kind, item.name) == ("training", "Best so far")
    deleted.restore(group)
    assert jobs.read(job).tags == ("crows",)


def test_a_running_job_is_not_deleted(home: Path) -> None:
    job_id = jobs.new_id("training")
    _, handle = jobs.create(job_id, "training", "fast", "local", {})
    assert handle is not None
    try:
        with pytest.raises(UserError, match="still running"):
            jobs.move_to_bin(job_id)
    finally:
        os.close(handle)
    assert deleted.listing() == []


def test_what_was_deleted_at_once_is_one_entry_and_comes_back_at_once(home: Path) -> None:
    tuning, trial = new_job("tuning", "Search"), new_job("training", "Trial 1")
    group = bin_folder.new_group()
    jobs.move_to_bin(trial, group)
    jobs.move_to_bin(tuning, group)
    (item,) = deleted.listing()
    assert (item.kind, item.name, len(item.entries)) == ("tuning", "Search", 2)
    deleted.restore(group)
    assert {found.id for found in jobs.readable()} == {tuning, trial}


def test_nothing_is_written_into_what_was_deleted(job: str) -> None:
    jobs.move_to_bin(job)
    (entry,) = bin_folder.entries()
    before = contents(entry.path)
    with pytest.raises(NotFound):
        labels.set_label(job, name="Late")
    assert contents(entry.path) == before


def test_restoring_twice_says_that_it_is_not_in_the_bin(job: str) -> None:
    group = jobs.move_to_bin(job)
    deleted.restore(group)
    with pytest.raises(NotFound, match="not in the bin any more"):
        deleted.restore(group)


def test_something_else_in_its_place_is_not_replaced(job: str) -> None:
    group = jobs.move_to_bin(job)
    other = settings.jobs_dir() / job
    other.mkdir()
    (other / "file").write_text("x")
    with pytest.raises(UserError, match="there already"):
        deleted.restore(group)
    assert [item.group for item in deleted.listing()] == [group]


def test_what_was_removed_for_good_is_gone(job: str) -> None:
    group = jobs.move_to_bin(job)
    deleted.remove(group)
    assert list(settings.bin_dir().iterdir()) == []


def test_the_sweep_keeps_what_is_young_and_removes_what_is_old(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, young = new_job("training", "old"), new_job("training", "young")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - settings.BIN_SECONDS - 60)
    jobs.move_to_bin(old)
    monkeypatch.setattr(time, "time", lambda: now)
    jobs.move_to_bin(young)
    (settings.bin_dir() / f"{bin_folder.GONE}half" / "inside").mkdir(parents=True)
    leftovers.sweep()
    assert [entry.id for entry in bin_folder.entries()] == [young]
    assert len(list(settings.bin_dir().iterdir())) == 1


def test_a_damaged_entry_is_listed_by_its_id(job: str) -> None:
    (settings.jobs_dir() / job / "job.json").write_text("{")
    jobs.move_to_bin(job)
    (item,) = deleted.listing()
    assert (item.kind, item.name) == ("job", job)
