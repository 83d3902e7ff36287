"""Usual ranges, and search spaces for each mode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.training import script as scripts
from core.tuning.space import FIXED_ONLY, Range

# All other ranges follow from the training script's own table.
USUAL = {
    "epochs": Range("int", 5, 50),
    "batch_size": Range("int", 8, 128, log=True),
    "lr": Range("float", 1e-4, 1e-1, log=True),
    "backbone_lr_scale": Range("float", 0.01, 1, log=True),
    "weight_decay": Range("float", 1e-3, 10, log=True),
    "dropout": Range("float", 0, 0.7),
    "label_smoothing": Range("float", 0, 0.2),
    "mixup": Range("float", 0, 1),
    "cutmix": Range("float", 0, 1),
    "image_size": Range("choice", choices=("224", "256", "288", "320")),
    "arch": Range("choice", choices=("lite0@288", "lite1@288", "lite2@288")),
    "views": Range("choice", choices=("plain", "flip")),
}
FROZEN, FINETUNE = "frozen", "finetune"


@dataclass(frozen=True)
class SpacePreset:
    """A named search space; `fixed` are values that belong to it."""

    title: str
    advice: str
    mode: str
    names: tuple[str, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)

    @property
    def space(self) -> dict[str, Range]:
        return {name: self.ranges.get(name) or usual(name) for name in self.names}


SPACES = {
    "head": SpacePreset(
        "Head", "Regularisation strength of the head. All trials share the same features: the "
            "fastest search.",
        FROZEN, ("weight_decay", "label_smoothing"),
    ),
    "photos": SpacePreset(
        "Image size",
        "Image size, views and the head. Each size and view needs its own features, made once.",
        FROZEN, ("image_size", "views", "weight_decay"),
    ),
    "networks": SpacePreset(
        "Networks",
        "Backbones, alone or combined. Each needs its own features, extracted once.",
        FROZEN, ("arch", "views", "weight_decay"),
        ranges={"arch": Range("choice", choices=("lite0@288", "lite1@288", "lite2@288",
                                                 "lite0@320+lite2@300"))},
    ),
    "layers": SpacePreset(
        "Hidden layer", "A head with a hidden layer, trained in batches.",
        FROZEN, ("lr", "dropout", "weight_decay", "batch_size"), {"head": "mlp"},
        {"weight_decay": Range("float", 1e-4, 1, log=True)},
    ),
    "workshop": SpacePreset(
        "Epochs and dropout",
        "The search of the SageMaker workshop: 5 to 20 epochs, dropout 0.2 to 0.7.",
        FROZEN, ("epochs", "dropout"), {"head": "mlp"},
        {"epochs": Range("int", 5, 20), "dropout": Range("float", 0.2, 0.7)},
    ),
    "rates": SpacePreset(
        "Learning rates", "The two learning rates, which matter most in fine-tuning.",
        FINETUNE, ("lr", "backbone_lr_scale", "weight_decay"),
        ranges={"lr": Range("float", 1e-4, 1e-2, log=True),
                "weight_decay": Range("float", 1e-3, 0.3, log=True)},
    ),
    "strength": SpacePreset(
        "Regularisation",
        "Augmentation, smoothing and dropout, against overfitting.",
        FINETUNE, ("augment", "mixup", "label_smoothing", "dropout"),
    ),
}  # fmt: skip


def of_mode(mode: str) -> dict[str, SpacePreset]:
    return {name: preset for name, preset in SPACES.items() if preset.mode == mode}


def tunable(mode: str) -> list[str]:
    """Return the hyperparameters that can be tuned in this mode, in the order of TABLE."""
    return [
        p.name for p in scripts.TABLE if p.tunable and mode in p.modes and p.name not in FIXED_ONLY
    ]


def usual(name: str) -> Range:
    """Return the usual range of a tunable hyperparameter."""
    if name in USUAL:
        return USUAL[name]
    parameter = scripts.BY_NAME[name]
    if parameter.choices:
        return Range("choice", choices=parameter.choices)
    if parameter.kind == "bool":
        return Range("choice", choices=("false", "true"))
    low, high = parameter.low, parameter.high
    if low is None:
        low = parameter.above or 0.0
    if high is None:
        high = math.inf
    if parameter.logarithmic and low <= 0:
        low = high / 1000
    return Range(parameter.kind, low, high, log=parameter.logarithmic)
