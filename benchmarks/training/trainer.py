"""Runs our training script as a job on this workstation would run it, and reads what it wrote."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.photos import Photos
from core import settings
from core.jobs import processes
from core.training import metrics


@dataclass(frozen=True)
class Training:
    """One run of sm_scripts/train.py: the process, the description of its model,
    and its metric lines.
    """

    run: harness.Run
    model: Mapping[str, Any]

    @property
    def accuracy(self) -> float:
        """Top-1 on the test split."""
        return float(self.model["metrics"]["test"]["top1"])

    @property
    def n(self) -> int:
        return int(self.model["metrics"]["test"]["n"])

    @property
    def images_per_second(self) -> float:
        """The median over the epochs of the rate that each epoch's line reports."""
        rows = [row for _, line in self.run.lines if (row := metrics.parse(line))]
        return statistics.median(
            row["images_per_second"] for row in metrics.epochs(rows) if "images_per_second" in row
        )


def train(photos: Photos, features: Path, *, label: str, **hyperparameters: str) -> Training:
    """Train once, in a run folder of its own that is removed again.

    `features` is the cache, empty for a cold run.
    """
    return _train(photos, features, label, hyperparameters, None)


def train_and_keep(
    photos: Photos, features: Path, model: Path, *, label: str, **hyperparameters: str
) -> Training:
    """As `train`, and the folder of the trained model becomes `model`."""
    return _train(photos, features, label, hyperparameters, model)


def _train(
    photos: Photos, features: Path, label: str, hyperparameters: dict[str, str], keep: Path | None
) -> Training:
    features.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=harness.workspace()))
    code = shutil.copytree(
        settings.SM_SCRIPTS, folder / "code", ignore=shutil.ignore_patterns("__pycache__")
    )
    for part in ("model", "output", "checkpoints"):
        (folder / part).mkdir()
    arguments = [part for name, value in hyperparameters.items() for part in (f"--{name}", value)]
    command = [
        sys.executable,
        "train.py",
        *arguments,
        "--checkpoint_dir",
        str(folder / "checkpoints"),
    ]
    run = harness.run(
        command, cwd=code, env=environment(folder, photos, features), label=f"ours: {label}"
    )
    model = json.loads((folder / "model" / "model.json").read_bytes())
    if keep:
        (folder / "model").rename(keep)
    shutil.rmtree(folder)
    return Training(run, model)


def environment(folder: Path, photos: Photos, features: Path) -> dict[str, str]:
    """Return what SageMaker's container would set, with this workstation's folders, as the local
    backend does it."""
    channels = {
        "images": photos.root,
        "manifest": photos.manifest.parent,
        "features": features,
        "weights": folder / "weights",
    }
    return processes.clean_environment(
        {
            **processes.COMPUTING,
            **{f"SM_CHANNEL_{name.upper()}": str(path) for name, path in channels.items()},
            "SM_CHANNELS": json.dumps(list(channels)),
            "SM_MODEL_DIR": str(folder / "model"),
            "SM_OUTPUT_DATA_DIR": str(folder / "output"),
            "SM_HOSTS": '["algo-1"]',
            "SM_CURRENT_HOST": "algo-1",
            "SM_NUM_CPUS": str(os.cpu_count() or 1),
            "SM_NUM_GPUS": "0",
        }
    )
