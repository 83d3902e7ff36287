"""Networks that turn a batch of photos into one feature vector each,
built from a copy of timm's model code (see zoo.py).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import itertools
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fieldmark_ml.photos.preprocessing import Preprocessing

PACKAGE = "timm_models"


class Backbone(nn.Module):
    """uint8 [n, 3, size, size] -> float [n, dimensions];
    the pixels are normalised inside, so a uint8 batch is all that moves.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, network: nn.Module, how: Preprocessing) -> None:
        super().__init__()
        self.network = network
        # (x / 255 - mean) / std, as one subtraction and one multiplication.
        self.register_buffer(
            "mean", 255 * torch.tensor(how.mean).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer(
            "scale", 1 / (255 * torch.tensor(how.std).view(1, 3, 1, 1)), persistent=False
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network((pixels.to(self.mean.dtype) - self.mean) * self.scale)


def create(module: str, timm_name: str, package: Path, **arguments: Any) -> nn.Module:
    """Create timm's `timm_name` without a classifier and with random weights, from the copied
    package in the folder `package`."""
    models = importlib.import_module(f"{load_package(package)}.models.{module}")
    return getattr(models, timm_name.split(".")[0])(num_classes=0, **arguments).eval()


def pretrained_cfg(module: str, timm_name: str, package: Path) -> Any:
    """Return timm's description of the default (or named) weights of a model: sizes, normalisation,
    download location."""
    name = load_package(package)
    importlib.import_module(f"{name}.models.{module}")
    return importlib.import_module(f"{name}.models._registry").get_pretrained_cfg(timm_name)


def load_package(folder: Path) -> str:
    """Import the copy under a unique name, so that it does not clash with an installed timm or
    another artifact's copy."""
    name = f"{PACKAGE}_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None or not (folder / "__init__.py").is_file():
            raise FileNotFoundError(f"the model code is missing: {folder}")
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
    return name


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold every batch-norm into the convolution that it follows (in place): w' = w g / sqrt(v +
    e), b' = (b - m) g / sqrt(v + e) + beta.

    Only neighbours inside one parent are folded; the caller checks that the outputs are unchanged.
    """
    children = list(network.named_children())
    for (_, first), (name, second) in itertools.pairwise(children):
        if (
            isinstance(first, nn.Conv2d)
            and isinstance(second, nn.BatchNorm2d)
            and second.running_var is not None
        ):
            _fold(first, second)
            after = (getattr(second, "drop", None), getattr(second, "act", None))
            setattr(network, name, nn.Sequential(*(part for part in after if part)))
    for child in network.children():
        fold_batch_norm(child)
    return network


@torch.no_grad()
def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        gain = gain * norm.weight
    bias = -norm.running_mean if convolution.bias is None else convolution.bias - norm.running_mean
    bias = bias * gain
    if norm.affine:
        bias = bias + norm.bias
    convolution.weight.mul_(gain[:, None, None, None])
    convolution.bias = nn.Parameter(bias)
