"""A trained classifier as it is stored and served: backbones, a head, and model.json, which
describes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fieldmark_ml.figures import familiarity
from fieldmark_ml.network import backbones, tensors
from fieldmark_ml.network.head import Head
from fieldmark_ml.photos.preprocessing import Preprocessing, prepare

FORMAT = 1
WEIGHTS_FILE, INFO_FILE = "model.safetensors", "model.json"

# model.json, or an object in it, as read: a later version may have more fields.
Info = dict[str, Any]


class Model(nn.Module):
    """Photos -> logits. `info` is model.json.

    A backbone may be replaced in `forms` by a faster engine that maps the same uint8 batch to the
    same features.
    """

    means: torch.Tensor

    def __init__(self, info: Info, package: Path) -> None:
        super().__init__()
        self.info = info
        self.classes: list[str] = info["classes"]
        self.how = [preprocessing_of(entry) for entry in info["backbones"]]
        self.backbones = nn.ModuleList(
            backbones.Backbone(_network(entry, package), how)
            for entry, how in zip(info["backbones"], self.how, strict=True)
        )
        dimensions = sum(entry["dimensions"] for entry in info["backbones"])
        self.head = Head(info["head"], dimensions, len(self.classes))
        self.register_buffer("means", torch.zeros(len(self.classes), dimensions))
        self.forms: list[Any] = list(self.backbones)

    @property
    def device(self) -> torch.device:
        return self.head.mean.device

    def inputs(self, photos: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return uint8 photos [3, height, width] of any size -> one uint8 batch per backbone."""
        return [
            torch.stack([prepare(photo, how) for photo in photos]).to(self.device)
            for how in self.how
        ]

    def features(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Return one batch per backbone -> float32 [n, all dimensions]; the views of a photo are
        averaged."""
        parts = []
        for form, batch in zip(self.forms, inputs, strict=True):
            views = [
                form(batch.flip(3) if view == "flip" else batch).float()
                for view in self.info["views"]
            ]
            parts.append(sum(views) / len(views))
        return torch.cat(parts, dim=1)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return Calibrated: the temperature fitted on validation is applied."""
        return torch.softmax(logits / self.info["temperature"], dim=1)

    def unfamiliar(self, features: torch.Tensor) -> torch.Tensor:
        """Return bool [n]: whether each photo is unlike everything seen in training."""
        return familiarity.similarity(features, self.means) < self.info["unfamiliar"]["threshold"]

    def forward(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return self.head(self.features(inputs))


def _network(entry: Info, package: Path) -> nn.Module:
    network = backbones.create(entry["module"], entry["timm_name"], package, **entry["arguments"])
    # A fine-tuned network was trained, and is stored, with its batch-norm folded into the
    # convolutions.
    if entry.get("folded"):
        return backbones.fold_batch_norm(network)
    return network


def preprocessing_of(entry: Info) -> Preprocessing:
    return Preprocessing(
        entry["image_size"],
        entry["resize"],
        tuple(entry["mean"]),
        tuple(entry["std"]),
        entry["interpolation"],
        entry["crop"],
    )


def load(folder: Path, package: Path) -> Model:
    """Return the model stored in `folder`, on the CPU, ready to predict: batch-norm folded and
    channels last, the same answers to 1e-5 in half the time. Raises ValueError naming what is
    missing or damaged."""
    try:
        info = json.loads((folder / INFO_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder / INFO_FILE} cannot be read: {error}") from None
    if info.get("format") != FORMAT:
        raise ValueError(
            f"{folder / INFO_FILE} has format {info.get('format')!r}; this code reads format "
            f"{FORMAT}"
        )
    if not info.get("classes"):
        raise ValueError(f"{folder / INFO_FILE} has no list of classes")
    model = Model(info, package)
    state = tensors.load(folder / WEIGHTS_FILE)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{folder / WEIGHTS_FILE} does not fit {INFO_FILE}: {error}") from None
    model.eval()
    for backbone in model.backbones:
        backbones.fold_batch_norm(backbone)
    return model.to(memory_format=torch.channels_last)
