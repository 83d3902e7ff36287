"""The head: features to class logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

HIDDEN_UNITS = 256
# A feature with a smaller standard deviation is constant in training; dividing by it would amplify
# rounding noise.
SMALLEST_DEVIATION = 1e-4
# Rows handled at a time, so that memory stays bounded however many photos there are.
CHUNK = 16_384


class Head(nn.Module):
    """features [n, dimensions] -> logits [n, classes].

    The standardisation is inside, so that serving needs nothing else.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, kind: str, dimensions: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("deviation", torch.ones(dimensions))
        before: list[nn.Module] = []
        width = dimensions
        if kind == "mlp":
            before, width = [nn.Linear(dimensions, HIDDEN_UNITS), nn.ReLU()], HIDDEN_UNITS
        self.layers = nn.Sequential(*before, nn.Dropout(dropout), nn.Linear(width, classes))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers((features - self.mean) / self.deviation)

    @property
    def last(self) -> nn.Linear:
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        return last

    def standardise_on(self, features: torch.Tensor) -> None:
        """Set the standardisation to the mean and deviation of `features`."""
        self.mean = features.mean(0)
        deviation = features.std(0, correction=0)
        self.deviation = torch.where(
            deviation > SMALLEST_DEVIATION, deviation, torch.ones_like(deviation)
        )


@dataclass
class Examples:
    """float32 features [n, dimensions] (perhaps in a file, so nothing here copies them whole) and
    int labels [n]."""

    features: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


@torch.no_grad()
def logits_of(head: Head, features: torch.Tensor) -> torch.Tensor:
    head.eval()
    made = [head(part) for part in features.split(CHUNK)]
    if not made:
        return torch.empty(0, head.last.out_features)
    return torch.cat(made)
