"""Runs the real training script as its own process, in the environment that both backends give it."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import metrics

SM_SCRIPTS = Path(__file__).resolve().parents[2] / "sm_scripts"
# Small and repeatable: three classes of shapes, 64 pixels, fp32.
SMALL = {"arch": "lite0@64", "precision": "exact"}
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Run:
    """One run of train.py under `folder`, and what it left there."""

    folder: Path
    code: int
    log: str

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def info(self) -> dict[str, Any]:
        return json.loads((self.model / "model.json").read_text())

    @property
    def failure(self) -> str:
        return (self.folder / "output" / "failure").read_text()

    @property
    def predictions(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / "output" / "predictions.npz", allow_pickle=False) as file:
            return dict(file)

    def rows(self) -> list[dict[str, float]]:
        """The metric lines that end an epoch, without the figures that depend on the clock."""
        found = [row for row in map(metrics.parse, self.log.splitlines()) if row and "train_accuracy" in row]
        return [{name: value for name, value in row.items() if "second" not in name} for row in found]


def environment(folder: Path, photos: Path, **more: str) -> dict[str, str]:
    """`photos` holds manifest.csv beside its photos, or train/, validation/ and test/ folders of classes."""
    channels = (
        {"SM_CHANNEL_MANIFEST": str(photos), "SM_CHANNEL_IMAGES": str(photos)}
        if (photos / "manifest.csv").is_file()
        else {f"SM_CHANNEL_{split.upper()}": str(photos / split) for split in SPLITS if (photos / split).is_dir()}
    )
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", str(folder)),
        "OMP_NUM_THREADS": "1",
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_OUTPUT_DATA_DIR": str(folder / "output"),
        "SM_CHANNEL_FEATURES": str(folder / "features"),
        **channels,
        **more,
    }


def command(folder: Path, **values: str) -> list[str]:
    given = {**SMALL, "checkpoint_dir": str(folder / "checkpoints"), **values}
    return [str(SM_SCRIPTS / "train.py"), *(part for name, value in given.items() for part in (f"--{name}", value))]


def start(
    folder: Path, photos: Path, env: dict[str, str] | None = None, launcher: list[str] | None = None, **values: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", *(launcher or []), *command(folder, **values)],
        env=environment(folder, photos, **(env or {})), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def train(folder: Path, photos: Path, env: dict[str, str] | None = None, launcher: list[str] | None = None, **values: str) -> Run:
    process = start(folder, photos, env, launcher, **values)
    log, _ = process.communicate(timeout=300)
    return Run(folder, process.returncode, log)


def stopped_after(text: str, folder: Path, photos: Path, env: dict[str, str] | None = None, **values: str) -> Run:
    """A run that gets SIGTERM once a line of its log contains `text`."""
    process = start(folder, photos, env, **values)
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line and process.poll() is None:
            process.terminate()
            text = "\0"
    return Run(folder, process.wait(timeout=60), "".join(lines))


def write_manifest(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    """manifest.csv in `folder` from (path, label, split)."""
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "path", "label", "split"])
        for path, label, split in rows:
            writer.writerow([hashlib.sha256((folder / path).read_bytes()).hexdigest(), path, label, split])
    return folder
