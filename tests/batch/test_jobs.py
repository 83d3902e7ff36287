"""Transform jobs as they run: real workers over real files, killed, stopped, resumed, and given files that are not photos."""

from __future__ import annotations

import io
import os
import shutil
import signal
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import backends, settings
from core.batch import items, results, sources, table
from core.datasets import store
from core.errors import NotFound, UserError
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from core.jobs.store import Job, State
from core.models import store as models
from tests import shapes
from tests.batch.conftest import ended, started, until

MANY = 600


def over_split(model: models.Model, split: str) -> TransformSpec:
    return TransformSpec(
        "Split",
        model.id,
        "split",
        dataset_id=model.dataset_id,
        version_id=model.version_id,
        split=split,
    )


def over_folder(model: models.Model, path: Path, **more: str) -> TransformSpec:
    return TransformSpec("Folder", model.id, "folder", path=str(path), **more)


def rows_of(job: Job) -> pd.DataFrame:
    return pd.read_parquet(results.results_file(job.folder))


def many(target: Path, source: Path, count: int) -> Path:
    """`count` photos in `target`, all of them links to the few of `source`."""
    target.mkdir()
    photos = sorted(source.rglob("*.png"))
    for number in range(count):
        os.link(photos[number % len(photos)], target / f"{number:05}.png")
    return target


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return shapes.draw(tmp_path / "photos", per_class=4)


def test_a_split_is_answered_as_the_evaluation_answered_it(model: models.Model) -> None:
    job = ended(started(over_split(model, "all")))
    assert job.state is State.COMPLETED, job.status.reason
    frame = rows_of(job).set_index("image_id")
    expected = model.predictions()
    for row, image_id in enumerate(expected.image_id):
        probabilities = dict(zip(expected.classes, expected.probabilities[row], strict=True))
        answer = frame.loc[image_id]
        assert answer["prediction"] == max(probabilities, key=probabilities.__getitem__)
        for end in ("", "_2", "_3"):
            assert answer[f"probability{end}"] == pytest.approx(
                probabilities[answer[f"prediction{end}"]], abs=2e-3
            )
    assert list(frame["path"]) == list(
        store.manifest_of(store.version(model.dataset_id, model.version_id))["path"]
    )


def test_the_summary_counts_what_the_table_holds(model: models.Model) -> None:
    job = ended(started(over_split(model, "test")))
    frame, facts = rows_of(job), job.status.progress
    assert (facts["done"], facts["total"], facts["errors"]) == (len(frame), len(frame), 0)
    assert facts["labelled"] == len(frame)
    assert facts["correct"] == int(frame["correct"].sum()) == model.metrics("test")["correct"]
    assert facts["form"] == "torch fp32"


def test_photos_the_model_learned_from_are_known_by_their_bytes_not_their_names(
    model: models.Model, tmp_path: Path
) -> None:
    version = store.version(model.dataset_id, model.version_id)
    root = store.dataset(model.dataset_id).root
    frame = store.manifest_of(version)
    learned = frame[
        frame["split"].isin(
            ["train", "validation"] if model.description.get("refit") else ["train"]
        )
    ]
    (tmp_path / "odd").mkdir()
    shutil.copy(root / learned["path"].iloc[0], tmp_path / "odd" / "never seen.png")
    shutil.copy(
        root / frame.loc[frame["split"] == "test", "path"].iloc[0],
        tmp_path / "odd" / Path(learned["path"].iloc[0]).name,
    )
    found = rows_of(ended(started(over_folder(model, tmp_path / "odd")))).set_index("path")[
        "in_training"
    ]
    assert found["never seen.png"] is True or bool(found["never seen.png"])
    assert found.sum() == 1


