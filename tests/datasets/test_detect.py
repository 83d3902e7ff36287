"""The detectors by themselves: copies found however they were made, faults of a photo, labels among features that are clear."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter, ImageOps
from sklearn.datasets import load_sample_images

from core.datasets.inspection import (
    duplicates,
    labels,
    matching,
    outliers,
    projection,
    quality,
    vectors,
)
from core.errors import BadImage


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    """Two real photos, half their size."""
    return [Image.fromarray(image).resize((320, 213)) for image in load_sample_images().images]


def thumbnail(folder: Path, name: str, image: Image.Image) -> Path:
    path = folder / f"{name}.jpg"
    small = image.copy()
    small.thumbnail((240, 240))
    small.save(path, quality=85)
    return path


def figures(image: Image.Image) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return quality.figures(buffer.getvalue())


COPIES = {
    "smaller": lambda image: image.resize((190, 126)),
    "mirrored": ImageOps.mirror,
    "cut": lambda image: image.crop((20, 10, 290, 190)),
    "cut and mirrored": lambda image: ImageOps.mirror(image.crop((0, 40, 260, 213))),
    "darker": lambda image: image.point(lambda value: value * 0.6),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_recognised_however_it_was_made(
    how: str, photos: list[Image.Image], tmp_path: Path
) -> None:
    for number, image in enumerate(photos):
        original = matching.load(thumbnail(tmp_path, f"{number}", image))
        copy = matching.load(thumbnail(tmp_path, f"{number} copy", COPIES[how](image)))
        for pair in ((original, copy), (copy, original)):
            found = matching.match(*pair)
            assert found.score > matching.SAME
            assert found.mirrored is ("mirrored" in how)
            assert (found.share < 0.95) is ("cut" in how)
            assert ("cut to" in found.words) is ("cut" in how)


def test_two_photos_are_no_copies_and_flat_pictures_are_nothing(
    photos: list[Image.Image], tmp_path: Path
) -> None:
    first, second = (
        matching.load(thumbnail(tmp_path, str(number), image))
        for number, image in enumerate(photos)
    )
    assert matching.match(first, second).score < 0.5
    grey = matching.load(thumbnail(tmp_path, "grey", Image.new("RGB", (300, 200), "grey")))
    assert matching.match(grey, first).score < 0.5
    narrow = matching.load(thumbnail(tmp_path, "narrow", Image.new("RGB", (600, 2))))
    assert matching.match(narrow, first).score < 0.5


def test_pairs_become_groups_and_exact_copies_are_pairs(
    photos: list[Image.Image], tmp_path: Path
) -> None:
    pictures = [
        photos[0],
        ImageOps.mirror(photos[0]),
        photos[1],
        photos[0].crop((30, 20, 300, 200)),
    ]
    files = [thumbnail(tmp_path, str(number), image) for number, image in enumerate(pictures)]
    near = vectors.Neighbours(
        np.array([[1, 3], [0, 2], [3, 0], [0, 2]]), np.full((4, 2), 0.7, np.float32)
    )
    pairs = duplicates.near_pairs(near, [*files[:3], files[3]], 2)
    assert pairs[["first", "second"]].to_numpy().tolist() == [[0, 1], [0, 3]]
    assert duplicates.groups(4, pairs).tolist() == [0, 0, 2, 0]
    assert duplicates.near_pairs(near, [None] * 4, 1).empty
    alike = vectors.Neighbours(near.rows, np.full((4, 2), 0.95, np.float32))
    assert set(duplicates.near_pairs(alike, [None] * 4, 1)["how"]) == {duplicates.SCENE}
    exact = duplicates.exact_pairs(["b", "a", "b", "b"])
    assert exact[["first", "second", "how"]].to_numpy().tolist() == [
        [0, 2, duplicates.EXACT],
        [0, 3, duplicates.EXACT],
    ]


def test_blurred_dark_and_overexposed_photos_stand_out(photos: list[Image.Image]) -> None:
    made = [
        *photos,
        photos[0].filter(ImageFilter.GaussianBlur(3)),
        photos[1].point(lambda value: value * 0.2),
        photos[0].point(lambda value: min(255, value * 0.3 + 180)),
    ]
    table = pd.DataFrame([figures(image) for image in made], columns=list(quality.FIGURES)).assign(
        width=320, height=213
    )
    table.loc[1, ["width", "height"]] = [32, 20]
    table.loc[3, "width"] = 1000
    found = quality.issues(table)
    assert sorted(zip(found["position"], found["kind"], strict=True)) == [
        (1, "odd size"), (2, "blurred"), (3, "dark"), (3, "odd size"), (4, "overexposed")
    ]  # fmt: skip
    assert "fewer pixels" in found.loc[found["position"] == 1, "evidence"].item()


def test_what_cannot_be_measured_is_not_listed() -> None:
    table = pd.DataFrame({name: [np.nan, np.nan] for name in quality.FIGURES}).assign(
        width=300, height=200
    )
    assert quality.issues(table).empty
    assert quality.issues(table.iloc[:0]).empty
    with pytest.raises(BadImage):
        quality.figures(b"words")


def test_figures_are_those_of_numpy_and_of_the_definition() -> None:
    chance = np.random.default_rng(5)
    grey = chance.integers(0, 256, (37, 52), dtype=np.uint8)
    histogram = Image.fromarray(grey).histogram()
    shares = (0.0, 0.05, 0.5, 0.99, 1.0)
    assert np.allclose(quality._percentiles(histogram, shares), np.quantile(grey, shares))
    padded = np.pad(grey.astype(float), ((5, 4), (0, 0)), mode="edge")
    means = np.array([padded[row + 1 : row + 10].mean(axis=0) for row in range(37)])
    found = quality._smoothed_difference(grey.astype(np.float32), 0)
    assert np.allclose(found, np.abs(np.diff(means, axis=0)), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (400, 5), (9, 9), (40, 30)])
def test_tiny_and_flat_photos_have_figures_too(size: tuple[int, int]) -> None:
    assert np.isfinite(figures(Image.new("RGB", size, "white"))).all()


def clear(classes: int = 4, each: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors in clouds, one per class, and their labels."""
    chance = np.random.default_rng(seed)
    label = np.repeat(np.arange(classes), each)
    return vectors.unit(
        3 * np.eye(classes, 16)[label] + chance.normal(size=(len(label), 16)) * 0.5
    ), label


