"""The checks of `fieldmark doctor`: what a person would be asked for when something is wrong."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.errors import FieldmarkError
from core.io import files
from core.jobs import processes

OK, WARNING, FAILED = "ok", "warning", "failed"
MIN_PYTHON = (3, 11, 4)
# Imported in a process of its own, as a job does: this one stays small.
PROBE = """
import json, torch
print(json.dumps({"torch": torch.__version__, "cuda": torch.cuda.is_available()}))
"""
PROBE_SECONDS = 120
SHOWN = ("streamlit", "torch", "torchvision", "timm", "openvino", "boto3", "pandas", "optuna")


@dataclass(frozen=True)
class Check:
    """One check: its state, and what was found or is to be done."""

    check: str
    state: str
    found: str


def run() -> list[Check]:
    """Return every check, each made even if another fails."""
    made: tuple[Callable[[], Iterator[Check]], ...] = (
        _python,
        _packages,
        _compute,
        _home,
        _account,
    )
    return [check for checks in made for check in checks()]


def _python() -> Iterator[Check]:
    known = platform.python_version()
    state = OK if sys.version_info[:3] >= MIN_PYTHON else FAILED
    yield Check("Python", state, f"{known} at {sys.executable}")


def _packages() -> Iterator[Check]:
    for name in SHOWN:
        try:
            yield Check(name, OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            state = WARNING if name == "openvino" else FAILED
            yield Check(name, state, "is not installed. Install Fieldmark again.")


def _compute() -> Iterator[Check]:
    yield Check("Processor", OK, f"{processes.cores()} cores")
    done = subprocess.run(
        [settings.python(), "-c", PROBE],
        capture_output=True,
        text=True,
        timeout=PROBE_SECONDS,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield Check("Training", FAILED, f"torch cannot be imported: {last}")
        return
    device = "a GPU" if json.loads(done.stdout)["cuda"] else "the processor (no GPU was found)"
    yield Check("Training", OK, f"runs on {device}")


def _home() -> Iterator[Check]:
    try:
        home = settings.home()
        with files.scratch("doctor"):
            pass
    except (FieldmarkError, OSError) as error:
        yield Check("Home", FAILED, str(error))
        return
    free = shutil.disk_usage(home).free
    enough = free >= settings.MIN_FREE_BYTES
    yield Check("Home", OK, str(home))
    yield Check("Disk", OK if enough else FAILED, f"{files.human_bytes(free)} free")
    roots = ", ".join(map(str, settings.import_roots()))
    yield Check("Import folders", OK, f"the app imports from {roots}")


def _account() -> Iterator[Check]:
    named = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID")
    known = named or (Path.home() / ".aws" / "credentials").is_file()
    words = "credentials are set: the AWS page checks them" if known else "not set up (optional)"
    yield Check("AWS", OK, words)