def test_fault_44_bad_photos_are_error_rows_and_the_job_completes(
    model: models.Model, tmp_path: Path
) -> None:
    folder = many(tmp_path / "hundred", shapes.draw(tmp_path / "few", per_class=3), 96)
    (folder / "a.jpg").write_bytes(b"")
    (folder / "b.png").write_bytes(b"<html>not a photo</html>")
    whole = (folder / "00000.png").read_bytes()
    (folder / "c.png").write_bytes(whole[: len(whole) // 2])
    big = io.BytesIO()
    Image.fromarray(
        np.random.default_rng(1).integers(0, 256, (1600, 1600, 3), dtype=np.uint8)
    ).save(big, "PNG")
    assert len(big.getvalue()) > settings.MAX_INVOCATION_BYTES
    (folder / "d.png").write_bytes(big.getvalue())
    job = ended(started(over_folder(model, folder)))
    assert job.state is State.COMPLETED, job.status.reason
    frame = rows_of(job).set_index("path")
    assert len(frame) == 100
    assert job.status.progress["errors"] == 3
    bad = frame[frame["error"] != ""]
    assert sorted(bad.index) == ["a.jpg", "b.png", "c.png"]
    assert (bad["prediction"] == "").all()
    assert bad["probability"].isna().all()
    assert frame.loc["d.png", "prediction"], "a batch here takes whatever an import takes"
    assert (frame.loc[frame["error"] == "", "probability"] > 0).all()


def test_fault_44_an_empty_folder_is_refused_before_any_job_is_made(
    model: models.Model, tmp_path: Path
) -> None:
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "empty" / "notes.txt").write_text("no photo")
    before = len(jobs.listing("transform"))
    with pytest.raises(UserError, match="no photos"):
        started(over_folder(model, tmp_path / "empty"))
    assert len(jobs.listing("transform")) == before


def test_a_folder_outside_the_import_roots_is_refused(model: models.Model) -> None:
    with pytest.raises(UserError, match="outside the folders"):
        started(over_folder(model, Path("/etc")))


def test_an_unknown_model_is_refused(model: models.Model, photos: Path) -> None:
    with pytest.raises(NotFound):
        started(
            TransformSpec("Lost", "fm-training-20200101t000000-000000", "folder", path=str(photos))
        )


def test_class_folders_give_labels_and_others_do_not(model: models.Model, photos: Path) -> None:
    shutil.copytree(photos / "circle", photos / "unknown shape" / "inner")
    (photos / "square").rename(photos / "007.square")
    job = ended(started(over_folder(model, photos)))
    frame = rows_of(job)
    folders = frame["path"].str.split("/").str[0]
    assert frame.groupby(folders)["label"].unique().str[0].to_dict() == {
        "007.square": "square",
        "circle": "circle",
        "triangle": "triangle",
        "unknown shape": "",
    }
    assert frame.loc[folders == "unknown shape", "correct"].isna().all()
    # The score leaves out what the model learned from, and says so.
    unseen = frame["label"].ne("") & frame["in_training"].ne(True)
    assert 0 < job.status.progress["labelled"] == unseen.sum() < frame["label"].ne("").sum() == 12


def test_an_archive_is_unpacked_into_the_job_and_nowhere_else(
    model: models.Model, photos: Path, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "shapes.tar.gz", "w:gz") as tar:
        tar.add(photos, "shapes")
    job = ended(
        started(TransformSpec("Archive", model.id, "archive", path=str(tmp_path / "shapes.tar.gz")))
    )
    assert job.state is State.COMPLETED, job.status.reason
    frame = rows_of(job)
    assert len(frame) == 12
    assert frame["path"].iloc[0] == "shapes/circle/00.png"
    assert (
        sources.root_of(over_archive := specs_of(job), job.folder) / frame["path"].iloc[0]
    ).is_file(), over_archive


def specs_of(job: Job) -> TransformSpec:
    from core.jobs.status.asked import transform_spec

    return transform_spec(job)


def test_a_hostile_archive_fails_the_job_with_its_reason(
    model: models.Model, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        entry = tarfile.TarInfo("../evil.png")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    job = ended(started(TransformSpec("Bad", model.id, "archive", path=str(tmp_path / "bad.tar"))))
    assert job.state is State.FAILED
    assert "evil.png" in job.status.reason
    assert not list(tmp_path.rglob("evil.png"))


def test_fault_11_uploads_are_kept_under_our_names_and_shown_under_theirs(
    model: models.Model, photos: Path
) -> None:
    names = ["../../etc/passwd.png", "trip/triangle/one.png", "C:\\dir\\two.png"]
    files = sorted(photos.rglob("*.png"))[-3:]
    kept = sources.keep_uploads(
        (name, io.BytesIO(path.read_bytes())) for name, path in zip(names, files, strict=True)
    )
    assert {path.name for path in kept.iterdir()} == {
        "000000.png",
        "000001.png",
        "000002.png",
        "names.json",
    }
    job = ended(started(TransformSpec("Uploads", model.id, "upload", path=str(kept))))
    assert job.state is State.COMPLETED, job.status.reason
    frame = rows_of(job)
    assert list(frame["path"]) == ["etc/passwd.png", "trip/triangle/one.png", "C:/dir/two.png"]
    assert list(frame["label"]) == ["", "triangle", ""]
    assert not kept.exists(), "the photos lie in the job's folder now"
    assert items.files_of(sources.list_of(job.folder), [2, 0]) == ["000002.png", "000000.png"]


def test_a_killed_job_is_failed_and_goes_on_where_it_was(
    model: models.Model, photos: Path, tmp_path: Path
) -> None:
    folder = many(tmp_path / "many", photos, MANY)
    (folder / "00000.png").unlink()
    (folder / "00000.png").write_bytes(b"broken")
    job = started(over_folder(model, folder))
    until(lambda: results.shards(job.folder), "the first shard")
    pid = jobs.read(job.id).status.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    job = ended(job)
    assert job.state is State.FAILED
    finished = results.done(job.folder)
    assert 0 < finished < MANY
    kept = table.read(job.folder, model.classes).page(range(finished))
    # What was finished is not looked at again: these photos are gone, and their answers stay.
    for path in kept["path"][1:50]:
        (folder / path).unlink()
    again = ended(started(over_folder(model, folder, resumed_from=job.id)))
    assert again.state is State.COMPLETED, again.status.reason
    assert again.status.progress["skipped"] == finished
    frame = rows_of(again)
    assert list(frame["row"]) == list(range(MANY))
    assert again.status.progress["errors"] == (frame["error"] != "").sum() == 1
    pd.testing.assert_frame_equal(frame[:finished], kept)


def test_a_stopped_job_keeps_what_it_finished_and_can_be_resumed(
    model: models.Model, photos: Path, tmp_path: Path
) -> None:
    job = started(over_folder(model, many(tmp_path / "many", photos, MANY)))
    until(lambda: backends.LOCAL.refresh(job).status.progress.get("done"), "the first photos")
    backends.LOCAL.stop(job)
    backends.LOCAL.stop(job)
    job = ended(job)
    assert job.state is State.STOPPED
    finished = results.done(job.folder)
    assert 0 < finished < MANY
    assert finished == job.status.progress["done"]
    again = ended(started(over_folder(model, tmp_path / "many", resumed_from=job.id)))
    assert again.state is State.COMPLETED, again.status.reason
    assert len(rows_of(again)) == MANY
    backends.LOCAL.stop(again)
    assert backends.LOCAL.refresh(again).state is State.COMPLETED


def test_a_resumed_job_outlives_the_one_before(model: models.Model, photos: Path) -> None:
    """Uploaded photos exist only in the first job; deleting it must not take them from the second."""
    kept = sources.keep_uploads(
        (path.name, io.BytesIO(path.read_bytes())) for path in sorted(photos.rglob("*.png"))
    )
    spec = TransformSpec("Uploads", model.id, "upload", path=str(kept))
    first = ended(started(spec))
    second = ended(
        started(TransformSpec("Uploads", model.id, "upload", path=str(kept), resumed_from=first.id))
    )
    jobs.delete(first.id)
    assert second.state is State.COMPLETED, second.status.reason
    (file,) = items.files_of(sources.list_of(second.folder), [0])
    assert (sources.root_of(specs_of(second), second.folder) / file).is_file()


def test_the_same_spec_twice_is_one_job(model: models.Model, photos: Path) -> None:
    spec = over_folder(model, photos)
    assert started(spec).id == started(spec).id
    ended(jobs.read(spec.id))


def test_a_job_whose_model_is_damaged_fails_with_the_reason(
    model: models.Model, photos: Path, tmp_path: Path
) -> None:
    weights = model.folder.model / models.WEIGHTS
    weights.rename(tmp_path / "taken")
    try:
        job = ended(started(over_folder(model, photos)))
    finally:
        (tmp_path / "taken").rename(weights)
    assert job.state is State.FAILED
    assert models.WEIGHTS in job.status.reason


def test_what_is_no_run_folder_can_not_be_resumed(model: models.Model, photos: Path) -> None:
    with pytest.raises(NotFound):
        started(over_folder(model, photos, resumed_from="../../elsewhere"))
    assert RunFolder.of(model.id).path.exists()
