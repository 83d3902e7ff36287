"""Sentences about what figures do not say, each written from the predictions themselves; none where
there is nothing to warn of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from core.evaluation.predictions import Predictions
from core.evaluation.scores import per_class, top1

# Below this many photos a class's own figures say little: one photo is more than ten points.
FEW_PHOTOS = 10


def small_numbers(part: Predictions, split: str) -> Iterator[str]:
    """Yield what the number of photos of one split (of known class) does not let one say, overall
    and of single classes."""
    score = top1(part)
    if not score.n:
        return
    low, high = score.interval_95
    yield (
        f"The figures on {split} rest on {score.n} photos: one photo is {100 / score.n:.2g} "
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
            f"{count} (the fewest: {few.idxmin()}, {few.min()}): what is said of such a class "
            "alone is little more than a hint."
        )
    if len(absent):
        yield (
            f"No photo there shows {', '.join(absent.index)}: how well the model knows "
            f"{'it' if len(absent) == 1 else 'them'} is unknown."
        )


def repeated_photos(predictions: Predictions) -> Iterator[str]:
    """Return whether the same bytes lie in more than one split, so that the model is asked what it
    was told."""
    repeated = pd.Index(predictions.image_id).duplicated(keep=False)
    places = pd.DataFrame(
        {"image_id": predictions.image_id[repeated], "split": predictions.split[repeated]}
    )
    count = int((places.groupby("image_id")["split"].nunique() > 1).sum())
    if count:
        photos = "photo lies" if count == 1 else "photos lie"
        yield (
            f"{count} {photos} in more than one split, byte for byte the same, which flatters the "
            "figures."
        )


def unlabelled(predictions: Predictions) -> Iterator[str]:
    """Yield how many photos count in no figure because their class is not known."""
    count = int(np.count_nonzero(~predictions.known))
    if count:
        yield f"{count} of {len(predictions)} photos have no known class and count in no figure."
