"""The inspection of a dataset as a job, from the click to Completed, with nothing cached; beside it
a plain loop over photos and features with scikit-learn.

The loop reads, hashes and decodes each photo, and cross-validates a classifier with scikit-learn's
own threads; it neither compares pairs of photos nor measures their quality.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks import running_app
from benchmarks.datasets import steps
from benchmarks.harness import BenchmarkError, Outcome, Row
from benchmarks.photos import photos
from core.backends import LOCAL
from core.datasets.inspection import labels
from core.datasets.inspection import store as inspection
from core.jobs.specs import InspectSpec
from core.jobs.store import State
from core.training import feature_cache

MAPS = ("pca", "tsne")
# Seconds on two cores, for the 715 photos of twelve species of CUB-200-2011.
LIMIT_SECONDS = 20.0


def run() -> Outcome:
    where = photos()
    with running_app.running():
        seconds = _job(where.version.dataset_id, where.version.id)
    made = inspection.of(where.version)
    if made is None:
        raise BenchmarkError("the job stored no inspection")
    started = time.perf_counter()
    steps.decode_photos(where.root)
    decoded = time.perf_counter() - started
    return Outcome(
        "inspect",
        "s",
        Row("the job, features included", seconds, note=f"limit {LIMIT_SECONDS:g} s"),
        Row("a plain loop, features cached", decoded + _cross_validated(made)),
        target=None,
        n=made.photos,
        others=(Row("the job without features", made.seconds, compared=False),),
        extra={
            "limit": LIMIT_SECONDS,
            "reached": seconds <= LIMIT_SECONDS,
            "found": dict(made.counts),
        },
    )


def _job(dataset_id: str, version_id: str) -> float:
    """Return the seconds from the click to Completed."""
    print("  ours: the inspection ...", end="", file=sys.stderr, flush=True)
    clicked = time.perf_counter()
    job = LOCAL.inspect(InspectSpec("benchmark", dataset_id, version_id, MAPS))
    seconds = running_app.wait_for(lambda: LOCAL.refresh(job).state.is_finished, clicked)
    print(f" {seconds:.1f} s", file=sys.stderr, flush=True)
    ended = LOCAL.refresh(job)
    if ended.state is not State.COMPLETED:
        raise BenchmarkError(f"the job ended as {ended.state}: {ended.status.reason}")
    return seconds


def _cross_validated(made: inspection.Inspection) -> float:
    """Return the seconds that scikit-learn takes to predict each label from the other photos."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = inspection.usable(made.version)
    features, known = feature_cache.read(made.caches, frame["image_id"].tolist())
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=labels.STRENGTH, max_iter=labels.ITERATIONS)
    )
    started = time.perf_counter()
    cross_val_predict(
        model,
        features[known].astype(np.float32),
        frame.loc[known, "label"],
        cv=labels.FOLDS,
        method="predict_proba",
    )
    return time.perf_counter() - started
