"""train.py from its command line: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.training import metrics
from tests.sm_scripts import running


def test_metric_lines_are_what_the_app_and_sagemaker_read(trained: running.Run) -> None:
    rows = [row for row in map(metrics.parse, trained.log.splitlines()) if row]
    epochs = [row for row in rows if "train_loss" in row]
    assert [row["epoch"] for row in epochs] == list(range(1, trained.info["epochs_run"] + 1))
    assert all(
        {"train_loss", "train_accuracy", "validation_accuracy", "images_per_second", "eta_seconds"}
        <= set(row)
        for row in epochs
    )
    assert rows[-1]["test_n"] == 12
    assert not [
        line
        for line in trained.log.splitlines()
        if line.startswith(metrics.PREFIX) and not metrics.parse(line)
    ]


def test_model_json_names_splits_counts_and_lineage(trained: running.Run) -> None:
    info = trained.info
    assert info["classes"] == ["circle", "square", "triangle"]
    assert {split: figures["n"] for split, figures in info["metrics"].items()} == {
        "train": 24,
        "validation": 12,
        "test": 12,
    }
    assert info["metrics"]["test"]["correct"] == round(info["metrics"]["test"]["top1"] * 12)
    assert info["dataset"] == {"id": "shapes-1", "version": "v1"}
    assert info["refit"]["held_out_figures"] == "validation"
    assert set(info["seconds"]) >= {"imports", "features", "training", "total"}
    assert info["hyperparameters"]["arch"] == "lite0@64"
    assert 3_300_000 < info["parameters"] < 3_500_000


def test_predictions_hold_every_photo_once_without_pickles(
    trained: running.Run, photos: Path
) -> None:
    rows = trained.predictions
    assert sorted(rows["path"]) == sorted(
        path.relative_to(photos).as_posix() for path in photos.rglob("*.png")
    )
    assert rows["probabilities"].shape == (48, 3)
    assert np.allclose(rows["probabilities"].sum(1), 1, atol=1e-5)
    test = rows["split"] == "test"
    assert (rows["probabilities"][test].argmax(1) == rows["label"][test]).sum() == trained.info[
        "metrics"
    ]["test"]["correct"]


def test_fault_34_a_finished_run_started_again_trains_nothing(
    trained: running.Run, photos: Path
) -> None:
    written = (trained.model / "model.json").stat().st_mtime_ns
    again = running.train(
        trained.folder, photos, name="Shapes", dataset_id="shapes-1", dataset_version="v1"
    )
    assert again.code == 0
    assert not again.rows()
    assert (trained.model / "model.json").stat().st_mtime_ns == written


def test_a_finished_run_whose_model_is_gone_writes_it_again_without_training(
    trained: running.Run, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained.folder / "checkpoints", tmp_path / "checkpoints")
    again = running.train(
        tmp_path, photos, {"SM_CHANNEL_FEATURES": str(trained.folder / "features")}
    )
    assert again.code == 0, again.log
    assert again.info["metrics"] == trained.info["metrics"]


def test_checkpoints_of_another_training_are_refused(
    trained: running.Run, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained.folder / "checkpoints", tmp_path / "checkpoints")
    other = running.train(tmp_path, photos, seed="8")
    assert other.code == 1
    assert "other settings or photos" in other.failure


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"lr": "0"}, "lr"),
        ({"batch_size": "0"}, "batch_size"),
        ({"arch": "lite9"}, "arch"),
        ({"momentum": "1"}, "momentum"),
    ],
)
def test_fault_20_a_bad_argument_is_one_line_that_names_it(
    values: dict[str, str], named: str, photos: Path, tmp_path: Path
) -> None:
    run = running.train(tmp_path, photos, **values)
    assert run.code == 2
    assert named in run.failure
    assert len(run.log.splitlines()) <= 2
    assert "Traceback" not in run.log


def test_fault_22_both_contracts_spellings_are_understood(
    photos: Path, tmp_path: Path, features: dict[str, str]
) -> None:
    run = running.train(
        tmp_path, photos, features, epochs="1e1", refit="True", weight_decay="1e-2", seed="7.0"
    )
    assert run.code == 0, run.log
    assert run.info["epochs_run"] <= 10
    assert run.info["weight_decay"] == 0.01


def test_plain_folders_of_classes_without_validation_and_test(photos: Path, tmp_path: Path) -> None:
    for name in ("circle", "square"):
        shutil.copytree(photos / name, tmp_path / "plain" / "train" / name)
    run = running.train(tmp_path / "run", tmp_path / "plain", weight_decay="0.1")
    assert run.code == 0, run.log
    assert set(run.info["metrics"]) == {"train", "cross_validation"}
    assert run.info["metrics"]["cross_validation"]["n"] == 32
    assert not any("validation_loss" in row for row in run.rows())
    assert run.info["refit"] is None


def test_one_photo_in_a_class_is_enough(photos: Path, tmp_path: Path) -> None:
    for name, count in (("circle", 3), ("square", 1)):
        (tmp_path / "plain" / "train" / name).mkdir(parents=True)
        for number in range(count):
            shutil.copy(photos / name / f"{number:02d}.png", tmp_path / "plain" / "train" / name)
    run = running.train(tmp_path / "run", tmp_path / "plain")
    assert run.code == 0, run.log


@pytest.mark.parametrize(("classes", "reason"), [([], "empty"), (["circle"], "only one class")])
def test_fault_18_nothing_to_tell_apart_is_refused(
    classes: list[str], reason: str, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain" / "train").mkdir(parents=True)
    for name in classes:
        shutil.copytree(photos / name, tmp_path / "plain" / "train" / name)
    run = running.train(tmp_path / "run", tmp_path / "plain")
    assert run.code == 1
    assert reason in run.failure


def spoiled(photos: Path, folder: Path, names: list[str]) -> Path:
    """A copy of `photos` in which the named files are cut short; the manifest still has them."""
    shutil.copytree(photos, folder)
    rows = [line.split(",")[1:] for line in (photos / "manifest.csv").read_text().splitlines()[1:]]
    for name in names:
        (folder / name).write_bytes((folder / name).read_bytes()[:150])
    return running.write_manifest(folder, [(path, label, split) for path, label, split in rows])


def test_fault_17_a_bad_photo_is_named_counted_and_left_out(photos: Path, tmp_path: Path) -> None:
    run = running.train(
        tmp_path / "run", spoiled(photos, tmp_path / "photos", ["circle/00.png", "square/13.png"])
    )
    assert run.code == 0, run.log
    assert run.log.count("photo left out: circle/00.png") == 1
    assert {entry["path"] for entry in run.info["bad_images"]} == {"circle/00.png", "square/13.png"}
    assert run.info["metrics"]["train"]["n"] == 23
    assert run.info["metrics"]["test"]["n"] == 11
    assert "circle/00.png" not in run.predictions["path"]


def test_fault_17_more_than_one_in_twenty_fails_naming_files(photos: Path, tmp_path: Path) -> None:
    names = [f"circle/{number:02d}.png" for number in range(3)]
    run = running.train(tmp_path / "run", spoiled(photos, tmp_path / "photos", names))
    assert run.code == 1
    assert "3 of 48" in run.failure
    assert all(name in run.failure for name in names)
    assert len(run.failure) <= 1024


def test_a_diverging_training_says_so(
    photos: Path, tmp_path: Path, features: dict[str, str]
) -> None:
    run = running.train(
        tmp_path,
        photos,
        features,
        head="mlp",
        lr="10",
        epochs="400",
        weight_decay="1000",
        early_stopping_patience="0",
    )
    assert run.code == 1
    assert "diverged" in run.failure
    assert "lower learning rate" in run.failure


def test_the_manifest_cannot_lead_outside(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "image_id,path,label,split\nx,../../etc/passwd,a,train\n"
    )
    run = running.train(tmp_path / "run", tmp_path)
    assert run.code == 1
    assert "outside" in run.failure


def test_unlabelled_photos_are_predicted_and_not_scored(
    photos: Path, tmp_path: Path, features: dict[str, str]
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    lines = [line.split(",")[1:] for line in (photos / "manifest.csv").read_text().splitlines()[1:]]
    rows = [(path, "" if path == "circle/15.png" else label, split) for path, label, split in lines]
    run = running.train(
        tmp_path / "run", running.write_manifest(tmp_path / "photos", rows), features
    )
    assert run.code == 0, run.log
    assert run.info["metrics"]["test"]["n"] == 11
    assert run.predictions["label"][run.predictions["path"] == "circle/15.png"] == [-1]


def test_the_reason_of_a_failure_also_ends_the_log(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file where a folder should be")
    run = running.train(tmp_path, photos)
    assert run.code == 1
    assert run.log.rstrip().endswith(run.failure)
    assert "checkpoint_dir" in run.failure
    assert not (tmp_path / "model" / "model.json").exists()
    assert json.dumps(run.failure)


@pytest.mark.parametrize(
    ("layout", "named"),
    [
        (["train/one.png"], "holds photos but no folders"),
        (["train/train/one.png", "train/val/one.png"], "splits, not classes"),
        (["train/circle/one.psd"], "left out of circle: 1 .psd"),
        (["train/circle/one.png", "train/square/one.cr2"], "the class square has no photo"),
    ],
    ids=["flat", "splits", "psd", "raw"],
)
def test_a_folder_that_cannot_be_trained_on_says_why_at_once(
    layout: list[str], named: str, photos: Path, tmp_path: Path
) -> None:
    for path in layout:
        (tmp_path / "plain" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photos / "circle" / "00.png", tmp_path / "plain" / path)
    run = running.train(tmp_path / "run", tmp_path / "plain")
    assert run.code == 1
    assert named in run.log


def test_what_systems_leave_beside_photos_is_no_photo(photos: Path, tmp_path: Path) -> None:
    for name in ("circle", "square"):
        folder = shutil.copytree(photos / name, tmp_path / "plain" / "train" / name)
        for left in (
            ".ipynb_checkpoints/00.png",
            "@eaDir/00.png/thumb.png",
            "__MACOSX/a.png",
            "frames.png/00.png",
        ):
            (folder / left).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "00.png", folder / left)
        (folder / "gone.png").symlink_to("/nowhere/gone.png")
    run = running.train(tmp_path / "run", tmp_path / "plain", weight_decay="0.1")
    assert run.code == 0, run.log
    assert "34 photos of 2 classes" in run.log, (
        "16 in each class and one in a folder with a photo's name"
    )
    assert "gone.png is a link to a file that is not there" in run.log
