"""How the time of each step grows with the photos: import, features, head, evaluation, inspection,
a search of ten trials and a batch over every photo, of 12 and of 200 classes. The photos are drawn.

Between two numbers of photos, seconds grow as photos to the power of an exponent: 1 is
proportional, 2 is quadratic. FIELDMARK_PHOTOS measures other numbers of photos, such as
700,7000,50000.

The peers are a loop that reads, hashes and decodes by Pillow for the import, and scikit-learn's
LogisticRegression with a given strength for the head.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.app.page_scale import in_home
from benchmarks.datasets import drawn, steps
from benchmarks.harness import Outcome, Row
from benchmarks.photos import Photos
from benchmarks.training.trainer import train
from core import settings
from core.datasets import manifest, store
from core.jobs import processes

ENV_PHOTOS = "FIELDMARK_PHOTOS"
PHOTOS = (700, 7_000)
CLASSES = (12, 200)
STEPS = ("import", "features", "head", "evaluation", "inspection", "tuning", "batch")
LIMIT = 1.1
STRENGTH = "0.003"

# What was measured at one size: seconds by step, and further figures.
Measured = Mapping[str, Any]


def run() -> Outcome:
    """Seconds of the import and the head of the most photos, and the exponents of all steps."""
    sizes = _sizes()
    found = {
        (photos, classes): _measured(photos, classes) for classes in CLASSES for photos in sizes
    }
    most = found[sizes[-1], CLASSES[-1]]
    exponents = {
        f"{classes} classes, {few:,} to {many:,} photos": _exponents(
            found[few, classes], found[many, classes], many / few
        )
        for classes in CLASSES
        for few, many in pairwise(sizes)
    }
    totals = {name: values["total"] for name, values in exponents.items()}
    return Outcome(
        "growth",
        "s",
        Row(
            f"import and head of {sizes[-1]:,} photos",
            most["seconds"]["import"] + most["seconds"]["head"],
            most["accuracy"],
        ),
        Row("Pillow's loop and scikit-learn", most["peer"], most["peer_accuracy"]),
        target=None,
        n=most["n"],
        others=(*_rows(found), *_exponent_rows(exponents)),
        extra={
            "exponents": exponents,
            "limit": LIMIT,
            "reached": all(value <= LIMIT for value in totals.values()),
            "peak_mb": {f"{key[0]} x {key[1]}": value["peak_mb"] for key, value in found.items()},
        },
    )


def _sizes() -> tuple[int, ...]:
    given = os.environ.get(ENV_PHOTOS)
    if not given:
        return PHOTOS
    return tuple(sorted(int(size) for size in given.split(",")))


def _measured(photos: int, classes: int) -> Measured:
    """Take every step in a home of its own, and return what each took."""
    place = harness.workspace() / f"growth-{photos}-{classes}"
    folder = drawn.draw(place / "photos", photos, classes)
    with in_home(place / "home"):
        imported, decoded = _step("import", folder), _step("decode", folder)
        trained = train(
            _photos(place),
            settings.features_dir(),
            label=f"training, {photos:,} photos of {classes} classes",
            preset="fast",
            weight_decay=STRENGTH,
        )
        inspected, fitted = _step("inspect", folder), _step("fit", folder)
        tuned, classified = _step("tune", folder), _step("batch", folder)
    shutil.rmtree(place)
    took = trained.model["seconds"]
    return {
        "seconds": {
            "import": imported["seconds"],
            "features": took["features"],
            "head": took["training"],
            # All that follows the head: the scores, and the files of the model.
            "evaluation": took["total"] - took["imports"] - took["features"] - took["training"],
            "inspection": inspected["seconds"],
            "tuning": tuned["seconds"],
            "batch": classified["seconds"],
        },
        "peak_mb": {
            "import": round(imported["peak_mb"]),
            "training": round(trained.model["peak_memory_bytes"] / 2**20),
            "inspection": round(inspected["peak_mb"]),
        },
        "peer": decoded["seconds"] + fitted["seconds"],
        "accuracy": trained.accuracy,
        "peer_accuracy": fitted["accuracy"],
        "n": trained.n,
    }


def _photos(place: Path) -> Photos:
    """Write the manifest of the imported photos and return them as a training sees them."""
    version = steps.first_version()
    path = place / "manifest" / "manifest.csv"
    path.parent.mkdir()
    manifest.write_csv(store.manifest_of(version), path)
    root = store.dataset(version.dataset_id).root
    return Photos("drawn", root, path, version, 0.0)


def _step(name: str, folder: Path) -> Mapping[str, Any]:
    command = [sys.executable, "-m", "benchmarks.datasets.steps", name, str(folder)]
    environment = processes.clean_environment(
        {
            **processes.COMPUTING,
            settings.ENV_HOME: str(settings.home()),
            "PYTHONPATH": str(settings.PROJECT),
        }
    )
    return harness.run(
        command, cwd=settings.PROJECT, env=environment, label=f"{name}: {folder.parent.name}"
    ).report()


def _exponents(few: Measured, many: Measured, times: float) -> dict[str, float]:
    """Return each step's exponent, and that of all steps together."""
    before, after = ({**one["seconds"], "total": _total(one)} for one in (few, many))
    return {
        name: round(math.log(after[name] / before[name]) / math.log(times), 2) for name in after
    }


def _total(measured: Measured) -> float:
    return float(sum(measured["seconds"].values()))


def _rows(found: Mapping[tuple[int, int], Measured]) -> Iterator[Row]:
    for (photos, classes), measured in found.items():
        peaks = ", ".join(f"{name} {value:,}" for name, value in measured["peak_mb"].items())
        name = f"{photos:,} photos, {classes} classes"
        yield Row(name, _total(measured), note=f"peak MB: {peaks}", compared=False)
        for step in STEPS:
            yield Row(f"  {step}", measured["seconds"][step], compared=False)


def _exponent_rows(exponents: Mapping[str, Mapping[str, float]]) -> Iterator[Row]:
    for name, values in exponents.items():
        each = ", ".join(f"{step} {values[step]:.2f}" for step in STEPS)
        yield Row(
            f"exponent, {name}", values["total"], note=f"limit {LIMIT:g}; {each}", compared=False
        )
