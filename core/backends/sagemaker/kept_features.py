"""Features that a job made, kept in the bucket for the next job on the same dataset version: a photo goes through a network once.

A job's checkpoints hold the features that it made; they are copied inside S3, and the next job reads them as the channel `cached`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.backends.sagemaker import storage
from core.backends.sagemaker.storage import Store
from core.specs import TrainingSpec, TuningSpec

# sm_scripts/features.py keeps them here, below the folder of checkpoints.
FOLDER = "checkpoints/features/"
SUFFIX = ".npz"


def uri(store: Store, spec: TrainingSpec | TuningSpec) -> str:
    """Where the version's features lie, or the empty string where there are none."""
    place = _place(spec)
    return store.uri(place) if next(store.keys(place), None) else ""


def cover(store: Store, spec: TrainingSpec | TuningSpec, archs: Sequence[str]) -> bool:
    """Whether there are features of every one of these backbones; for which photos and sizes, only the job itself can say."""
    place = _place(spec)
    found = {key.removeprefix(place).rsplit("-", 4)[0] for key in store.keys(place)}
    return all(name.replace("/", "_") in found for name in archs)


def keep(store: Store, spec: TrainingSpec | TuningSpec, job_id: str) -> None:
    """Copies what this job made to where the next one finds it."""
    made, place = storage.job_key(job_id, FOLDER), _place(spec)
    there = set(store.keys(place))
    for key in store.keys(made):
        target = f"{place}{key.removeprefix(made)}"
        if key.endswith(SUFFIX) and target not in there:
            store.copy(key, target)


def _place(spec: TrainingSpec | TuningSpec | Any) -> str:
    return f"features/{spec.dataset_id}/{spec.version_id}/"
