"""Training on the squares around the boxes: the same model, to the digit, as from photos that were cropped beforehand."""

from __future__ import annotations

import csv
import hashlib
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import shapes
from tests.sm_scripts import running

NAN = math.nan
SPLIT = ["train"] * 5 + ["validation"] * 2 + ["test"] * 2
HEADER = ["image_id", "path", "label", "split", "box_x", "box_y", "box_width", "box_height"]


def modules(*names: str) -> list[Any]:
    return [importlib.import_module(name) for name in names]


def drawn(folder: Path, *, beforehand: bool) -> Path:
    """Photos with a class's shape in the box and another class's beside it; `beforehand` cropped, then without boxes. One has none."""
    (boxes,) = modules("fieldmark_ml.photos.boxes")
    rows = []
    for name, other in zip(shapes.CLASSES, [*list(shapes.CLASSES)[1:], "circle"], strict=True):
        for number, split in enumerate(SPLIT):
            whole = Image.new("RGB", (150, 70), (250, 250, 250))
            whole.paste(shapes.photo(name, number), (3 + number, 2))
            whole.paste(shapes.photo(other, number), (3 + number + 72, 2))
            box = (3 + number, 2, *shapes.SIZE) if number else None
            path = folder / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = (
                whole.crop(_clipped(boxes.edges(box), whole.size)) if beforehand and box else whole
            )
            kept.save(path)
            image_id = hashlib.sha256(path.read_bytes()).hexdigest()
            rows.append(
                [
                    image_id,
                    f"{name}/{number}.png",
                    name,
                    split,
                    *(box if box and not beforehand else [""] * 4),
                ]
            )
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return folder


def _clipped(inside: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = inside
    return left, top, min(right, size[0]), min(bottom, size[1])


def probabilities(run: running.Run) -> np.ndarray:
    assert run.code == 0, run.log
    rows = run.predictions
    return rows["probabilities"][np.argsort(rows["path"])]


def test_a_training_on_boxes_is_the_training_on_photos_cropped_beforehand(tmp_path: Path) -> None:
    boxed = drawn(tmp_path / "boxed", beforehand=False)
    inside = running.train(tmp_path / "inside", boxed, crop_to_box="true")
    cropped = running.train(tmp_path / "cropped", drawn(tmp_path / "before", beforehand=True))
    assert np.allclose(probabilities(inside), probabilities(cropped), atol=1e-6)
    assert "24 of 27 photos are cropped to their boxes" in inside.log
    assert inside.info["hyperparameters"]["crop_to_box"].lower() == "true"
    # The same cache, and nothing in it is taken for the other.
    whole = running.train(
        tmp_path / "whole", boxed, {"SM_CHANNEL_FEATURES": str(tmp_path / "inside" / "features")}
    )
    assert "24 photos need features" in whole.log
    assert not np.allclose(probabilities(whole), probabilities(inside), atol=1e-3)
    assert set(whole.predictions["image_id"]) == set(inside.predictions["image_id"])


def test_boxes_asked_for_and_none_there_is_refused(photos: Path, tmp_path: Path) -> None:
    run = running.train(tmp_path, photos, crop_to_box="true")
    assert run.code == 1
    assert "no photo has a box" in run.failure


def test_fine_tuning_sees_the_crop_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, pictures, preprocessing = modules(
        *(f"fieldmark_ml.photos.{name}" for name in ("data", "pictures", "preprocessing"))
    )
    how = preprocessing.Preprocessing(32, 36, (0.5,) * 3, (0.5,) * 3)
    squares = {}
    for beforehand in (False, True):
        folder = drawn(tmp_path / str(beforehand), beforehand=beforehand)
        for channel in ("IMAGES", "MANIFEST"):
            monkeypatch.setenv(f"SM_CHANNEL_{channel}", str(folder))
        photos = data.load()
        if not beforehand:
            photos.crop_to_boxes()
        squares[beforehand] = [
            pictures.Pictures(photos, how, tmp_path / "spill", 1).square(row)
            for row in range(len(photos))
        ]
    assert all(
        bool((one == other).all()) for one, other in zip(squares[False], squares[True], strict=True)
    )


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10.4, 5.6, 20.0, 9.9), (8, 0, 33, 23)),
        ((-3.0, -1.0, 10.0, 5.0), (0, 0, 8, 8)),
        ((NAN, 1, 1, 1), None),
        ((1, 1, 0, 5), None),
        ((1, 1, math.inf, 5), None),
    ],
)
def test_a_box_becomes_a_square_around_it_in_whole_pixels(
    box: tuple[float, float, float, float], expected: tuple[int, ...] | None
) -> None:
    (boxes,) = modules("fieldmark_ml.photos.boxes")
    assert boxes.edges(box) == expected


def test_a_box_beyond_the_photo_leaves_it_whole_and_keys_tell_boxes_apart() -> None:
    (boxes,) = modules("fieldmark_ml.photos.boxes")
    photo = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    assert boxes.crop(photo, (1, 0, 3, 2)).shape == (3, 2, 2)
    assert boxes.crop(photo, (2, 2, 99, 99)).shape == (3, 2, 3)
    assert boxes.crop(photo, (7, 0, 9, 2)) is photo
    names = {boxes.key("a" * 64, inside) for inside in (None, (0, 0, 1, 1), (0, 0, 1, 2))}
    assert len(names) == 3
    assert all(len(name) == 64 for name in names)


def test_a_box_that_is_no_number_is_named(tmp_path: Path) -> None:
    (boxes,) = modules("fieldmark_ml.photos.boxes")
    path = tmp_path / "manifest.csv"
    path.write_text(",".join(HEADER) + "\n" + "x,a.png,crow,train,1,2,wide,4\n")
    with pytest.raises(ValueError, match=r"a\.png"):
        boxes.read(path)
