"""Metrics of a split, counted over photos."""

from __future__ import annotations

import torch

from fieldmark_ml.figures.calibration import calibration_error


def figures(probabilities: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Return top1, top5, loss, macro_f1, ece, correct and n of calibrated `probabilities` [n,
    classes] against `labels` [n]."""
    count = len(labels)
    if not count:
        return {}
    labels = labels.long()
    ranked = probabilities.topk(min(5, probabilities.shape[1]), dim=1).indices
    correct = int((ranked[:, 0] == labels).sum())
    return {
        "top1": correct / count,
        "top5": int((ranked == labels[:, None]).any(1).sum()) / count,
        # Without this, a loss of probabilities that are all 1 would be shown as -0.0.
        "loss": abs(probabilities.gather(1, labels[:, None]).clamp(min=1e-12).log().mean().item()),
        "macro_f1": macro_f1(ranked[:, 0], labels, probabilities.shape[1]),
        "ece": calibration_error(probabilities, labels),
        "correct": correct,
        "n": count,
    }


def macro_f1(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> float:
    """Return the macro F1: the mean of 2 tp / (2 tp + fp + fn) over the classes that occur, as a
    true or as a predicted class (scikit-learn's default)."""
    support = torch.bincount(labels, minlength=classes).double()
    chosen = torch.bincount(predicted, minlength=classes).double()
    hits = torch.bincount(labels[predicted == labels], minlength=classes).double()
    f1 = 2 * hits / (support + chosen).clamp(min=1)
    return f1[support + chosen > 0].mean().item()
