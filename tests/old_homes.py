"""Homes that an earlier Fieldmark left, kept in `fixtures`; see test_old_homes."""

from __future__ import annotations

import tarfile
from pathlib import Path

from safetensors.torch import load_file, save_file

from core.models import store as models

FIXTURES = Path(__file__).parent / "fixtures"
WORKSTATION = "home-2026-11-30.tar.xz"
SAGEMAKER = "sagemaker-2026-11-30.tar.xz"


def unpack(name: str, home: Path) -> None:
    """Unpack a kept home to `home`, whose folder has to be called "home"."""
    with tarfile.open(FIXTURES / name) as archive:
        archive.extractall(home.parent, filter="data")


def restore_weights(home: Path, trained_home: Path) -> None:
    """Put the weights of the packaged backbone, taken from a model of today, back into the models
    of the workstation's home."""
    (today,) = trained_home.glob("jobs/*/model/model.safetensors")
    backbone = load_file(today)
    for path in home.glob("jobs/*/model/model.safetensors"):
        save_file(backbone | load_file(path), path)
    for folder in home.glob("jobs/*/model/code"):
        output = folder.parents[1] / "output"
        models.pack(folder.parent, output / "model.tar.gz")
