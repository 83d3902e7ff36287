"""How large the photos of a manifest are: counts per bin of width, height and aspect ratio."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.datasets import browse, manifest
from core.datasets.browse import RANGES, Query, Values

BINS = 40


def histograms(path: Path, query: Query) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the sizes of the photos that pass the query without its ranges: cells (`width`,
    `width_to`, `height`, `height_to`, `photos`) and bars of the aspect ratio (`aspect`,
    `aspect_to`, `photos`), at most BINS each way. Empty when no size is known."""
    try:
        return _sizes(
            path, browse.stamp_of(path), replace(query, ranges=(), sort="label", descending=False)
        )
    except (OSError, pa.ArrowException) as error:
        raise manifest.unreadable(path, error) from error


@lru_cache(maxsize=browse.KEPT_QUERIES)
def _sizes(path: Path, stamp: tuple[int, int], query: Query) -> tuple[pd.DataFrame, pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        values = browse.measures(file.read(columns=["width", "height"]))
    if not query.is_everything:
        values = {name: some[browse.positions(path, stamp, query)] for name, some in values.items()}
    known = values["width"] > 0
    width, height, aspect = (values[name][known] for name in RANGES)
    if not len(width):
        return pd.DataFrame(
            columns=["width", "width_to", "height", "height_to", "photos"]
        ), pd.DataFrame(columns=["aspect", "aspect_to", "photos"])
    edges = [_edges(side, whole=True) for side in (width, height)]
    counts = np.histogram2d(width, height, bins=edges)[0]
    x, y = np.nonzero(counts)
    cells = pd.DataFrame(
        {
            "width": edges[0][x],
            "width_to": edges[0][x + 1],
            "height": edges[1][y],
            "height_to": edges[1][y + 1],
            "photos": counts[x, y].astype(int),
        }
    )
    steps = _edges(aspect, whole=False)
    bars = pd.DataFrame(
        {"aspect": steps[:-1], "aspect_to": steps[1:], "photos": np.histogram(aspect, steps)[0]}
    )
    return cells, bars[bars["photos"] > 0]


def _edges(values: Values, *, whole: bool) -> Values:
    """Return the edges of at most BINS bins, as whole numbers if `whole`; every value is between
    the first and the last."""
    low, high = float(values.min()), float(values.max())
    if whole:
        step = max(1.0, np.ceil((high - low + 1) / BINS))
        return np.arange(low, high + step + 1, step)
    return np.linspace(low, max(high, low + 0.01), BINS + 1)
