"""Inspections as jobs, on small drawings: stored per version, used by the next version, stopped, failed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import ImageOps

from core.backends import LOCAL
from core.datasets import splits, store
from core.datasets.editing import edits, history
from core.datasets.importing import run as importing
from core.datasets.inspection import store as inspection
from core.datasets.inspection.store import KINDS, Inspection
from core.errors import UserError
from core.jobs import store as jobs
from core.jobs.specs import InspectSpec
from core.jobs.status.asked import inspect_spec
from core.jobs.store import State
from core.models import photo_record
from core.models import store as models
from core.training import feature_cache
from tests import shapes
from tests.conftest import kill_processes_of
from tests.datasets import made

HOW = {"kind": "stratified", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}, "seed": 7}


def inspected(version: store.Version, maps: tuple[str, ...] = ("pca",)) -> jobs.Job:
    job = LOCAL.inspect(InspectSpec("Look", version.dataset_id, version.id, maps))
    while not (job := LOCAL.refresh(job)).state.is_finished:
        time.sleep(0.05)
    return job


@pytest.fixture(scope="module")
def looked_through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a dataset of drawn shapes, one of them twice, one mirrored, one misnamed, and an inspection of it."""
    folder = tmp_path_factory.mktemp("looked")
    photos = shapes.draw(folder / "shapes", 14)
    shutil.copyfile(photos / "circle" / "00.png", photos / "circle" / "same.png")
    ImageOps.mirror(shapes.photo("triangle", 1)).save(photos / "triangle" / "mirrored.png")
    shapes.photo("square", 99).save(photos / "circle" / "wrong.png")
    (photos / "circle" / "broken.png").write_text("words")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(folder / "home"))
        patch.setenv("FIELDMARK_IMPORT_ROOTS", str(folder))
        version = importing.run_import(importing.ImportSource("folder", photos), "Shapes")
        job = inspected(version, ("pca", "tsne"))
        assert job.state is State.COMPLETED, f"{job.status.reason}\n{job.folder.log.read_text()}"
        assert job.status.progress["photos"] == 45
    yield folder / "home"
    kill_processes_of(folder)


@pytest.fixture
def version(home: Path, looked_through: Path) -> store.Version:
    for part in ("datasets", "features"):
        shutil.copytree(looked_through / part, home / part)
    [dataset] = store.datasets()
    return store.version(dataset.id, "v1")


def found(version: store.Version) -> Inspection:
    made = inspection.of(version)
    assert made
    return made


def test_the_lists_and_the_map_are_kept_with_their_evidence(version: store.Version) -> None:
    look = found(version)
    assert (look.photos, look.maps, look.skipped) == (45, ("pca", "tsne"), 0)
    issues, points = look.issues(), look.points()
    assert set(issues["kind"]) <= set(KINDS)
    assert (issues["evidence"] != "").all()
    assert len(points) == 45
    assert points[["pca_x", "pca_y", "tsne_x", "tsne_y"]].notna().all().all()
    pairs = issues[issues["kind"].isin(inspection.GROUPED)]
    same = pairs[pairs["path"] == "circle/same.png"].iloc[0]
    assert (same["other"], same["evidence"]) == ("circle/00.png", "the same bytes")
    assert "circle/broken.png" not in set(points["path"])
    for kind, count in look.counts.items():
        rows = issues[issues["kind"] == kind]
        assert count == (rows["group"].nunique() if kind in inspection.GROUPED else len(rows))
        assert rows["rank"].is_monotonic_increasing


def test_a_child_version_shows_the_issues_of_its_parent_that_still_hold(
    version: store.Version,
) -> None:
    issues = found(version).issues()
    pair = issues[
        issues["group"] == issues.loc[issues["path"] == "circle/same.png", "group"].iloc[0]
    ]
    second = edits.make(version, [edits.leave_out(["circle/same.png"], "twice")])
    nearest = inspection.nearest(second)
    assert inspection.of(second) is None
    assert nearest
    assert nearest.version == version
    left = inspection.still_open(issues, store.manifest_of(second))
    assert not set(pair["path"]) & set(left["path"]) or len(pair) > 2
    assert len(left) < len(issues)


