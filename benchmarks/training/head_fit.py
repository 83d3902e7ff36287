"""Fits a linear head to made features and prints how long that took, ours or scikit-learn's.

    python -m benchmarks.training.head_fit ours --count 8000 --classes 200

The features are drawn from overlapping classes whose variances fall as those of a network's do, so
that neither the strength nor the minimum is found at once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from typing import cast

import numpy as np
import torch
from torch.nn import functional

from core import settings

sys.path.insert(0, str(settings.SM_SCRIPTS))

DIMENSIONS = 1280
# How far apart the classes are: with it, about two of five photos of 200 classes are recognised.
APART = 0.16

Part = tuple[torch.Tensor, torch.Tensor]


def draw(count: int, classes: int, seed: int = 0) -> tuple[Part, Part, Part]:
    """Return (features, labels) of train, validation and test."""
    seeded = torch.Generator().manual_seed(seed)
    sizes = torch.arange(1, DIMENSIONS + 1).float() ** -0.7
    turned = torch.linalg.qr(torch.randn(DIMENSIONS, DIMENSIONS, generator=seeded))[0]
    centres = torch.randn(classes, DIMENSIONS, generator=seeded) * sizes * APART

    def part(number: int) -> Part:
        labels = torch.randint(0, classes, (number,), generator=seeded)
        spread = 0.7 + 0.6 * torch.rand(number, 1, generator=seeded)
        noise = torch.randn(number, DIMENSIONS, generator=seeded) * sizes * spread
        return functional.softplus(2 * (centres[labels] + noise) @ turned), labels

    return part(count), part(count // 8), part(count // 2)


def ours(train: Part, validation: Part, classes: int, strength: str) -> torch.nn.Module:
    """Choose the strength unless it is given, fit the head, and fit it again on both parts."""
    hyperparameters = import_module("fieldmark_ml.hyperparameters")
    frozen = import_module("fieldmark_ml.training.frozen")
    job = import_module("fieldmark_ml.training.job")
    values = hyperparameters.resolve(hyperparameters.parse({"weight_decay": strength}))
    splits = {
        "train": slice(0, len(train[1])),
        "validation": slice(len(train[1]), len(train[1]) + len(validation[1])),
    }
    table = frozen.Table(
        torch.cat([train[0], validation[0]]),
        torch.cat([train[1], validation[1]]),
        np.arange(splits["validation"].stop),
        splits,
        splits,
    )
    trained = frozen.train(job.make(values), table, classes, None)
    return cast("torch.nn.Module", trained.head)


def scikit_learn(train: Part, classes: int, strength: float) -> torch.nn.Module:
    """One fit of scikit-learn's L-BFGS, its strength given."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train[0].numpy())
    count = len(train[1])
    model = LogisticRegression(C=1 / (strength * count), max_iter=1000)
    model.fit(scaler.transform(train[0].numpy()), train[1].numpy())
    head = torch.nn.Linear(DIMENSIONS, classes)
    weights = torch.from_numpy(model.coef_ / scaler.scale_).float()
    head.weight.data = weights
    head.bias.data = (
        torch.from_numpy(model.intercept_).float()
        - weights @ torch.from_numpy(scaler.mean_).float()
    )
    return head


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=("ours", "scikit-learn"))
    parser.add_argument("--strength", default="auto")
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--classes", type=int, default=200)
    options = parser.parse_args(arguments)
    train, validation, test = draw(options.count, options.classes)
    started = time.perf_counter()
    if options.who == "ours":
        head = ours(train, validation, options.classes, options.strength)
    else:
        head = scikit_learn(train, options.classes, float(options.strength))
    seconds = time.perf_counter() - started
    with torch.no_grad():
        right = (head(test[0]).argmax(1) == test[1]).double().mean().item()
    print(json.dumps({"seconds": seconds, "accuracy": right, "n": len(test[1])}))


if __name__ == "__main__":
    main(sys.argv[1:])
