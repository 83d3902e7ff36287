"""The datasets page over a million photos with ten columns of metadata, next to the same page over
a thousand: opened, filtered, searched, sorted, paged and redrawn.

Fieldmark's figure is the rerun of a page with a million rows, the peer's with a thousand; a ratio
of 0.5 is twice as slow. The photos' paths are invented, the thumbnails of the shown pages are real.
A separate process draws the page and reports its peak memory.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import harness
from benchmarks.harness import Outcome, Row
from core import settings
from core.datasets import manifest, store
from core.datasets.browse import METADATA, Query
from core.io import images
from core.jobs import processes

# Few classes, so that one of them fills a page of the small dataset, too: both pages then show the
# same number of photos.
MANY, FEW, CLASSES = 1_000_000, 1_000, 20
# The views: the parameters in the address, and the rows that are then on the page.
VIEWS: dict[str, tuple[Mapping[str, str], Query, int]] = {
    "all photos": ({}, Query(sort="mixed"), 0),
    "sorted by class": ({"ds_sort": "Class"}, Query(), 0),
    "one class": ({"ds_class": "Species 010"}, Query(label="Species 010", sort="mixed"), 0),
    "a search by name": ({"ds_find": "/00000"}, Query(name="/00000", sort="mixed"), 0),
    "sorted by file size": (
        {"ds_sort": "File size", "ds_down": "true"},
        Query(sort="size_bytes", descending=True),
        0,
    ),
    "a page in the middle": ({"ds_page": "{middle}"}, Query(sort="mixed"), 1),
    "filtered by a number": (
        {"ds_meta": "number 0", "ds_meta_from": "0.5"},
        Query(metadata=(("number 0", "0.5", ""),), sort="mixed"),
        0,
    ),
    "sorted by a time": (
        {"ds_sort": "time 0"},
        Query(sort=f"{METADATA}time 0"),
        0,
    ),
}
PAGE_ROWS = 48


def run() -> Outcome:
    """Milliseconds of a redraw, the median over all views."""
    many, few = _measured(MANY), _measured(FEW)
    ours, peer = (
        statistics.median(found["views"][name]["redraw_ms"] for name in VIEWS)
        for found in (many, few)
    )
    others = [
        Row(
            f"{name}: {step}",
            many["views"][name][f"{step}_ms"],
            note=f"with 1,000 rows {few['views'][name][f'{step}_ms']:.0f}",
            compared=False,
        )
        for name in VIEWS
        for step in ("first", "redraw")
    ]
    note = (
        f"peak memory of the process {many['peak_mb']:.0f} MB (with 1,000 rows "
        f"{few['peak_mb']:.0f} MB)"
    )
    return Outcome(
        "page_scale",
        "ms",
        Row(f"redraw with {MANY:,} rows", ours, note=note),
        Row(f"redraw with {FEW:,} rows", peer),
        target=0.5,
        n=MANY,
        others=tuple(others),
        extra={
            "peak_mb": round(many["peak_mb"]),
            "peak_mb_peer": round(few["peak_mb"]),
            "views": many["views"],
        },
    )


def _measured(rows: int) -> Mapping[str, Any]:
    home = harness.workspace() / f"rows-{rows}"
    with in_home(home):
        version = _dataset(rows, home)
        addresses = {name: ("datasets", _address(version, name, rows)) for name in VIEWS}
    command = [sys.executable, "-m", "benchmarks.app.page_probe", json.dumps(addresses)]
    environment = processes.clean_environment(
        {settings.ENV_HOME: str(home), settings.ENV_PREPARE: "0"}
    )
    return harness.run(
        command, cwd=settings.PROJECT, env=environment, label=f"the page with {rows:,} rows"
    ).report()


@contextmanager
def in_home(path: Path) -> Iterator[None]:
    """Use this FIELDMARK_HOME inside the block."""
    before = os.environ.get(settings.ENV_HOME)
    os.environ[settings.ENV_HOME] = str(path)
    try:
        yield
    finally:
        os.environ.pop(settings.ENV_HOME)
        if before is not None:
            os.environ[settings.ENV_HOME] = before


def _dataset(rows: int, home: Path) -> store.Version:
    """Create a dataset of this many rows in CLASSES classes, each photo unique."""
    chance = np.random.default_rng(0)
    label = np.sort(np.arange(rows) % CLASSES)
    ids = chance.bytes(32 * rows).hex()
    frame = manifest.frame_of(
        {
            "image_id": [ids[64 * row : 64 * row + 64] for row in range(rows)],
            "path": [f"Species {name:03d}/{row:07d}.jpg" for row, name in enumerate(label)],
            "label": [f"Species {name:03d}" for name in label],
            "split": chance.choice(["train", "validation", "test"], rows, p=[0.7, 0.15, 0.15]),
            "width": chance.integers(300, 501, rows),
            "height": chance.integers(300, 501, rows),
            "size_bytes": chance.integers(20_000, 200_000, rows),
        }
    )
    return store.add_dataset(
        "Many",
        home,
        "made by a benchmark",
        frame,
        {},
        split={"kind": "stratified"},
        metadata=_metadata(frame, chance),
    )


def _metadata(frame: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    """Ten further columns: four of text, four of numbers, two of times."""
    rows = len(frame)
    words = np.array([f"site {number}" for number in range(50)])
    start = np.datetime64("2024-01-01T00:00:00", "s")
    columns: dict[str, Any] = {
        **{f"text {n}": chance.choice(words, rows) for n in range(4)},
        **{f"number {n}": chance.random(rows) for n in range(4)},
        **{f"time {n}": start + chance.integers(0, 10**8, rows) for n in range(2)},
    }
    return frame[["image_id", "path"]].assign(**columns)


def _address(version: store.Version, name: str, rows: int) -> dict[str, str]:
    """Return the view's parameters, and create the thumbnails of its page."""
    given, query, middle = VIEWS[name]
    page = max(1, rows // PAGE_ROWS // 2) if middle else 1
    for image_id in store.page(version, query, offset=(page - 1) * PAGE_ROWS, limit=PAGE_ROWS)[0][
        "image_id"
    ]:
        path = images.thumbnail_path(image_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(
            np.frombuffer(bytes.fromhex(image_id) * 27, np.uint8).reshape(16, 18, 3)
        ).resize((240, 214)).save(path, "JPEG")
    return {
        "dataset": version.dataset_id,
        **{key: value.format(middle=page) for key, value in given.items()},
    }
