"""Calibration of a model's probabilities: temperature, calibration error, and the threshold below
which an answer is unsure."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

ECE_BINS = 15


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the temperature in [0.05, 20] that maximises the likelihood of softmax(logits / T);
    1.0 if there is nothing to fit on.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017. The likelihood has one
    minimum in log T, found by golden section.
    """
    if len(labels) < 2:
        return 1.0
    low, high, ratio = math.log(0.05), math.log(20.0), (math.sqrt(5) - 1) / 2

    def loss(log_temperature: float) -> float:
        return functional.cross_entropy(logits / math.exp(log_temperature), labels.long()).item()

    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)


def calibration_error(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """Expected calibration error of the top class over ECE_BINS equal bins,
    weighted by their share; nan without photos.
    """
    if not len(labels):
        return math.nan
    confidence, predicted = probabilities.max(1)
    right = (predicted == labels).float()
    bins = (confidence * ECE_BINS).long().clamp(0, ECE_BINS - 1)
    gaps = torch.zeros(ECE_BINS).index_add_(0, bins, confidence - right)
    return gaps.abs().sum().item() / len(labels)


def unsure_threshold(probabilities: torch.Tensor, labels: torch.Tensor, target: float) -> float:
    """Return the lowest top-1 probability at or above which a share `target` of the answers is
    right.

    0 if even all photos reach the target (never unsure), 1 if no share of them does.
    """
    if not len(labels):
        return 0.0
    confidence, predicted = probabilities.max(1)
    confidence, order = confidence.sort(descending=True)
    right = (predicted == labels)[order].double()
    share = right.cumsum(0) / torch.arange(1, len(right) + 1)
    # Photos of equal confidence stay together, so only the last of each such run can be the
    # threshold.
    ends_run = torch.cat([confidence[1:] != confidence[:-1], torch.ones(1, dtype=torch.bool)])
    enough = torch.nonzero((share >= target) & ends_run).flatten()
    if not len(enough):
        return 1.0
    last = int(enough[-1])
    if last == len(right) - 1:
        return 0.0
    return float((confidence[last] + confidence[last + 1]) / 2)
