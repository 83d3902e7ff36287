"""Warnings about the limits of metrics, derived from the predictions; none if there is nothing to
warn of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from core.evaluation.predictions import Predictions
from core.evaluation.scores import per_class, top1

# With fewer photos, metrics of a class are unreliable: one photo is more than ten points.
FEW_PHOTOS = 10


def small_numbers(part: Predictions, split: str) -> Iterator[str]:
    """Yield the limits due to the number of photos of known class in one split, overall and by
    class."""
    score = top1(part)
    if not score.n:
        return
    low, high = score.interval_95
    yield (
        f"The metrics on {split} use {score.n} photos: one photo is {100 / score.n:.2g} "
        "points of top-1, "
        f"and its 95 % Wilson interval is {100 * (high - low):.1f} points wide."
    )
    support = per_class(part).set_index("label")["support"]
    absent, few = support[support == 0], support[(support > 0) & (support < FEW_PHOTOS)]
    if len(few):
        count = (
            f"{len(few)} of {len(support)} classes {'has' if len(few) == 1 else 'have'} fewer "
            f"than {FEW_PHOTOS} photos there"
        )
        yield (
            f"{count} (the fewest: {few.idxmin()}, {few.min()}): metrics of these classes alone "
            "are unreliable."
        )
    if len(absent):
        yield (
            f"There is no photo of {', '.join(absent.index)}: how well the model knows "
            f"{'it' if len(absent) == 1 else 'them'} is unknown."
        )


def repeated_photos(predictions: Predictions) -> Iterator[str]:
    """Yield a warning if identical files are in several splits, so that the model is tested on its
    training data."""
    repeated = pd.Index(predictions.image_id).duplicated(keep=False)
    places = pd.DataFrame(
        {"image_id": predictions.image_id[repeated], "split": predictions.split[repeated]}
    )
    count = int((places.groupby("image_id")["split"].nunique() > 1).sum())
    if count:
        photos = "photo is" if count == 1 else "photos are"
        yield (
            f"{count} {photos} in more than one split (identical files), so the scores are too "
            "high."
        )


def unlabelled(predictions: Predictions) -> Iterator[str]:
    """Yield the number of photos left out of all metrics because their class is unknown."""
    count = int(np.count_nonzero(~predictions.known))
    if count:
        yield (
            f"{count} of {len(predictions)} photos have no known class and are left out of all "
            "metrics."
        )
