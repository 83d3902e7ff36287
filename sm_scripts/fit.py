"""How a head is trained: L-BFGS on all photos at once, or AdamW in batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from head import Head, logits_of
from runtime import Diverged, check_stop
from torch.nn import functional

LBFGS_MEMORY = 20
CONVERGED = 1e-6

Progress = Callable[[int, dict[str, float]], None]


@dataclass
class Examples:
    features: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class Fit:
    """A trained head: `state` is that of `best_epoch` (counted from 1), `history` has one row of metrics per epoch."""

    state: dict[str, torch.Tensor]
    best_epoch: int
    epochs_run: int
    history: list[dict[str, float]] = field(default_factory=list)


class Watch:
    """Keeps the best epoch (the lowest validation loss, or train loss where there is no validation) and knows when to stop."""

    def __init__(self, patience: int) -> None:
        self.patience, self.best_loss, self.best_epoch = patience, math.inf, 0
        self.best_state: dict[str, torch.Tensor] = {}
        self.history: list[dict[str, float]] = []

    def see(self, epoch: int, row: dict[str, float], state: dict[str, torch.Tensor]) -> bool:
        """Records an epoch; True where it is time to stop. Raises Diverged."""
        if not all(math.isfinite(value) for value in row.values()):
            raise Diverged(f"epoch {epoch}")
        self.history.append(row)
        loss = row.get("validation_loss", row["train_loss"])
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            self.best_state = {name: value.clone() for name, value in state.items()}
        return bool(self.patience) and epoch - self.best_epoch >= self.patience

    def fit(self) -> Fit:
        return Fit(self.best_state, self.best_epoch, len(self.history), self.history)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("best_loss", "best_epoch", "best_state", "history")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


class LogisticRegression:
    """Multinomial logistic regression on standardised features: mean cross-entropy + weight_decay / 2 |W|^2, by L-BFGS.

    Source: Nocedal and Wright, Numerical Optimization, algorithm 7.4 with a backtracking (Armijo) line search. `weights` is
    [dimensions + 1, classes], the last row being the bias, which is not decayed.
    """

    def __init__(self, features: torch.Tensor, labels: torch.Tensor, classes: int, weight_decay: float, label_smoothing: float) -> None:
        self.features, self.labels, self.weight_decay = features, labels, weight_decay
        self.targets = functional.one_hot(labels.long(), classes).float() * (1 - label_smoothing) + label_smoothing / classes
        self.weights = torch.zeros(features.shape[1] + 1, classes)
        self.steps: list[torch.Tensor] = []
        self.changes: list[torch.Tensor] = []
        self.value, self.gradient = self._evaluate(self.weights)

    def _evaluate(self, weights: torch.Tensor) -> tuple[float, torch.Tensor]:
        log_probabilities = functional.log_softmax(torch.addmm(weights[-1], self.features, weights[:-1]), dim=1)
        difference = (log_probabilities.exp() - self.targets) / len(self.labels)
        gradient = torch.cat([self.features.T @ difference, difference.sum(0, keepdim=True)])
        gradient[:-1] += self.weight_decay * weights[:-1]
        loss = -(self.targets * log_probabilities).sum().item() / len(self.labels)
        return loss + self.weight_decay / 2 * weights[:-1].square().sum().item(), gradient

    def step(self) -> bool:
        """One iteration; False once nothing is gained any more."""
        direction = self._direction()
        slope = torch.sum(direction * self.gradient).item()
        length = 1.0 if self.steps else min(1.0, 1.0 / (self.gradient.abs().sum().item() + 1e-12))
        for _ in range(20):
            step = length * direction
            value, gradient = self._evaluate(self.weights + step)
            if value <= self.value + 1e-4 * length * slope:
                break
            length /= 2
        else:
            return False
        change = gradient - self.gradient
        if torch.sum(change * step).item() > 1e-10:
            self.steps, self.changes = [*self.steps, step][-LBFGS_MEMORY:], [*self.changes, change][-LBFGS_MEMORY:]
        gained = self.value - value
        self.weights, self.value, self.gradient = self.weights + step, value, gradient
        return gained > CONVERGED * max(1.0, abs(value))

    def _direction(self) -> torch.Tensor:
        direction = -self.gradient
        pairs = list(zip(self.steps, self.changes, strict=True))
        used = []
        for step, change in reversed(pairs):
            share = torch.sum(step * direction) / torch.sum(step * change)
            direction = direction - share * change
            used.append(share)
        if pairs:
            step, change = pairs[-1]
            direction = direction * (torch.sum(step * change) / torch.sum(change * change))
        for (step, change), share in zip(pairs, reversed(used), strict=True):
            direction = direction + step * (share - torch.sum(change * direction) / torch.sum(step * change))
        return direction

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.weights[-1], features, self.weights[:-1])

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("weights", "steps", "changes", "value", "gradient")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def scores(prefix: str, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Mean cross-entropy and accuracy over images, under the names of the metric line."""
    if not len(labels):
        return {}
    loss = functional.cross_entropy(logits, labels.long()).item()
    return {f"{prefix}_loss": loss, f"{prefix}_accuracy": (logits.argmax(1) == labels).sum().item() / len(labels)}