def test_each_group_of_copies_has_one_representative(version: store.Version) -> None:
    units = inspection.units(version)
    assert units
    points = found(version).points(["path", "image_id", "group"])
    assert (points["image_id"].map(units).groupby(points["group"]).nunique() == 1).all()
    assert points["image_id"].map(units).nunique() == points["group"].nunique()


def test_photos_that_belong_together_share_a_split(tmp_path: Path) -> None:
    frame = made.frame({"a": 40, "b": 40})
    ids = frame["image_id"].tolist()
    units = {image_id: ids[place - place % 4] for place, image_id in enumerate(ids)}
    for seed in range(5):
        split = splits.apply(frame, {**HOW, "kind": "grouped", "seed": seed}, units)
        assert (split.groupby(split["image_id"].map(units))["split"].nunique() == 1).all()
        assert set(split["split"]) == {"train", "validation", "test"}
    other = store.add_dataset("Other", tmp_path, "x", splits.apply(frame, HOW), {}, split=HOW)
    assert inspection.units(other) is None
    with pytest.raises(UserError, match="Inspect this dataset first"):
        history.resplit(other, {**HOW, "kind": "grouped"}, ["a", "b"], "")


def test_a_damaged_inspection_is_ignored(version: store.Version) -> None:
    (found(version).folder / inspection.FACTS).write_text("{")
    assert inspection.of(version) is None
    assert inspection.nearest(version) is None


def test_a_second_inspection_uses_cached_features_and_figures(
    version: store.Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = found(version).points(["image_id"])["image_id"].tolist()
    figures, known = feature_cache.read(["quality-1"], ids)
    assert known.all()
    assert figures.shape == (45, 4)
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(store.dataset(version.dataset_id).root.parent))
    job = inspected(version)
    assert job.state is State.COMPLETED
    assert "features of all photos are cached" in job.folder.log.read_text()
    assert found(version).maps == ("pca",)
    assert found(version).folder.name == "2"


def test_the_same_spec_twice_is_one_job_and_is_read_back(version: store.Version) -> None:
    spec = InspectSpec("Look", version.dataset_id, version.id, ("pca", "tsne"))
    first, second = LOCAL.inspect(spec), LOCAL.inspect(spec)
    assert first.id == second.id
    assert inspect_spec(jobs.read(first.id)) == spec
    LOCAL.stop(first)
    while not LOCAL.refresh(first).state.is_finished:
        time.sleep(0.05)
    assert LOCAL.refresh(first).state in (State.STOPPED, State.COMPLETED)


def test_missing_photos_fail_the_job_with_the_reason(version: store.Version, home: Path) -> None:
    shutil.rmtree(home / "features")
    moved = edits.make(version, [edits.leave_out(["circle/00.png"])])
    path = home / "datasets" / version.dataset_id / "dataset.json"
    path.write_text(path.read_text().replace("/shapes", "/elsewhere"))
    job = inspected(moved)
    assert job.state is State.FAILED
    assert "can" in job.status.reason
    assert inspection.of(moved) is None


def test_training_after_an_inspection_uses_its_features(version: store.Version) -> None:
    assert not models.listing()
    names = {path.name for path in (version.folder.parents[3] / "features").iterdir()}
    assert any(name.startswith("lite0-288-plain") for name in names)


def test_similar_photos_and_issues_of_one_photo(version: store.Version) -> None:
    record = photo_record.find(version, "triangle/mirrored.png")
    found = photo_record.neighbours(record, 5)
    assert found is not None
    assert (
        found.n == len(set(store.manifest_of(version)["image_id"])) - 2
    )  # without itself and the broken one
    assert record.image_id not in set(found.photos["image_id"])
    assert found.photos.iloc[0]["path"] == "triangle/01.png"
    assert set(record.issues["kind"]) & {"leak", "duplicate"}
    mended = edits.make(version, [edits.relabel([record.path], "circle")])
    assert photo_record.find(mended, record.path).issues.empty
