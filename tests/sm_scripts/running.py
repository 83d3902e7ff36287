"""Runs the real training script as its own process, in the environment that both backends give it."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from core.training import metrics

SM_SCRIPTS = Path(__file__).resolve().parents[2] / "sm_scripts"
# Small and repeatable: three classes of shapes, 64 pixels, fp32.
SMALL = {"arch": "lite0@64", "precision": "exact"}
SPLITS = ("train", "validation", "test")
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


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
        found = [
            row
            for row in map(metrics.parse, self.log.splitlines())
            if row and "train_accuracy" in row
        ]
        return [
            {name: value for name, value in row.items() if "second" not in name} for row in found
        ]


def environment(folder: Path, photos: Path, **more: str) -> dict[str, str]:
    """`photos` holds manifest.csv beside its photos, or train/, validation/ and test/ folders of classes."""
    channels = (
        {"SM_CHANNEL_MANIFEST": str(photos), "SM_CHANNEL_IMAGES": str(photos)}
        if (photos / "manifest.csv").is_file()
        else {
            f"SM_CHANNEL_{split.upper()}": str(photos / split)
            for split in SPLITS
            if (photos / split).is_dir()
        }
    )
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", str(folder)),
        "OMP_NUM_THREADS": "1",
        # A process that ends without Python's own exit, as a fork and a killed one do, leaves its temporary folder behind.
        "TMPDIR": str(folder),
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_OUTPUT_DATA_DIR": str(folder / "output"),
        "SM_CHANNEL_FEATURES": str(folder / "features"),
        **channels,
        **more,
    }


def command(folder: Path, **values: str) -> list[str]:
    given = {**SMALL, "checkpoint_dir": str(folder / "checkpoints"), **values}
    return [
        str(SM_SCRIPTS / "train.py"),
        *(part for name, value in given.items() for part in (f"--{name}", value)),
    ]


@dataclass
class Started:
    """A run that is going on."""

    folder: Path
    process: BaseProcess

    def log(self) -> str:
        file = self.folder / "log.txt"
        if not file.is_file():
            return f"the process has ended with {self.process.exitcode} before its first line"
        return file.read_text()

    def finished(self, seconds: float = 300) -> Run:
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"still running after {seconds} s\n{self.log()}"
        return Run(self.folder, self.process.exitcode, self.log())


def start(
    folder: Path,
    photos: Path,
    env: dict[str, str] | None = None,
    largest_file: int = 0,
    **values: str,
) -> Started:
    """Starts train.py in a process of its own, forked from one that has imported torch, as the app does: it saves a second each.

    `largest_file`, in bytes, is how a full disk is played without one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arguments = (
        environment(folder, photos, **(env or {})),
        command(folder, **values),
        str(folder / "log.txt"),
        largest_file,
    )
    process = _forking().Process(target=_run_script, args=arguments)
    with _without_main():
        process.start()
    return Started(folder, process)


@contextmanager
def _without_main() -> Iterator[None]:
    """A new process runs the file of `__main__` first, and AppTest leaves a page there that may be gone."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@functools.cache
def _forking() -> BaseContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "PIL.Image"])
    return context


def _run_script(env: dict[str, str], arguments: list[str], log: str, largest_file: int) -> None:
    os.environ.clear()
    os.environ.update(env)
    file = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if largest_file:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    sys.path.insert(0, str(SM_SCRIPTS))
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


def train(folder: Path, photos: Path, env: dict[str, str] | None = None, **values: str) -> Run:
    return start(folder, photos, env, **values).finished()


def train_by(
    launcher: list[str],
    folder: Path,
    photos: Path,
    env: dict[str, str] | None = None,
    **values: str,
) -> Run:
    """The same from a fresh interpreter, with `launcher` (torchrun's arguments, or nothing) before the script."""
    arguments = [sys.executable, "-W", "ignore", *launcher, *command(folder, **values)]
    variables = environment(folder, photos, **(env or {}))
    done = subprocess.run(
        arguments,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return Run(folder, done.returncode, done.stdout)


def stopped_after(
    text: str, folder: Path, photos: Path, env: dict[str, str] | None = None, **values: str
) -> Run:
    """A run that gets SIGTERM once its log contains `text`."""
    started = start(folder, photos, env, **values)
    while started.process.is_alive() and not (
        (folder / "log.txt").exists() and text in started.log()
    ):
        time.sleep(0.002)
    if started.process.is_alive() and started.process.pid:
        os.kill(started.process.pid, signal.SIGTERM)
    return started.finished()


def write_manifest(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    """manifest.csv in `folder` from (path, label, split)."""
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "path", "label", "split"])
        for path, label, split in rows:
            writer.writerow(
                [hashlib.sha256((folder / path).read_bytes()).hexdigest(), path, label, split]
            )
    return folder