def fit_lbfgs(
    head: Head, train: Examples, validation: Examples, weight_decay: float, label_smoothing: float, epochs: int, patience: int,
    on_epoch: Progress | None = None, resume: dict[str, Any] | None = None, checkpoint: Callable[[dict[str, Any]], None] | None = None,
) -> Fit:  # fmt: skip
    """Trains a linear head (its standardisation must be set); an epoch is one iteration over all photos."""
    standard, other = ((part.features - head.mean) / head.deviation for part in (train, validation))
    regression = LogisticRegression(standard, train.labels, head.last.out_features, weight_decay, label_smoothing)
    watch = Watch(patience)
    if resume:
        regression.load_state_dict(resume["regression"])
        watch.load_state_dict(resume["watch"])
    going = True
    while going and len(watch.history) < epochs:
        epoch = len(watch.history) + 1
        going = regression.step()
        row = {**scores("train", regression.logits(standard), train.labels), **scores("validation", regression.logits(other), validation.labels)}
        state = {"last.weight": regression.weights[:-1].T.contiguous(), "last.bias": regression.weights[-1]}
        going = not watch.see(epoch, row, state) and going
        if on_epoch:
            on_epoch(epoch, row)
        if checkpoint:
            checkpoint({"regression": regression.state_dict(), "watch": watch.state_dict()})
        check_stop()
    fit = watch.fit()
    fit.state = {f"layers.{len(head.layers) - 1}.{name.split('.')[1]}": value for name, value in fit.state.items()}
    return fit


def fit_adamw(
    head: Head, train: Examples, validation: Examples, values: dict[str, Any], patience: int,
    on_epoch: Progress | None = None, resume: dict[str, Any] | None = None, checkpoint: Callable[[dict[str, Any]], None] | None = None,
) -> Fit:  # fmt: skip
    """Trains any head in batches with AdamW and a cosine decay. Each epoch is seeded by its number, so a resumed run is the same."""
    optimizer = torch.optim.AdamW(head.layers.parameters(), lr=values["lr"], weight_decay=values["weight_decay"])
    watch, epochs = Watch(patience), values["epochs"]
    if resume:
        head.load_state_dict(resume["head"])
        optimizer.load_state_dict(resume["optimizer"])
        watch.load_state_dict(resume["watch"])
    stop = False
    while not stop and len(watch.history) < epochs:
        epoch = len(watch.history) + 1
        torch.manual_seed(values["seed"] * 100_003 + epoch)
        for group in optimizer.param_groups:
            group["lr"] = values["lr"] * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs))
        _train_epoch(head, optimizer, train, values)
        row = {**scores("train", logits_of(head, train.features), train.labels), **scores("validation", logits_of(head, validation.features), validation.labels)}
        stop = watch.see(epoch, row, {name: value for name, value in head.state_dict().items() if name.startswith("layers")})
        if on_epoch:
            on_epoch(epoch, row)
        if checkpoint:
            checkpoint({"head": head.state_dict(), "optimizer": optimizer.state_dict(), "watch": watch.state_dict()})
        check_stop()
    return watch.fit()


def _train_epoch(head: Head, optimizer: torch.optim.Optimizer, train: Examples, values: dict[str, Any]) -> None:
    head.train()
    for rows in torch.randperm(len(train)).split(values["batch_size"]):
        loss = functional.cross_entropy(head(train.features[rows]), train.labels[rows].long(), label_smoothing=values["label_smoothing"])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    head.eval()
