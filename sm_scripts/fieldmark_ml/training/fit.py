"""Training a head: L-BFGS on all photos at once, or AdamW in batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.nn import functional

from fieldmark_ml.figures.scoring import macro_f1
from fieldmark_ml.hyperparameters import Values
from fieldmark_ml.network.head import Examples, Head, logits_of
from fieldmark_ml.runtime import Diverged, check_stop
from fieldmark_ml.training.checkpoints import State
from fieldmark_ml.training.logistic import LogisticRegression


@dataclass
class Fit:
    """A trained head: `state` is that of `best_epoch` (counted from 1),
    `history` has one row of metrics per epoch.
    """

    state: dict[str, torch.Tensor]
    best_epoch: int
    epochs_run: int
    history: list[dict[str, float]] = field(default_factory=list)
    # Of a linear head in standardised features: where a fit on more photos can begin.
    weights: torch.Tensor | None = None


@dataclass
class Hooks:
    """Callbacks around the epochs: `on_epoch(epoch, metrics)`, `checkpoint(state)` after each,
    `resume` the state to resume from."""

    on_epoch: Callable[[int, dict[str, float]], None] = lambda epoch, row: None
    checkpoint: Callable[[State], None] = lambda state: None
    resume: State | None = None


class Watch:
    """Keeps the best epoch and decides when to stop.

    The best has the lowest validation loss or, `by_accuracy`, the highest validation accuracy, ties
    going to the lower loss. Without a validation split it is the last one.
    """

    def __init__(self, patience: int, by_accuracy: bool = False) -> None:
        self.patience, self.by_accuracy = patience, by_accuracy
        self.best_score, self.best_epoch = (-math.inf, -math.inf), 0
        self.best_state: dict[str, torch.Tensor] = {}
        self.history: list[dict[str, float]] = []

    def see(self, row: dict[str, float], state: dict[str, torch.Tensor]) -> bool:
        """Record an epoch; return True if training should stop. Raises Diverged."""
        self.history.append(row)
        epoch = len(self.history)
        refuse_nan(epoch, row)
        score = self._score(row)
        if score > self.best_score:
            self._keep(epoch, score, state)
        return bool(self.patience) and epoch - self.best_epoch >= self.patience

    def start(self, row: dict[str, float], state: dict[str, torch.Tensor]) -> None:
        """Record epoch 0, the state before training."""
        self._keep(0, self._score(row), state)

    def _keep(self, epoch: int, score: tuple[float, float], state: dict[str, torch.Tensor]) -> None:
        self.best_score, self.best_epoch = score, epoch
        self.best_state = {name: value.detach().clone() for name, value in state.items()}

    def _score(self, row: dict[str, float]) -> tuple[float, float]:
        if "validation_loss" not in row:
            return float(len(self.history)), 0.0
        return row["validation_accuracy"] if self.by_accuracy else 0.0, -row["validation_loss"]

    def fit(self) -> Fit:
        return Fit(self.best_state, self.best_epoch, len(self.history), self.history)

    def state_dict(self) -> State:
        return {
            name: getattr(self, name)
            for name in ("best_score", "best_epoch", "best_state", "history")
        }

    def load_state_dict(self, state: State) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def refuse_nan(epoch: int, row: dict[str, float]) -> None:
    """Raise Diverged if a figure is not a number."""
    if not all(math.isfinite(value) for value in row.values()):
        raise Diverged(f"epoch {epoch}")


def scores(prefix: str, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Return mean cross-entropy and accuracy over photos, under the names of the metric line."""
    if not len(labels):
        return {}
    loss = functional.cross_entropy(logits, labels.long()).item()
    return {
        f"{prefix}_loss": loss,
        f"{prefix}_accuracy": (logits.argmax(1) == labels).sum().item() / len(labels),
    }


def validation_scores(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Return `scores` on validation with the macro F1: every objective of a search is known after
    each epoch, so that it can stop a trial early."""
    if not len(labels):
        return {}
    return {
        **scores("validation", logits, labels),
        "validation_macro_f1": macro_f1(logits.argmax(1), labels.long(), logits.shape[1]),
    }


def fit_lbfgs(
    head: Head,
    train: Examples,
    validation: Examples,
    weight_decay: float,
    label_smoothing: float,
    epochs: int,
    hooks: Hooks,
    start: torch.Tensor | None = None,
) -> Fit:
    """Train a linear head (its standardisation must be set) until it converges; an epoch is one
    iteration over all photos.

    The last epoch is the best one, because it is the minimum of the objective; weight_decay
    controls overfitting. `start` is weights [dimensions + 1, classes] that are near it.
    """
    regression = LogisticRegression(head, train, weight_decay, label_smoothing, start)
    history: list[dict[str, float]] = []
    going = True
    if hooks.resume:
        regression.load_state_dict(hooks.resume["regression"])
        history, going = hooks.resume["history"], hooks.resume["going"]
    while going and len(history) < epochs:
        going = regression.step()
        row = {"train_loss": regression.now.loss, "train_accuracy": regression.now.accuracy}
        row |= validation_scores(regression.logits(validation.features), validation.labels)
        history.append(row)
        refuse_nan(len(history), row)
        hooks.on_epoch(len(history), row)
        hooks.checkpoint(
            {"regression": regression.state_dict(), "history": history, "going": going}
        )
        check_stop()
    return Fit(regression.head_state(head), len(history), len(history), history, regression.weights)


def fit_adamw(
    head: Head, train: Examples, validation: Examples, values: Values, hooks: Hooks
) -> Fit:
    """Train any head in batches with AdamW and a cosine decay.

    Each epoch is seeded by its number, so a resumed run gives the same result.
    """
    optimizer = torch.optim.AdamW(
        head.layers.parameters(), lr=values["lr"], weight_decay=values["weight_decay"]
    )
    watch, epochs = (
        Watch(values["early_stopping_patience"] if len(validation) else 0),
        values["epochs"],
    )
    stop = False
    if hooks.resume:
        head.load_state_dict(hooks.resume["head"])
        optimizer.load_state_dict(hooks.resume["optimizer"])
        watch.load_state_dict(hooks.resume["watch"])
        stop = hooks.resume["stop"]
    while not stop and len(watch.history) < epochs:
        epoch = len(watch.history) + 1
        torch.manual_seed(values["seed"] * 100_003 + epoch)
        for group in optimizer.param_groups:
            group["lr"] = values["lr"] * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs))
        _train_epoch(head, optimizer, train, values)
        row = scores("train", logits_of(head, train.features), train.labels)
        row |= validation_scores(logits_of(head, validation.features), validation.labels)
        stop = watch.see(
            row,
            {name: value for name, value in head.state_dict().items() if name.startswith("layers")},
        )
        hooks.on_epoch(epoch, row)
        hooks.checkpoint(
            {
                "head": head.state_dict(),
                "optimizer": optimizer.state_dict(),
                "watch": watch.state_dict(),
                "stop": stop,
            }
        )
        check_stop()
    return watch.fit()


def _train_epoch(
    head: Head, optimizer: torch.optim.Optimizer, train: Examples, values: Values
) -> None:
    head.train()
    for rows in torch.randperm(len(train)).split(values["batch_size"]):
        loss = functional.cross_entropy(
            head(train.features[rows]),
            train.labels[rows].long(),
            label_smoothing=values["label_smoothing"],
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    head.eval()