def test_swapped_labels_are_found_and_others_are_not() -> None:
    features, label = clear()
    swapped = label.copy()
    swapped[[3, 25, 50, 70]] = [1, 2, 3, 0]
    near = vectors.neighbours(features, 10)
    given = labels.answers(features, swapped, np.arange(len(label)), near)
    assert sorted(labels.mislabelled(swapped, given)) == [3, 25, 50, 70]
    assert labels.best_other(swapped, given)[2][[3, 25, 50, 70]].tolist() == [0, 1, 2, 3]
    clean = labels.answers(features, label, np.arange(len(label)), near)
    assert len(labels.mislabelled(label, clean)) == 0


def test_copies_do_not_vouch_for_one_another() -> None:
    """A wrong label that stands on three copies of one photo would be learned from them, were they not held out together."""
    features, label = clear(each=80)
    features[1:10] = features[0]
    swapped = label.copy()
    swapped[:10] = 2
    near = vectors.neighbours(features, 10)
    alone, together = np.arange(len(label)), np.maximum(np.arange(len(label)) - 9, 0)
    apart, held_out = (
        labels.margin(swapped, labels.answers(features, swapped, group, near))[:10]
        for group in (alone, together)
    )
    assert (held_out < apart).all()
    assert (
        labels.answers(features, swapped, together, near).agreeing[0]
        < labels.answers(features, swapped, alone, near).agreeing[0]
    )


@pytest.mark.parametrize("sizes", [(20, 1), (20, 20, 1), (1, 1), (2, 2)])
def test_classes_too_small_to_judge_are_left_alone(sizes: tuple[int, ...]) -> None:
    label = np.repeat(np.arange(len(sizes)), sizes)
    features = vectors.unit(np.random.default_rng(1).normal(size=(len(label), 16)))
    near = vectors.neighbours(features, 10)
    given = labels.answers(features, label, np.arange(len(label)), near)
    alone = np.array(sizes)[label] == 1
    assert not given.judged()[alone].any()
    assert not alone[labels.mislabelled(label, given)].any()


def test_neighbours_are_exact_and_leave_the_photo_itself_out() -> None:
    units = vectors.unit(np.random.default_rng(2).normal(size=(2500, 8)))
    near = vectors.neighbours(units, 5, workers=2)
    cosines = units @ units.T
    np.fill_diagonal(cosines, -2)
    assert np.allclose(near.cosines, -np.sort(-cosines, axis=1)[:, :5], atol=1e-6)
    assert (near.rows != np.arange(2500)[:, None]).all()
    assert vectors.neighbours(units[:3], 10).rows.shape == (3, 2)


def test_many_vectors_are_reduced_and_keep_their_angles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "EXACT_ROWS", 100)
    monkeypatch.setattr(vectors, "SAMPLE", 500)
    chance = np.random.default_rng(3)
    made = (chance.normal(size=(600, 40)) @ chance.normal(size=(40, 400))).astype(np.float32)
    small = vectors.reduced(made)
    assert small.shape == (600, vectors.DIRECTIONS)
    assert np.allclose(
        vectors.unit(small) @ vectors.unit(small).T,
        vectors.unit(made) @ vectors.unit(made).T,
        atol=1e-3,
    )


def test_what_lies_far_from_everything_is_an_outlier() -> None:
    features, _ = clear()
    features[7] = vectors.unit(-np.ones((1, 16), np.float32))[0]
    found, deviation = outliers.unusual(outliers.distances(vectors.neighbours(features, 10)))
    assert found[0] == 7
    assert deviation[7] > 5


def test_equal_photos_have_no_outliers() -> None:
    same = np.tile(vectors.unit(np.ones((1, 16), np.float32)), (30, 1))
    assert len(outliers.unusual(outliers.distances(vectors.neighbours(same, 10)))[0]) == 0


def test_the_polygon_of_a_lasso_may_cross_itself() -> None:
    points = np.array([[5, 5], [15, 5], [5, 15], [25, 25]])
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]])
    assert projection.inside(points, square).tolist() == [True, False, False, False]
    bow = np.array([[0, 0], [30, 30], [30, 0], [0, 30]])
    assert projection.inside(np.array([[5, 15], [25, 15], [15, 3]]), bow).tolist() == [
        True,
        True,
        False,
    ]
