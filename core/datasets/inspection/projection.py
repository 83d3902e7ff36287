"""The map of a dataset: features as points in a plane, so that similar photos are close
together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.datasets.inspection.vectors import Floats, single_threaded_products

METHODS = ("pca", "tsne")
TITLES = {"pca": "PCA", "tsne": "t-SNE"}
# t-SNE is run on so many photos at most; the others are placed among their nearest neighbours in
# it.
TSNE_ROWS = 20_000
TSNE_DIRECTIONS = 50
PERPLEXITY = 30.0


def pca(vectors: Floats, dimensions: int = 2, *, sample: int = 20_000, seed: int = 0) -> Floats:
    """Return float32 [n, dimensions]: the principal components of `vectors` [n, d], fitted on a
    sample of a large set.

    Each axis points to where its largest value is positive, so that the same photos always give the
    same map.
    """
    rows = np.arange(len(vectors))
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), sample, replace=False))
    part = np.asarray(vectors[rows], np.float64)
    mean = part.mean(axis=0)
    with single_threaded_products():
        _, directions = np.linalg.eigh((part - mean).T @ (part - mean))
    chosen = directions[:, ::-1][:, :dimensions]
    made = (np.asarray(vectors, np.float32) - mean.astype(np.float32)) @ chosen.astype(np.float32)
    if made.shape[1] < dimensions:
        made = np.pad(made, ((0, 0), (0, dimensions - made.shape[1])))
    extreme = made[np.abs(made).argmax(axis=0), np.arange(dimensions)]
    return made * np.where(extreme < 0, -1, 1).astype(np.float32)


def tsne(vectors: Floats, *, seed: int = 0) -> Floats:
    """Return float32 [n, 2] by scikit-learn's t-SNE (van der Maaten and Hinton, 2008) on the first
    TSNE_DIRECTIONS principal components.

    Of a set larger than TSNE_ROWS a sample is laid out, and every other photo is placed at its
    nearest photo's point.
    """
    from sklearn.manifold import TSNE

    total = len(vectors)
    if total < 4:
        return pca(vectors)
    compact = pca(vectors, min(TSNE_DIRECTIONS, vectors.shape[1], total))
    chosen = np.arange(total)
    if total > TSNE_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(total, TSNE_ROWS, replace=False))
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    laid = (
        TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=-1)
        .fit_transform(compact[chosen])
        .astype(np.float32)
    )
    made = np.empty((total, 2), np.float32)
    for start in range(0, total, 1024):
        part = compact[start : start + 1024]
        distance = (compact[chosen] ** 2).sum(1) - 2 * part @ compact[chosen].T
        made[start : start + 1024] = laid[distance.argmin(axis=1)]
    made[chosen] = laid
    return made


def inside(
    points: npt.NDArray[np.number], corners: npt.NDArray[np.number]
) -> npt.NDArray[np.bool_]:
    """Return which of `points` [n, 2] are inside the polygon `corners` [m, 2], by the even-odd
    rule."""
    x, y = np.asarray(points, float).T
    found = np.zeros(len(points), dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y1 > y) != (y2 > y)
        if crosses.any():
            found ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return found
