"""A whole model in its fastest form: each backbone as training would run it on this machine, and what that changes in the answers.

Needs forms.py, which an artifact does not carry: this is for what runs on this machine beside the artifact's own code.
"""

from __future__ import annotations

import copy
import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import forms
import inference

# A form that moves a probability further than this, or renames more than one photo in eight, is not used.
MAX_DIFFERENCE = 0.25
MAX_RENAMED = 1 / 8


@dataclass(frozen=True)
class Parity:
    """How far the fast form's answers lie from those of eager fp32, on `photos` photos: the largest difference of a
    probability, and how many photos have the same most probable class."""

    photos: int
    max_difference: float
    same_class: int

    @property
    def good(self) -> bool:
        return self.max_difference <= MAX_DIFFERENCE and self.photos - self.same_class <= MAX_RENAMED * self.photos


def install(model: Any, precision: str, cpus: int, cache: Path) -> list[forms.Form]:
    """Puts the fastest form of each backbone into `model.forms`. `cache` is a folder that keeps the converted networks, by their
    weights: models with the same frozen backbone share one."""
    made = []
    for backbone, entry in zip(model.backbones, model.info["backbones"], strict=True):
        # A copy, because some forms round the weights in place.
        make = functools.partial(copy.deepcopy, backbone)
        size = entry["image_size"]
        kept = cache / f"{entry['timm_name']}-{fingerprint(backbone)}-{size}"
        made.append(forms.choose(make, size, precision, model.device, cpus, kept))
    model.forms = list(made)
    return made


def fingerprint(backbone: torch.nn.Module) -> str:
    """12 hexadecimal digits that stand for everything the backbone computes with: its weights and its normalisation."""
    digest = hashlib.sha256()
    for name, values in sorted([*backbone.state_dict().items(), ("mean", backbone.mean), ("scale", backbone.scale)]):
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:12]


def uninstall(model: Any) -> None:
    """Back to plain eager torch."""
    model.forms = list(model.backbones)


def parity(model: Any, photos: list[torch.Tensor], batch: int) -> Parity:
    """The model as it is now against its plain eager form, on decoded photos (uint8 [3, height, width])."""
    installed = model.forms
    fast = torch.cat([inference.score_batch(model, photos[start : start + batch])[0] for start in range(0, len(photos), batch)])
    try:
        uninstall(model)
        exact = torch.cat([inference.score_batch(model, photos[start : start + batch])[0] for start in range(0, len(photos), batch)])
    finally:
        model.forms = installed
    return Parity(len(photos), (fast - exact).abs().max().item(), int((fast.argmax(1) == exact.argmax(1)).sum()))
