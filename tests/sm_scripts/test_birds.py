"""Real photos: the accuracy that the scripts promise on twelve species, the official split."""

from __future__ import annotations

import csv
import hashlib
import random
from pathlib import Path

import numpy as np
import pytest

from tests.sm_scripts import running

ACROSS = 6


@pytest.fixture(scope="module")
def manifest(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """manifest.csv with the official test split, and 15 % of each species' official train photos for validation."""
    paths, train = (
        dict(line.split() for line in (birds / name).read_text().splitlines() if line)
        for name in ("images.txt", "train_test_split.txt")
    )
    draw, groups = random.Random(7), {}
    for number, path in sorted(paths.items()):
        groups.setdefault((path.split("/")[0], train[number] == "1"), []).append(path)
    folder = tmp_path_factory.mktemp("birds")
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "path", "label", "split"])
        for (species, learned), members in sorted(groups.items()):
            draw.shuffle(members)
            held_out = round(0.15 * len(members)) if learned else 0
            for index, path in enumerate(members):
                split = "test" if not learned else "validation" if index < held_out else "train"
                writer.writerow(
                    [
                        hashlib.sha256((birds / "images" / path).read_bytes()).hexdigest(),
                        path,
                        species[4:],
                        split,
                    ]
                )
    return folder


@pytest.fixture(scope="module")
def model(birds: Path, manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> running.Run:
    channels = {
        "SM_CHANNEL_MANIFEST": str(manifest),
        "SM_CHANNEL_IMAGES": str(birds / "images"),
        "OMP_NUM_THREADS": "2",
    }
    run = running.train(
        tmp_path_factory.mktemp("fast"), manifest, channels, arch="auto", precision="auto"
    )
    assert run.code == 0, run.log
    return run


def test_frozen_lite0_reaches_its_accuracy_on_the_official_test_split(model: running.Run) -> None:
    test = model.info["metrics"]["test"]
    assert test["n"] == 355
    assert test["correct"] >= 318, f"{test['correct']}/355"


def test_the_served_model_in_fp32_agrees_with_the_fast_form_of_training(
    model: running.Run, birds: Path
) -> None:
    import inference

    served = inference.model_fn(str(model.model))
    rows = model.predictions
    chosen = np.flatnonzero(rows["split"] == "test")[::ACROSS]
    photos = [
        inference.input_fn(
            (birds / "images" / rows["path"][index]).read_bytes(), "image/jpeg"
        ).pixels
        for index in chosen
    ]
    answers = np.concatenate(
        [
            inference.score_batch(served, photos[start : start + 8])[0].numpy()
            for start in range(0, len(photos), 8)
        ]
    )
    assert (answers.argmax(1) == rows["probabilities"][chosen].argmax(1)).mean() >= 0.97


def test_birds_are_familiar_and_drawings_are_not(
    model: running.Run, birds: Path, photos: Path
) -> None:
    import inference

    served = inference.model_fn(str(model.model))
    rows = model.predictions
    chosen = np.flatnonzero(rows["split"] == "test")[::20]
    seen = [
        inference.input_fn(
            (birds / "images" / rows["path"][index]).read_bytes(), "image/jpeg"
        ).pixels
        for index in chosen
    ]
    drawn = [
        inference.input_fn(path.read_bytes(), "image/png").pixels
        for path in sorted(photos.rglob("*.png"))[::4]
    ]
    assert sum(answer["unfamiliar"] for answer in inference.predict_batch(served, seen)) <= 1
    assert all(answer["unfamiliar"] for answer in inference.predict_batch(served, drawn))
