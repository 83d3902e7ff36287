"""The map: similar photos are close, the same photos give the same map, and few or equal photos have one."""

from __future__ import annotations

import numpy as np
import pytest

from core.datasets.inspection import projection


def clouds(each: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of vectors, each along an axis of its own and farther out than the one before, and which cloud each is of."""
    label = np.repeat(np.arange(3), each)
    return (
        np.diag([4, 7, 11] + [0] * 17)[label]
        + np.random.default_rng(0).normal(size=(3 * each, 20)) * 0.4
    ).astype(np.float32), label


def nearest_centre(points: np.ndarray, label: np.ndarray) -> np.ndarray:
    centres = np.stack([points[label == cloud].mean(0) for cloud in range(3)])
    return np.argmin(np.linalg.norm(points[:, None] - centres[None], axis=2), axis=1)


@pytest.mark.parametrize("method", projection.METHODS)
def test_clouds_stay_apart_and_the_map_is_repeatable(method: str) -> None:
    vectors, label = clouds()
    make = getattr(projection, method)
    points = make(vectors)
    assert points.shape == (90, 2)
    assert points.dtype == np.float32
    assert (nearest_centre(points, label) == label).all()
    assert np.array_equal(points, make(vectors))


@pytest.mark.parametrize("method", projection.METHODS)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_few_photos_have_a_map(method: str, count: int) -> None:
    points = getattr(projection, method)(clouds()[0][:count])
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


def test_pca_is_the_same_for_equal_photos_and_one_dimension() -> None:
    assert np.isfinite(projection.pca(np.ones((5, 4), np.float32))).all()
    assert projection.pca(np.arange(5, dtype=np.float32)[:, None]).shape == (5, 2)


def test_pca_of_a_sample_is_nearly_that_of_all() -> None:
    vectors = clouds(400)[0]
    whole, part = projection.pca(vectors), projection.pca(vectors, sample=300)
    assert np.abs(np.corrcoef(whole[:, 0], part[:, 0])[0, 1]) > 0.99


def test_a_large_map_places_other_photos_at_their_nearest_photo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projection, "TSNE_ROWS", 45)
    vectors, label = clouds()
    points = projection.tsne(vectors)
    assert (nearest_centre(points, label) == label).all()
    assert len(np.unique(points.round(4), axis=0)) == 45
