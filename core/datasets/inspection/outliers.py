"""Photos unlike all others: another subject, or a drawing among photos.

The score is the mean distance to the nearest photos (Ramaswamy, Rastogi and Shim, 2000, "Efficient
algorithms for mining outliers from large data sets"), compared with the dataset's median and median
deviation.
"""

from __future__ import annotations

import numpy as np

from core.datasets.inspection.vectors import Floats, Ints, Neighbours

NEAREST = 5
# Median deviations beyond which a photo is listed; 1.4826 makes them standard deviations of a
# normal distribution.
FAR = 3.5
NORMAL = 1.4826


def distances(neighbours: Neighbours) -> Floats:
    """Return the mean cosine distance to the NEAREST photos [n], 0 to 2."""
    return 1 - neighbours.cosines[:, :NEAREST].mean(axis=1)


def unusual(far: Floats) -> tuple[Ints, Floats]:
    """Return the positions of outliers, the farthest first, and every photo's deviation [n]."""
    middle = np.median(far)
    spread = max(float(np.median(np.abs(far - middle))) * NORMAL, 1e-6)
    deviation = ((far - middle) / spread).astype(np.float32)
    found = np.flatnonzero(deviation > FAR)
    return found[np.argsort(-deviation[found], kind="stable")], deviation
