"""A whole model in its fastest form: each backbone as training would run it on this machine,
and what that changes in the answers.

Needs choose.py, which an artifact does not carry: this is for what runs on this machine beside the
artifact's own code.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fieldmark_ml.engines import choose as engines

# A form gives the same answers if it moves no probability further than MAX_DIFFERENCE, and names
# no other class but where plain fp32 itself has two classes within HAIR of each other.
MAX_DIFFERENCE = 0.02
HAIR = 0.02
# On how many photos that is found out: PHOTOS, or as many as SECONDS allow.
PHOTOS, LEAST_PHOTOS, SECONDS = 64, 16, 5.0


@dataclass(frozen=True)
class Reference:
    """Photos as the network takes them (for each, a batch of one per backbone), and the
    probabilities [n, classes] that plain eager fp32 gives them."""

    inputs: list[list[torch.Tensor]]
    probabilities: torch.Tensor


@dataclass(frozen=True)
class Parity:
    """How far a form's answers lie from those of eager fp32, on `photos` photos: the largest
    difference of a probability, how many have the same most probable class, and how many
    have another one although fp32 is surer than by a hair."""

    photos: int
    max_difference: float
    same_class: int
    renamed: int

    @property
    def good(self) -> bool:
        return self.max_difference <= MAX_DIFFERENCE and not self.renamed


def install(
    model: Any, precision: str, cpus: int, cache: Path, arithmetic: str = ""
) -> list[engines.Engine]:
    """Puts the fastest form of each backbone into `model.forms`.

    `cache` is a folder that keeps the converted networks, by their weights: models with the same
    frozen backbone share one. `arithmetic`: as for choose.choose.
    """
    made = []
    for backbone, entry in zip(model.backbones, model.info["backbones"], strict=True):
        # A copy, because some forms round the weights in place.
        make = functools.partial(copy.deepcopy, backbone)
        size = entry["image_size"]
        kept = cache / f"{entry['timm_name']}-{fingerprint(backbone)}-{size}"
        made.append(engines.choose(make, size, precision, model.device, cpus, kept, arithmetic))
    model.forms = list(made)
    return made


def fingerprint(backbone: torch.nn.Module) -> str:
    """12 hexadecimal digits that stand for everything the backbone computes with:
    its weights and its normalisation.
    """
    digest = hashlib.sha256()
    for name, values in sorted(
        [*backbone.state_dict().items(), ("mean", backbone.mean), ("scale", backbone.scale)]
    ):
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:12]


def uninstall(model: Any) -> None:
    """Back to plain eager torch."""
    model.forms = list(model.backbones)


def reference(model: Any, photos: Iterable[torch.Tensor]) -> Reference:
    """What plain eager fp32 says of decoded photos (uint8 [3, height, width]):
    as many as the time allows.
    """
    installed, started = model.forms, time.monotonic()
    inputs: list[list[torch.Tensor]] = []
    answers = []
    uninstall(model)
    try:
        for photo in photos:
            inputs.append(model.inputs([photo]))
            answers.append(_probabilities(model, inputs[-1]))
            late = len(inputs) >= LEAST_PHOTOS and time.monotonic() - started > SECONDS
            if late or len(inputs) >= PHOTOS:
                break
    finally:
        model.forms = installed
    if not answers:
        return Reference(inputs, torch.empty(0, len(model.classes)))
    return Reference(inputs, torch.cat(answers))


def parity(model: Any, known: Reference, batch: int) -> Parity:
    """The model as it is now against plain eager fp32."""
    parts = [known.inputs[start : start + batch] for start in range(0, len(known.inputs), batch)]
    joined = [[torch.cat(backbone) for backbone in zip(*part, strict=True)] for part in parts]
    fast, exact = torch.cat([_probabilities(model, one) for one in joined]), known.probabilities
    best = exact.topk(min(2, exact.shape[1]), dim=1).values
    same, sure = fast.argmax(1) == exact.argmax(1), best[:, 0] - best[:, -1] > HAIR
    difference = (fast - exact).abs().max().item()
    return Parity(len(exact), difference, int(same.sum()), int((~same & sure).sum()))


@torch.inference_mode()
def _probabilities(model: Any, inputs: list[torch.Tensor]) -> torch.Tensor:
    return model.probabilities(model.head(model.features(inputs))).cpu()
