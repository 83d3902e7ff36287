"""A backbone and a head trained as one network: averaging, freezing, and depthwise convolutions in
fp32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from fieldmark_ml.network.backbones import Backbone
from fieldmark_ml.network.head import Head


class Classifier(nn.Module):
    """uint8 [n, 3, size, size] -> logits float32 [n, classes]."""

    def __init__(self, backbone: Backbone, head: Head) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(pixels).float())


class Average:
    """An exponential moving average of parameters; the decay is lower in the first steps. With
    decay 0 it equals the parameters."""

    def __init__(self, parameters: dict[str, nn.Parameter], decay: float) -> None:
        self.parameters, self.decay, self.steps = parameters, decay, 0
        self.values = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        # It is never below 0, so without a decay this stays 0.
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, parameter in self.parameters.items():
            self.values[name].lerp_(parameter, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the parameters by their average inside the block."""
        kept = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        put(self.parameters, self.values)
        try:
            yield
        finally:
            put(self.parameters, kept)


@torch.no_grad()
def put(parameters: dict[str, nn.Parameter], values: dict[str, torch.Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])


def freeze(network: nn.Module, share: float) -> None:
    """Freeze the first `share` of the network's layers: they detect edges and colours, and cost the
    most to train."""
    layers = [module for module in network.modules() if list(module.parameters(recurse=False))]
    for layer in layers[: round(share * len(layers))]:
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad = False


class ExactDepthwise(nn.Module):
    """Makes a convolution compute in fp32 inside bf16 autocast.

    On a CPU the backward pass of a depthwise convolution takes four times as long in bf16, while
    all others gain. Lite0 at 224, photos per second and core: 27 in fp32, 17 in bf16, 43 in this
    mixture.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(values.float())


def exact_depthwise(network: nn.Module) -> None:
    """Make every depthwise convolution in `network` an ExactDepthwise."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            # Only the class changes: the parameters, their names and the padding stay.
            kind = type(module)
            module.__class__ = type(f"Exact{kind.__name__}", (ExactDepthwise, kind), {})
