"""What is known of the photos that a model was measured on, beside their labels: the columns of the
dataset's tables, their sizes, and brightness and blur if the version was inspected."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.datasets import metadata, store
from core.datasets.inspection import quality
from core.datasets.inspection import store as inspections
from core.errors import NotFound
from core.evaluation.predictions import Predictions
from core.models.store import Model

SIZE, SHAPE = "size in megapixels", "shape"
QUALITY = {"blur": "blur", "bright_50": "brightness"}


def of(model: Model, part: Predictions) -> pd.DataFrame:
    """Return a row per photo of `part`, in its order, and a column per attribute.

    Places are left out: their parts name neighbourhoods and mean nothing else. Empty if the dataset
    version is gone.
    """
    try:
        version = store.version(model.dataset_id, model.version_id)
        manifest = store.manifest_of(version, columns=["path", "image_id", "width", "height"])
        columns = metadata.aligned(store.metadata_of(version), part.path)
    except NotFound:
        return pd.DataFrame(index=range(len(part)))
    columns = columns.drop(columns=[*metadata.PLACES & set(columns)]).reset_index(drop=True)
    sizes = manifest.set_index("path").reindex(list(part.path)).reset_index(drop=True)
    return pd.concat([columns, _sizes(sizes), _quality(version, sizes["image_id"])], axis=1)


def _sizes(of_photos: pd.DataFrame) -> pd.DataFrame:
    width, height = of_photos["width"].astype(float), of_photos["height"].astype(float)
    shapes = np.select([width > height, width < height], ["wide", "high"], "square")
    known = width.notna() & height.notna()
    return pd.DataFrame(
        {SIZE: width * height / 1e6, SHAPE: pd.Series(shapes).where(known, other=None)}
    )


def _quality(version: store.Version, ids: pd.Series[str]) -> pd.DataFrame:
    inspected = inspections.nearest(version)
    if inspected is None:
        return pd.DataFrame(index=ids.index)
    assert set(QUALITY) <= set(quality.FIGURES)
    points = inspected.points(["image_id", *QUALITY]).drop_duplicates("image_id")
    found = points.set_index("image_id").reindex(list(ids)).reset_index(drop=True)
    return found.rename(columns=QUALITY)
