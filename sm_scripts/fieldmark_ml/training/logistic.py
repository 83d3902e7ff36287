"""Multinomial logistic regression by preconditioned L-BFGS: the minimum that a linear head has,
in a dozen passes over the features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from fieldmark_ml.network.head import CHUNK, Examples, Head
from fieldmark_ml.training.checkpoints import State

LBFGS_MEMORY = 20
# An iteration that lowers the objective by less, relative to it, is the last one.
CONVERGED = 1e-6
# Of the sufficient decrease of the line search, and how often it halves the step.
ARMIJO = 1e-4
HALVINGS = 20
# How many principal directions of the features are preconditioned one by one. On 4,000 x 1,280
# features of 100 classes, 128 needed as many iterations as all 1,280.
RANK = 128
# The most that the curvature of a class's logit can be (Bohning, Multinomial Logistic Regression
# Algorithm, 1992). From zero weights it makes the first step short, and the loss falls from epoch
# to epoch; the curvature at zero makes one that goes far beyond the minimum.
BOUND = 0.5
# A class that no photo is likely to belong to has no curvature; the step still has to be finite.
LEAST_CURVATURE = 1e-6


@dataclass
class Evaluation:
    """The objective, its gradient, the mean cross-entropy and the accuracy at one point.

    `spread` [classes] is the mean of p (1 - p) over the photos: the curvature of the loss in the
    logit of each class.
    """

    value: float
    gradient: torch.Tensor
    loss: float
    accuracy: float
    spread: torch.Tensor


class Features:
    """Standardised features that are read in chunks and never copied.

    The standardisation is folded into the weights:
    ((x - m) / s) W + b = x (W / s) + (b - (m / s) W).
    """

    def __init__(self, head: Head, examples: Examples) -> None:
        self.raw, self.labels = examples.features, examples.labels.long()
        self.mean, self.inverse = head.mean, 1 / head.deviation

    def __len__(self) -> int:
        return len(self.labels)

    def folded(self, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weights and the bias for the raw features."""
        folded = weights[:-1] * self.inverse[:, None]
        return folded, weights[-1] - self.mean @ folded

    def chunks(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return list(zip(self.raw.split(CHUNK), self.labels.split(CHUNK), strict=True))

    def unfolded(self, outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        """Return Z^T D from X^T D and the column sums of D, Z being the standardised X."""
        return (outer - torch.outer(self.mean, inner)) * self.inverse[:, None]


class Curvature:
    """The main directions of the features' covariance, from one pass over them.

    `axes` [dimensions, rank] are orthonormal, `sizes` [rank] the variances along them, `rest` the
    mean variance along all others. Source: the Nystrom approximation of Frangella, Tropp and Udell,
    Randomized Nystrom Preconditioning, 2023, algorithm 2.1.
    """

    def __init__(self, features: Features) -> None:
        dimensions, count = len(features.mean), len(features)
        rank = min(RANK, dimensions, count)
        # A generator of its own: the same features have the same axes, whatever ran before.
        seeded = torch.Generator().manual_seed(0)
        probe = torch.linalg.qr(torch.randn(dimensions, rank, generator=seeded))[0]
        folded, bias = features.folded(torch.cat([probe, torch.zeros(1, rank)]))
        outer, inner = torch.zeros_like(probe), torch.zeros(rank)
        for raw, _ in features.chunks():
            projected = torch.addmm(bias, raw, folded)
            outer.addmm_(raw.T, projected)
            inner += projected.sum(0)
        sketch = features.unfolded(outer, inner) / count
        if not sketch.isfinite().all():
            # The first evaluation has no number either, and says so.
            sketch = probe
        shift = dimensions**0.5 * torch.finfo(sketch.dtype).eps * sketch.norm().item()
        sketch = sketch + shift * probe
        lower = torch.linalg.cholesky(probe.T @ sketch)
        root = torch.linalg.solve_triangular(lower, sketch.T, upper=False).T
        self.axes, roots, _ = torch.linalg.svd(root, full_matrices=False)
        self.sizes = (roots.square() - shift).clamp(min=0)
        # A standardised feature has variance 1, so the trace of the covariance is their number.
        left = dimensions - self.sizes.sum().item()
        self.rest = max(0.0, left / max(1, dimensions - rank))

    def solve(
        self, gradient: torch.Tensor, spread: torch.Tensor, weight_decay: float
    ) -> torch.Tensor:
        """Return the gradient [dimensions + 1, classes] divided by the curvature of the objective,
        as it would be if every class had `spread` at every photo."""
        spread = spread.clamp(min=LEAST_CURVATURE)
        others = 1 / (spread * self.rest + weight_decay).clamp(min=LEAST_CURVATURE)
        along = 1 / (self.sizes[:, None] * spread + weight_decay).clamp(min=LEAST_CURVATURE)
        weights = gradient[:-1] * others
        weights.addmm_(self.axes, (self.axes.T @ gradient[:-1]) * (along - others))
        return torch.cat([weights, (gradient[-1] / spread)[None]])


class LogisticRegression:
    """Multinomial logistic regression on standardised features:
    mean cross-entropy + weight_decay / 2 |W|^2, by L-BFGS.

    Source: Nocedal and Wright, Numerical Optimization, algorithm 7.4, with a backtracking (Armijo)
    line search, and with the inverse of `Curvature` as the first estimate of the inverse Hessian.
    `weights` is [dimensions + 1, classes]; its last row is the bias, which is not decayed.
    """

    def __init__(
        self,
        head: Head,
        examples: Examples,
        weight_decay: float,
        label_smoothing: float,
        start: torch.Tensor | None = None,
        curvature: Curvature | None = None,
    ) -> None:
        self.weight_decay, self.smoothing = weight_decay, label_smoothing
        self.features = Features(head, examples)
        self.curvature = curvature or Curvature(self.features)
        self.weights = torch.zeros(len(head.mean) + 1, head.last.out_features)
        if start is not None:
            self.weights = start.clone()
        self.steps: list[torch.Tensor] = []
        self.changes: list[torch.Tensor] = []
        self.now = self._evaluate(self.weights)
        if start is None:
            self.now.spread.fill_(BOUND)

    def _evaluate(self, weights: torch.Tensor) -> Evaluation:
        folded, bias = self.features.folded(weights)
        count, classes = len(self.features), weights.shape[1]
        outer, inner = torch.zeros_like(folded), torch.zeros(classes)
        spread = torch.zeros(classes)
        objective, loss, right = 0.0, 0.0, 0
        for raw, labels in self.features.chunks():
            logs = functional.log_softmax(torch.addmm(bias, raw, folded), dim=1)
            given = logs.gather(1, labels[:, None]).sum().item()
            loss -= given / count
            objective -= (1 - self.smoothing) * given / count
            if self.smoothing:
                objective -= self.smoothing * logs.mean(1).sum().item() / count
            right += int((logs.argmax(1) == labels).sum())
            shares = logs.exp_()
            spread += shares.sum(0) - shares.square().sum(0)
            shares -= self.smoothing / classes
            shares[torch.arange(len(labels)), labels] -= 1 - self.smoothing
            outer.addmm_(raw.T, shares, alpha=1 / count)
            inner += shares.sum(0) / count
        gradient = torch.cat([self.features.unfolded(outer, inner), inner[None]])
        gradient[:-1] += self.weight_decay * weights[:-1]
        value = objective + self.weight_decay / 2 * weights[:-1].square().sum().item()
        return Evaluation(value, gradient, loss, right / count, spread / count)

    def step(self) -> bool:
        """Run one iteration; return False when converged."""
        direction = self._direction()
        slope = torch.sum(direction * self.now.gradient).item()
        length = 1.0
        for _ in range(HALVINGS):
            step = length * direction
            reached = self._evaluate(self.weights + step)
            if reached.value <= self.now.value + ARMIJO * length * slope:
                break
            length /= 2
        else:
            return False
        self._remember(step, reached.gradient - self.now.gradient)
        gained = self.now.value - reached.value
        self.weights, self.now = self.weights + step, reached
        return gained > CONVERGED * max(1.0, abs(reached.value))

    def _remember(self, step: torch.Tensor, change: torch.Tensor) -> None:
        if torch.sum(change * step).item() > 1e-10:
            self.steps = [*self.steps, step][-LBFGS_MEMORY:]
            self.changes = [*self.changes, change][-LBFGS_MEMORY:]

    def _direction(self) -> torch.Tensor:
        direction = -self.now.gradient
        pairs = list(zip(self.steps, self.changes, strict=True))
        shares = []
        for step, change in reversed(pairs):
            share = torch.sum(step * direction) / torch.sum(step * change)
            direction = direction - share * change
            shares.append(share)
        direction = self._divided(direction)
        if pairs:
            step, change = pairs[-1]
            direction *= torch.sum(step * change) / torch.sum(change * self._divided(change))
        for (step, change), share in zip(pairs, reversed(shares), strict=True):
            direction = direction + step * (
                share - torch.sum(change * direction) / torch.sum(step * change)
            )
        return direction

    def _divided(self, gradient: torch.Tensor) -> torch.Tensor:
        return self.curvature.solve(gradient, self.now.spread, self.weight_decay)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Return the logits [n, classes] of raw features [n, dimensions]."""
        folded, bias = self.features.folded(self.weights)
        return torch.addmm(bias, features, folded)

    def head_state(self, head: Head) -> dict[str, torch.Tensor]:
        """Return the weights as `head` names them."""
        last = f"layers.{len(head.layers) - 1}"
        return {
            f"{last}.weight": self.weights[:-1].T.contiguous(),
            f"{last}.bias": self.weights[-1].clone(),
        }

    def state_dict(self) -> State:
        return {name: getattr(self, name) for name in ("weights", "steps", "changes")}

    def load_state_dict(self, state: State) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.now = self._evaluate(self.weights)
