"""One step of `growth` or `inspect` in a process of its own, so that its peak memory can be read.
Prints its seconds, wall and processor, and the peak.

python -m benchmarks.datasets.steps import FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import fieldmark as fm
from core import settings
from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.datasets.inspection import store as inspection
from core.jobs import processes
from core.training import feature_cache

STRENGTH = 0.003
ITERATIONS = 1000
TRIALS = 10


def import_photos(folder: Path) -> Mapping[str, Any]:
    version = importing.run_import(ImportSource("folder", folder), "Growth")
    return {"photos": version.images}


def decode_photos(folder: Path) -> Mapping[str, Any]:
    """The peer of the import: one loop that reads, hashes and decodes by Pillow."""
    photos = 0
    for path in sorted(folder.rglob("*.jpg")):
        data = path.read_bytes()
        hashlib.sha256(data).digest()
        Image.open(io.BytesIO(data)).convert("RGB")
        photos += 1
    return {"photos": photos}


def inspect_photos(_: Path) -> Mapping[str, Any]:
    made = inspection.make(first_version(), _caches(), maps=("pca",), workers=processes.cores())
    return {"photos": made.photos, "found": made.counts}


def fit_head(_: Path) -> Mapping[str, Any]:
    """The peer of the head: scikit-learn on the same features, its strength given."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    frame = inspection.usable(first_version())
    features, _found = feature_cache.read(_caches(), frame["image_id"].tolist())
    labels, test = frame["label"].to_numpy(dtype=str), (frame["split"] == "test").to_numpy()
    started, cpu = time.perf_counter(), time.process_time()
    scaler = StandardScaler().fit(features[~test])
    model = LogisticRegression(C=1 / (STRENGTH * int((~test).sum())), max_iter=ITERATIONS)
    model.fit(scaler.transform(features[~test]), labels[~test])
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "accuracy": float(np.mean(model.predict(scaler.transform(features[test])) == labels[test])),
    }


def tune_head(_: Path) -> Mapping[str, Any]:
    """A search of ten trials over the head's strength, as a job of this home."""
    fm.tune(fm.datasets()[0], {"weight_decay": (0.001, 1.0)}, trials=TRIALS)
    return {"trials": TRIALS}


def classify_photos(folder: Path) -> Mapping[str, Any]:
    """A batch over every photo, as a job of this home, with the best model of the search."""
    made = fm.models()[0].batch(folder, folder.parent / "answers.parquet")
    return {"photos": made.photos, "correct": made.correct}


STEPS: Mapping[str, Callable[[Path], Mapping[str, Any]]] = {
    "import": import_photos,
    "decode": decode_photos,
    "inspect": inspect_photos,
    "fit": fit_head,
    "tune": tune_head,
    "batch": classify_photos,
}


def first_version() -> store.Version:
    """Return the imported version of the home's only dataset."""
    [dataset] = store.datasets()
    return store.version(dataset.id, "v1")


def _caches() -> list[str]:
    """Return the folders with the features of the whole photos."""
    return [path.name for path in settings.features_dir().glob("*-plain-*")]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=tuple(STEPS))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    os.environ[settings.ENV_IMPORT_ROOTS] = str(options.folder.parent)
    started, cpu = time.perf_counter(), time.process_time()
    found = STEPS[options.step](options.folder)
    measured = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps({**measured, **found}))


if __name__ == "__main__":
    main(sys.argv[1:])
