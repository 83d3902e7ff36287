"""Writes the artifact: model.safetensors, model.json and code/, which needs only torch, torchvision, Pillow and numpy to serve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

import tensors
import zoo
from backbones import PACKAGE
from model import INFO_FILE, WEIGHTS_FILE
from runtime import write_atomic

# What inference.py imports, directly or not. A test loads an artifact with nothing else in reach.
CODE = ("inference.py", "model.py", "backbones.py", "head.py", "images.py", "preprocessing.py", "tensors.py", "familiarity.py")
_NOT_WEIGHTS = ("running_mean", "running_var", "num_batches_tracked", "mean", "deviation", "means")


def write(folder: Path, info: dict[str, Any], state: dict[str, torch.Tensor]) -> None:
    """`state` has the names of Model's state dict. model.json comes last, so that its presence says the artifact is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    code = folder / "code"
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir()
    for name in CODE:
        shutil.copyfile(Path(__file__).parent / name, code / name)
    zoo.copy([entry["timm_name"] for entry in info["backbones"]], code / PACKAGE)
    tensors.save(state, folder / WEIGHTS_FILE)
    write_atomic(folder / INFO_FILE, (json.dumps(info, indent=1, ensure_ascii=False) + "\n").encode())


def parameters(state: dict[str, torch.Tensor]) -> int:
    """How many numbers were learned, in this training or before it."""
    return sum(value.numel() for name, value in state.items() if name.rsplit(".", 1)[-1] not in _NOT_WEIGHTS)
