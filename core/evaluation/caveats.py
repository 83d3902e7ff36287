"""Caveats about a model's metrics as sentences, derived from its predictions; none if there is
nothing to warn of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from core.evaluation.predictions import Predictions
from core.evaluation.scores import per_class, top1

# With fewer photos a class's own metrics mean little: one photo is more than ten points.
FEW_PHOTOS = 10


def small_numbers(part: Predictions, split: str) -> Iterator[str]:
    """Yield how uncertain the metrics of one split are, overall and by class, given its number of
    labelled photos."""
    score = top1(part)
    if not score.n:
        return
    low, high = score.interval_95
    yield (
        f"The {split} metrics are from {score.n} photos: one photo is {100 / score.n:.2g} points "
        f"of top-1, and its 95 % Wilson interval is {100 * (high - low):.1f} points wide."
    )
    support = per_class(part).set_index("label")["support"]
    absent, few = support[support == 0], support[(support > 0) & (support < FEW_PHOTOS)]
    if len(few):
        count = (
            f"{len(few)} of {len(support)} classes {'has' if len(few) == 1 else 'have'} fewer "
            f"than {FEW_PHOTOS} photos there"
        )
        yield (
            f"{count} (fewest: {few.idxmin()}, {few.min()}): the metrics of such a class are very "
            "uncertain."
        )
    if len(absent):
        yield (
            f"No photo there is labelled {', '.join(absent.index)}: the model's accuracy on "
            f"{'it' if len(absent) == 1 else 'them'} is unknown."
        )


def repeated_photos(predictions: Predictions) -> Iterator[str]:
    """Yield a warning if identical photos are in more than one split, which leaks training data
    into the metrics."""
    repeated = pd.Index(predictions.image_id).duplicated(keep=False)
    places = pd.DataFrame(
        {"image_id": predictions.image_id[repeated], "split": predictions.split[repeated]}
    )
    count = int((places.groupby("image_id")["split"].nunique() > 1).sum())
    if count:
        photos = "photo is" if count == 1 else "photos are"
        yield (
            f"{count} {photos} in more than one split with identical bytes, so the metrics are "
            "optimistic."
        )


def unlabelled(predictions: Predictions) -> Iterator[str]:
    """Yield how many photos count in no metric because they have no label."""
    count = int(np.count_nonzero(~predictions.known))
    if count:
        yield f"{count} of {len(predictions)} photos have no label and count in no metric."
