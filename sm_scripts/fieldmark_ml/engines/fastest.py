"""A whole model on its fastest engine: each backbone as training would run it on this machine, and
the effect on the answers. Needs choose.py, which is not part of an artifact: this module is for
servers and batches on this machine."""

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

# An engine gives the same answers if no probability changes by more than MAX_DIFFERENCE, and if the
# top class changes only when the top two classes of eager fp32 are within HAIR of each other.
MAX_DIFFERENCE = 0.02
HAIR = 0.02
# The number of photos compared: PHOTOS, or as many as SECONDS allow.
PHOTOS, LEAST_PHOTOS, SECONDS = 64, 16, 5.0


@dataclass(frozen=True)
class Reference:
    """Preprocessed photos (for each, a batch of one per backbone), and their probabilities [n,
    classes] by eager fp32."""

    inputs: list[list[torch.Tensor]]
    probabilities: torch.Tensor


@dataclass(frozen=True)
class Parity:
    """The difference between an engine's answers and those of eager fp32, on `photos` photos: the
    largest difference of a probability, the number with the same top class, and the number with
    another top class although fp32 separates the top two by more than HAIR."""

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
    """Put the fastest engine of each backbone into `model.forms`.

    `cache` is a folder that keeps the converted networks, by their weights: models with the same
    frozen backbone share one. `arithmetic`: as for choose.choose.
    """
    made = []
    for backbone, entry in zip(model.backbones, model.info["backbones"], strict=True):
        # A copy, because some engines round the weights in place.
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
    """Return to eager torch."""
    model.forms = list(model.backbones)


def reference(model: Any, photos: Iterable[torch.Tensor]) -> Reference:
    """Return the probabilities of decoded photos (uint8 [3, height, width]) by eager fp32, for as
    many as the time allows."""
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
    """Compare the model on its present engine with eager fp32."""
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
