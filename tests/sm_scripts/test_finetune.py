"""Training the whole network, alone and by two processes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fieldmark_ml.photos import augment
from tests.sm_scripts import running

TUNE = {
    "mode": "finetune",
    "epochs": "2",
    "batch_size": "8",
    "lr": "0.01",
    "mixup": "0.2",
    "ema": "0.5",
}


@pytest.fixture(scope="module")
def tuned(
    photos: Path, features: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> running.Run:
    run = running.train(tmp_path_factory.mktemp("tuned"), photos, features, **TUNE)
    assert run.code == 0, run.log
    return run


def test_epochs_are_numbered_and_the_best_is_kept(tuned: running.Run) -> None:
    assert [row["epoch"] for row in tuned.rows()] == [1, 2]
    assert {"train_loss", "train_accuracy", "validation_loss", "validation_accuracy"} <= set(
        tuned.rows()[0]
    )
    assert tuned.info["epochs_run"] == 2
    assert f"epoch {tuned.info['best_epoch']} is the best" in tuned.log
    assert tuned.info["backbones"][0]["folded"] is True
    assert {split: figures["n"] for split, figures in tuned.info["metrics"].items()} == {
        "train": 24,
        "validation": 12,
        "test": 12,
    }


def test_a_tuned_model_serves_what_training_predicted(tuned: running.Run, photos: Path) -> None:
    import inference

    model = inference.model_fn(str(tuned.model))
    rows = tuned.predictions
    for index in range(0, len(rows["path"]), 7):
        photo = inference.input_fn((photos / rows["path"][index]).read_bytes(), "image/png")
        served, _ = inference.score_batch(model, [photo.pixels])
        assert torch.allclose(served[0], torch.from_numpy(rows["probabilities"][index]), atol=1e-4)


def test_the_training_photos_are_kept_as_the_tuned_network_sees_them(
    tuned: running.Run, photos: Path
) -> None:
    import inference

    with np.load(tuned.folder / "output" / "features" / "train.npz", allow_pickle=False) as kept:
        image_ids, vectors = kept["image_ids"], kept["features"]
    assert vectors.shape == (24, tuned.info["backbones"][0]["dimensions"])
    model = inference.model_fn(str(tuned.model))
    rows = tuned.predictions
    index = rows["image_id"].tolist().index(image_ids[5].decode())
    photo = inference.input_fn((photos / rows["path"][index]).read_bytes(), "image/png")
    with torch.inference_mode():
        seen = model.backbones[0](model.inputs([photo.pixels])[0])[0]
    assert torch.allclose(seen, torch.from_numpy(vectors[5]).float(), atol=0.02)


def test_fault_34_resumed_in_the_middle_equals_uninterrupted(
    tuned: running.Run, photos: Path, features: dict[str, str], tmp_path: Path
) -> None:
    stopped = running.stopped_after("epoch=1 ", tmp_path, photos, features, **TUNE)
    assert stopped.code == 143, stopped.log
    resumed = running.train(tmp_path, photos, features, **TUNE)
    assert resumed.code == 0, resumed.log
    rows = stopped.rows() + resumed.rows()
    assert all(
        row == pytest.approx(other, abs=1e-6) for row, other in zip(rows, tuned.rows(), strict=True)
    )
    assert resumed.info["metrics"]["test"] == pytest.approx(tuned.info["metrics"]["test"], abs=1e-6)


def test_two_processes_train_the_same_model(
    tuned: running.Run, photos: Path, features: dict[str, str], tmp_path: Path
) -> None:
    # What is drawn per process (mixup's partners, dropout) is off, so that only the order of additions differs.
    values = {**TUNE, "mixup": "0", "dropout": "0", "lr": "0.001"}
    alone = running.train(tmp_path / "one", photos, features, **values)
    both = running.train_by(running.TORCHRUN, tmp_path / "two", photos, features, **values)
    assert both.code == 0, both.log
    assert "2 processes" in both.log
    for row, other in zip(both.rows(), alone.rows(), strict=True):
        assert row == pytest.approx(other, abs=0.005)
    assert both.info["metrics"]["test"]["n"] == 12
    assert len(both.predictions["path"]) == len(set(both.predictions["path"])) == 48


@pytest.mark.parametrize("kind", ["none", "light", "randaugment"])
def test_augmentation_depends_on_its_draw_alone(kind: str) -> None:
    photo = torch.randint(
        0, 256, (3, 73, 73), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    first, second, other = (
        augment.augmented(photo, 64, kind, random.Random(seed)) for seed in (5, 5, 6)
    )
    assert first.shape == (3, 64, 64)
    assert first.dtype == torch.uint8
    assert torch.equal(first, second)
    assert kind == "none" or not torch.equal(first, other)


@pytest.mark.parametrize("name", sorted(augment._OPERATIONS))
def test_every_operation_keeps_a_photo_a_photo(name: str) -> None:
    photo = torch.randint(
        0, 256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    for sign in (-1, 1):
        made = augment._OPERATIONS[name](photo, sign * augment.RAND_AUGMENT_MAGNITUDE)
        assert made.shape == photo.shape
        assert made.dtype == torch.uint8


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_mixing_keeps_pixels_and_targets_in_the_same_shares(mixup: float, cutmix: float) -> None:
    pixels = torch.stack([torch.zeros(3, 64, 64), torch.full((3, 64, 64), 200.0)]).to(torch.uint8)
    targets = torch.eye(2)
    for seed in range(20):
        mixed, shares = augment.mix(pixels, targets, mixup, cutmix, random.Random(seed))
        assert shares.sum(1).tolist() == pytest.approx([1, 1])
        assert mixed[0].float().mean().item() / 200 == pytest.approx(shares[0, 1].item(), abs=0.01)
        assert not pixels[0].any()


@pytest.mark.parametrize(
    "splits", [("train",), ("train", "test")], ids=["train only", "train and test"]
)
def test_without_validation_photos_the_last_epoch_is_kept(
    splits: tuple[str, ...], photos: Path, tmp_path: Path
) -> None:
    for split in splits:
        for name in ("circle", "square"):
            shutil.copytree(photos / name, tmp_path / "plain" / split / name)
    values = {"mode": "finetune", "epochs": "2", "batch_size": "64", "augment": "none"}
    run = running.train(tmp_path / "run", tmp_path / "plain", **values)
    assert run.code == 0, run.log
    assert "There are no validation photos" in run.log
    assert run.info["best_epoch"] == run.info["epochs_run"] == 2
    assert set(run.info["metrics"]) == set(splits)
    assert run.info["calibration"]["split"] is None
    assert (run.info["temperature"], run.info["unsure_threshold"]) == (1.0, 0.0)
    assert "NaN" not in (run.model / "model.json").read_text()
