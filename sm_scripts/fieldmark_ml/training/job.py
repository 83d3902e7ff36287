"""One training job: its settings, its folders and its machine,
read once from the arguments and the environment.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from fieldmark_ml.engines.choose import precision_of
from fieldmark_ml.hyperparameters import Values
from fieldmark_ml.photos.data import Photos
from fieldmark_ml.runtime import TrainingError

# Replaced by the name of the training job in --checkpoint_dir, which separates trials that share a
# folder.
OWN_NAME = "@job"
# A resumed job may differ in these settings.
_NOT_PART_OF_A_JOB = {"checkpoint_dir", "name", "dataset_id", "dataset_version", "unsure_target"}


@dataclass(frozen=True)
class Job:
    """`values` are typed and resolved; `precision` is the arithmetic, fp32 or bf16."""

    values: Values
    model_dir: Path
    output_dir: Path
    checkpoint_dir: Path
    device: torch.device
    cpus: int
    precision: str

    def with_values(self, **changes: Any) -> Job:
        return replace(self, values={**self.values, **changes})


def make(values: Values) -> Job:
    """Raise TrainingError on a machine with GPUs that torch cannot use: on its CPU the training
    would be billed as on a GPU, and take ten times as long."""
    gpus = int(os.environ.get("SM_NUM_GPUS") or 0)
    if gpus and not torch.cuda.is_available():
        raise TrainingError(
            f"This machine has {gpus} GPU(s), but torch {torch.__version__} cannot use CUDA "
            "here. Use an image with a matching CUDA version, or an instance type without a GPU."
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Job(
        values,
        Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")),
        output_dir(),
        Path(
            values["checkpoint_dir"].replace(OWN_NAME, os.environ.get("TRAINING_JOB_NAME", "job"))
        ),
        device,
        _cores(),
        precision_of(values["precision"], device),
    )


def _cores() -> int:
    """Set torch's threads and return the number of cores that this training may use: all of its CPU
    affinity, or OMP_NUM_THREADS."""
    available = len(os.sched_getaffinity(0))
    given = os.environ.get("OMP_NUM_THREADS", "")
    cores = min(available, int(given)) if given.isdigit() and int(given) else available
    # A forked process has already read that variable.
    torch.set_num_threads(cores)
    return cores


def output_dir() -> Path:
    return Path(os.environ.get("SM_OUTPUT_DATA_DIR", "/opt/ml/output/data"))


def fingerprint(values: Values, photos: Photos) -> str:
    """Return a hash of a training's settings and photos: only the same training may resume from its
    checkpoints."""
    settings = {name: value for name, value in values.items() if name not in _NOT_PART_OF_A_JOB}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for column in (photos.image_ids, photos.classes):
        digest.update("\n".join(column).encode() + b"\0")
    if photos.boxes:
        digest.update(repr(photos.boxes).encode())
    digest.update(photos.labels.tobytes() + "".join(photos.splits.tolist()).encode())
    return digest.hexdigest()
