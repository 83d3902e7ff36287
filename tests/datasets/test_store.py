"""The store: immutable versions, damaged folders, and concurrent sessions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import settings
from core.datasets import browse, splits, staging, store
from core.errors import NotFound, UserError
from core.io import files
from tests.datasets import made

HOW = {"kind": "stratified", "ratios": {"train": 0.7, "validation": 0.15, "test": 0.15}, "seed": 7}


@pytest.fixture
def first(tmp_path: Path) -> store.Version:
    """v1 of a dataset with three classes of 20 images."""
    return add("Birds", tmp_path)


def add(name: str, root: Path) -> store.Version:
    frame = splits.apply(made.frame({"Crow": 20, "Jay": 20, "Owl": 20}), HOW)
    return store.add_dataset(name, root, "Folder x", frame, {"images": 60}, split=HOW)


def test_an_added_dataset_is_listed(first: store.Version, tmp_path: Path) -> None:
    [dataset] = store.datasets()
    assert isinstance(dataset, store.Dataset)
    assert dataset == store.Dataset(
        first.dataset_id, "Birds", tmp_path, "Folder x", dataset.created
    )
    assert store.versions(first.dataset_id) == [first]
    assert store.version(first.dataset_id, "v1") == first
    assert (first.classes, first.parent, first.images, first.problems) == (
        ("Crow", "Jay", "Owl"),
        "",
        60,
        0,
    )
    assert first.counts["Owl"] == {"train": 14, "validation": 3, "test": 3, "unused": 0}
    assert (first.split, first.report) == (HOW, {"images": 60})
    assert len(store.manifest_of(first)) == 60


def test_versions_are_new_folders_and_the_old_ones_stay(first: store.Version) -> None:
    before = {path: path.read_bytes() for path in first.folder.iterdir()}
    second = store.derive(first, HOW | {"seed": 8}, ["Owl", "Crow"], note="  Two  species ")
    assert (second.id, second.parent, second.note, second.classes) == (
        "v2",
        "v1",
        "Two  species",
        ("Crow", "Owl"),
    )
    assert second.images == 40
    third = store.add_version(second, store.manifest_of(second), "same", second.split)
    assert (third.id, third.parent) == ("v3", "v2")
    assert [version.id for version in store.versions(first.dataset_id)] == ["v3", "v2", "v1"]
    assert store.latest(first.dataset_id) == third
    assert {path: path.read_bytes() for path in first.folder.iterdir()} == before


def test_versions_are_ordered_by_number(first: store.Version) -> None:
    for _ in range(10):
        last = store.add_version(first, store.manifest_of(first), "", HOW)
    assert last.id == "v11"
    assert [version.id for version in store.versions(first.dataset_id)][:3] == ["v11", "v10", "v9"]


def test_a_derived_version_needs_two_classes_of_the_dataset(first: store.Version) -> None:
    for labels in (["Owl"], ["Owl", "Dodo"]):
        with pytest.raises(UserError):
            store.derive(first, HOW, labels)
    assert len(store.versions(first.dataset_id)) == 1


def test_fault_37_sessions_that_add_at_once_get_different_versions(
    first: store.Version, tmp_path: Path
) -> None:
    frame = store.manifest_of(first)
    with ThreadPoolExecutor(20) as pool:
        made_versions = list(
            pool.map(lambda n: store.add_version(first, frame, f"session {n}", HOW), range(20))
        )
        datasets = list(pool.map(lambda n: add("Birds", tmp_path).dataset_id, range(20)))
    assert sorted(int(version.id[1:]) for version in made_versions) == list(range(2, 22))
    assert len(set(datasets)) == 20
    for version in made_versions:
        assert store.version(first.dataset_id, version.id) == version
    assert [path for path in first.folder.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "[]",
        '"text"',
        '{"name": "x"}',
        '{"id": "v1", "counts": {"a": 3}}',
        "\x00\xff",
    ],
)
def test_fault_35_damaged_folders_are_shown_and_hide_no_others(
    content: str | None, first: store.Version, tmp_path: Path
) -> None:
    other = add("Other", tmp_path)
    second = store.derive(first, HOW)
    for path in (
        settings.datasets_dir() / other.dataset_id / "dataset.json",
        second.folder / "version.json",
    ):
        path.unlink()
        if content is not None:
            path.write_text(content)
    good, bad = store.datasets()
    assert isinstance(good, store.Dataset)
    assert isinstance(bad, store.Unreadable)
    assert (bad.id, "dataset.json" in bad.reason) == (other.dataset_id, True)
    with pytest.raises(NotFound, match=r"dataset\.json"):
        store.dataset(other.dataset_id)
    assert [type(version) for version in store.versions(first.dataset_id)] == [
        store.Unreadable,
        store.Version,
    ]
    assert store.latest(first.dataset_id) == first
    with pytest.raises(NotFound, match=r"version\.json"):
        store.version(first.dataset_id, "v2")
    store.move_to_bin(other.dataset_id)
    assert len(store.datasets()) == 1


def test_a_dataset_that_lost_its_versions_is_still_listed(first: store.Version) -> None:
    shutil.rmtree(first.folder.parent)
    assert [dataset.id for dataset in store.datasets()] == [first.dataset_id]
    assert store.versions(first.dataset_id) == []
    with pytest.raises(NotFound, match="no version"):
        store.latest(first.dataset_id)


def test_unknown_fields_of_a_later_program_are_ignored(first: store.Version) -> None:
    path = first.folder / "version.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"new": 1}))
    assert store.version(first.dataset_id, "v1") == first


@pytest.mark.parametrize(
    "dataset_id", ["", "..", "../x", "none-123456", "/etc", "Birds", "a" * 300, "a\0b"]
)
def test_ids_are_not_paths(dataset_id: str, first: store.Version) -> None:
    for ask in (store.dataset, store.versions, store.latest, store.move_to_bin):
        with pytest.raises(NotFound):
            ask(dataset_id)
    with pytest.raises(NotFound):
        store.version(first.dataset_id, dataset_id)
    with pytest.raises(NotFound):
        store.version(first.dataset_id, "v2")


def test_renaming_keeps_the_id(first: store.Version) -> None:
    assert store.rename(first.dataset_id, " Féathers ").name == "Féathers"
    assert store.dataset(first.dataset_id).name == "Féathers"
    with pytest.raises(UserError):
        store.rename(first.dataset_id, "a\nb")


def test_no_two_datasets_have_one_name(first: store.Version, tmp_path: Path) -> None:
    name = store.dataset(first.dataset_id).name
    frame = store.manifest_of(first)
    second = store.add_dataset(name, tmp_path, "folder", frame, first.report, split=first.split)
    assert store.dataset(second.dataset_id).name == f"{name} 2"
    with pytest.raises(UserError, match="already") as caught:
        store.rename(second.dataset_id, f" {name.upper()}")
    assert caught.value.field == "name"
    assert store.rename(second.dataset_id, f"{name} 2").name == f"{name} 2"


def test_deleting_leaves_the_persons_folder_alone(first: store.Version, tmp_path: Path) -> None:
    photo = made.photo(tmp_path / "Crow" / "1.jpg")
    store.move_to_bin(first.dataset_id)
    assert store.datasets() == []
    assert photo.exists()
    with pytest.raises(NotFound):
        store.move_to_bin(first.dataset_id)


def test_a_manifest_that_is_refused_leaves_no_dataset(tmp_path: Path) -> None:
    frame = made.frame({"Crow": 3, "Owl": 3}, split="dev")
    with pytest.raises(UserError):
        store.add_dataset("Birds", tmp_path, "x", frame, {}, split={})
    assert list(settings.datasets_dir().iterdir()) == []


HALF_AN_IMPORT = """
import sys, time
from core.datasets.staging import stage
with stage("Birds") as staged:
    (staged.folder / "images").mkdir()
    print(staged.folder, flush=True)
    time.sleep(86_400)
"""


def test_leftovers_of_a_killed_import_are_removed_and_a_running_one_is_kept() -> None:
    def start() -> tuple[subprocess.Popen[str], Path]:
        run = subprocess.Popen(
            [sys.executable, "-c", HALF_AN_IMPORT],
            cwd=settings.PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert run.stdout is not None
        return run, Path(run.stdout.readline().strip())

    (dead, left), (alive, kept) = start(), start()
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    old = time.time() - 2 * files.YOUNG_SECONDS
    for folder in (left, kept):
        os.utime(folder, (old, old))
    assert store.datasets() == []
    with staging.stage("Next"):
        assert not left.exists()
        assert kept.exists()
    alive.kill()
    alive.wait()


def test_a_page_of_many_rows_reads_few_of_them(tmp_path: Path) -> None:
    frame = made.frame({f"Species {number:03d}": 1000 for number in range(100)})
    version = store.add_dataset("Many", tmp_path, "x", splits.apply(frame, HOW), {}, split=HOW)
    started = time.process_time()
    rows, total = store.page(
        version, browse.Query(label="Species 050", split="train"), offset=300, limit=60
    )
    assert (len(rows), total) == (60, 700)
    assert time.process_time() - started < 5
