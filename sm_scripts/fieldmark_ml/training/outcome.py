"""The result of a training of either mode, to be calibrated, scored and stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from fieldmark_ml.figures import familiarity
from fieldmark_ml.network.model import Info
from fieldmark_ml.photos.data import Photos


@dataclass
class Outcome:
    """`rows` and `logits` per split: the model's answer for every usable photo; those of validation
    are by a model that was not trained on them. `held_out`: (name of the figures, rows, logits)
    that calibration is fitted on; empty rows where there are none. `means` and `similarities` are
    for familiarity. `state` has the names of Model's state dict, but for the means."""

    rows: dict[str, np.ndarray]
    logits: dict[str, torch.Tensor]
    held_out: tuple[str, np.ndarray, torch.Tensor]
    means: torch.Tensor
    similarities: torch.Tensor
    state: dict[str, torch.Tensor]
    entries: list[Info]
    best_epoch: int
    epochs_run: int
    more: Info = field(default_factory=dict)


def familiar(
    photos: Photos,
    features: dict[str, tuple[np.ndarray, torch.Tensor]],
    classes: int,
    trained_backbone: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (class means, similarities of photos like those of training) from the features of
    labelled photos per split.

    Photos like those of training are the validation photos and, unless the backbone was trained on
    them, the train photos, each against class means made without it.
    """
    rows, vectors = features["train"]
    labels = torch.from_numpy(photos.labels[rows])
    means = familiarity.centres(vectors, labels, classes)
    known = familiarity.similarity(features["validation"][1], means)
    if trained_backbone and len(known):
        return means, known
    return means, torch.cat([known, familiarity.left_out_similarity(vectors, labels, classes)])
