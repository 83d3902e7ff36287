"""The artifact: model.safetensors, model.json and code/, which needs only torch, torchvision,
Pillow and numpy to serve.

code/ has a part of fieldmark_ml; a server on this machine finds the rest in sm_scripts by its
search path. So fieldmark_ml and its folders have no `__init__.py`: with one, only the first part
would be found.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from fieldmark_ml.network import tensors, zoo
from fieldmark_ml.network.backbones import PACKAGE
from fieldmark_ml.network.model import INFO_FILE, WEIGHTS_FILE, Info
from fieldmark_ml.runtime import write_atomic

# The modules that inference.py imports, directly or indirectly. A test loads an artifact with only
# these.
CODE = (
    "inference.py",
    "fieldmark_ml/figures/familiarity.py",
    "fieldmark_ml/network/backbones.py",
    "fieldmark_ml/network/head.py",
    "fieldmark_ml/network/model.py",
    "fieldmark_ml/network/tensors.py",
    "fieldmark_ml/photos/bounds.py",
    "fieldmark_ml/photos/exif.py",
    "fieldmark_ml/photos/heifs.py",
    "fieldmark_ml/photos/images.py",
    "fieldmark_ml/photos/preprocessing.py",
    "fieldmark_ml/photos/readers.py",
    "fieldmark_ml/photos/tiffs.py",
)
_SCRIPTS = Path(__file__).parents[2]
_NOT_WEIGHTS = ("running_mean", "running_var", "num_batches_tracked", "mean", "deviation", "means")


def write(folder: Path, info: Info, state: dict[str, torch.Tensor]) -> None:
    """Write an artifact. `state` has the names of Model's state dict. model.json comes last, so
    that its presence says the artifact is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    code = folder / "code"
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir()
    for name in CODE:
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_SCRIPTS / name, code / name)
    zoo.copy([entry["timm_name"] for entry in info["backbones"]], code / PACKAGE)
    tensors.save(state, folder / WEIGHTS_FILE)
    write_atomic(
        folder / INFO_FILE, (json.dumps(info, indent=1, ensure_ascii=False) + "\n").encode()
    )


def parameters(state: dict[str, torch.Tensor]) -> int:
    """Return the number of learned parameters, pretrained ones included."""
    return sum(
        value.numel()
        for name, value in state.items()
        if name.rsplit(".", 1)[-1] not in _NOT_WEIGHTS
    )
