"""Frozen mode: the backbones map every photo to features once, then a head is trained on the cached
features in seconds."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from fieldmark_ml.architectures import VIEWS
from fieldmark_ml.hyperparameters import AUTO
from fieldmark_ml.network.head import Examples, Head, logits_of
from fieldmark_ml.photos.data import SPLITS, Photos
from fieldmark_ml.runtime import check_stop, log, metrics, phase
from fieldmark_ml.training import distributed, features
from fieldmark_ml.training.cache import Cache
from fieldmark_ml.training.checkpoints import Checkpoints
from fieldmark_ml.training.fit import Fit, Hooks, fit_adamw, fit_lbfgs
from fieldmark_ml.training.job import Job
from fieldmark_ml.training.logistic import Curvature, Features, LogisticRegression
from fieldmark_ml.training.plan import PlannedBackbone

# L2 strengths tried on validation, strongest first: each fit starts from the result of the one
# before.
WEIGHT_DECAYS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SEARCH_EPOCHS = 100
# Standard errors of the held-out loss. The rule that chooses is one standard error wide.
SETTLED = 0.05
FOLDS = 5
# Below this many multiplications per pass, several cores cost more than they gain.
WORTH_THREADS = 5e8


@dataclass
class Table:
    """Features of all usable photos, sorted by split, so that a split (and train with validation)
    is a slice, not a copy.

    `rows` are positions in Photos. Within a split, photos with a known label come first.
    """

    vectors: torch.Tensor
    labels: torch.Tensor
    rows: np.ndarray
    known: dict[str, slice]
    every: dict[str, slice]

    def examples(self, split: str) -> Examples:
        return Examples(self.vectors[self.known[split]], self.labels[self.known[split]])

    def train_and_validation(self) -> Examples:
        both = slice(0, self.known["validation"].stop)
        return Examples(self.vectors[both], self.labels[both])


@dataclass
class Trained:
    """`head` is the model's head. `held_out` are logits of the photos of `held_out_split` by a head
    that was not trained on them: calibration and the metrics named `held_out_name` use them."""

    head: Head
    fit: Fit
    held_out: torch.Tensor
    held_out_split: str
    held_out_name: str
    refitted: bool
    weight_decay: float


def collect(
    job: Job, photos: Photos, planned: list[PlannedBackbone], splits: tuple[str, ...] = SPLITS
) -> Table | None:
    """Compute and gather the features of `splits`; None in every process but the first. Unusable
    photos are marked; too many raise TrainingError."""
    root = features.cache_root(job.checkpoint_dir)
    rows = np.flatnonzero(np.isin(photos.splits, splits))
    parts: list[tuple[int, list[Cache]]] = []
    with phase("features"):
        for backbone in planned:
            caches = {
                view: Cache(root, backbone.recipe(view, job.precision))
                for view in VIEWS[job.values["views"]]
            }
            make_form = functools.partial(
                backbone.form, root, job.values["precision"], job.device, job.cpus
            )
            features.ensure(photos, rows, caches, backbone.how, make_form)
            parts.append((backbone.architecture.dimensions, list(caches.values())))
            check_stop()
        photos.check_bad()
        if not distributed.is_first():
            return None
        return _table(photos, parts, job, splits)


def _table(
    photos: Photos, parts: list[tuple[int, list[Cache]]], job: Job, splits: tuple[str, ...]
) -> Table:
    rows, known, every, start = [], {}, {}, 0
    for split in splits:
        labelled, unlabelled = photos.rows(split), photos.unlabelled_rows(split)
        rows += [labelled, unlabelled]
        known[split] = slice(start, start + len(labelled))
        start += len(labelled) + len(unlabelled)
        every[split] = slice(known[split].start, start)
    chosen = np.concatenate(rows)
    vectors = features.gather(
        [photos.key(row) for row in chosen], parts, job.checkpoint_dir / "features.tmp"
    )
    return Table(vectors, torch.from_numpy(photos.labels[chosen]), chosen, known, every)


def train(job: Job, table: Table, classes: int, checkpoints: Checkpoints | None) -> Trained:
    """Choose the L2 strength, train the head epoch by epoch, and refit it on train and validation
    if `refit` is on. Without `checkpoints` nothing is saved and no metric line is written."""
    train, validation = table.examples("train"), table.examples("validation")
    if len(train) * train.features.shape[1] * classes < WORTH_THREADS:
        torch.set_num_threads(1)
    resume = checkpoints.load() if checkpoints else None
    with phase("training"):
        weight_decay = (
            resume["weight_decay"] if resume else _weight_decay(job, train, validation, classes)
        )
        hooks = Hooks(resume=resume["fit"] if resume else None)
        if checkpoints:
            hooks.on_epoch = _Reporter(len(train), job.values["epochs"])
            hooks.checkpoint = lambda state: checkpoints.save_if_due(
                {"weight_decay": weight_decay, "fit": state}
            )
        head, fit = _fitted(job, train, validation, weight_decay, classes, hooks)
        if len(validation):
            held_out, split, name = logits_of(head, validation.features), "validation", "validation"
        else:
            held_out, split, name = (
                _cross_validated(job, train, weight_decay, classes),
                "train",
                "cross_validation",
            )
        refitted = job.values["refit"] and len(validation) > 0
        if refitted:
            both = table.train_and_validation()
            # The same prior for more photos: the decay is relative to the mean loss.
            decay, epochs = (
                weight_decay * len(train) / len(both),
                max(fit.best_epoch, SEARCH_EPOCHS if _lbfgs(job) else 1),
            )
            head, _ = _fitted(
                job, both, _none(both), decay, classes, epochs=epochs, start=fit.weights
            )
            log(f"refitted on {len(both)} photos of train and validation")
    return Trained(head, fit, held_out, split, name, refitted, weight_decay)


class _Reporter:
    """Logs one metric line per epoch."""

    def __init__(self, count: int, epochs: int) -> None:
        self.count, self.epochs, self.first = count, epochs, 0
        self.started = time.monotonic()

    def __call__(self, epoch: int, row: dict[str, float]) -> None:
        self.first = self.first or epoch
        rate = (epoch - self.first + 1) / max(time.monotonic() - self.started, 1e-6)
        metrics(
            epoch=epoch,
            **row,
            images_per_second=round(rate * self.count, 1),
            eta_seconds=round((self.epochs - epoch) / rate, 1),
        )


def _lbfgs(job: Job) -> bool:
    return job.values["optimizer"] == "lbfgs"


def _new_head(job: Job, train: Examples, classes: int) -> Head:
    torch.manual_seed(job.values["seed"])
    head = Head(job.values["head"], train.features.shape[1], classes, job.values["dropout"])
    head.standardise_on(train.features)
    return head.eval()


def _fitted(
    job: Job,
    train: Examples,
    validation: Examples,
    weight_decay: float,
    classes: int,
    hooks: Hooks | None = None,
    epochs: int = 0,
    start: torch.Tensor | None = None,
) -> tuple[Head, Fit]:
    head = _new_head(job, train, classes)
    values = {**job.values, "weight_decay": weight_decay, "epochs": epochs or job.values["epochs"]}
    if _lbfgs(job):
        fit = fit_lbfgs(
            head,
            train,
            validation,
            weight_decay,
            values["label_smoothing"],
            values["epochs"],
            hooks or Hooks(),
            start,
        )
    else:
        fit = fit_adamw(head, train, validation, values, hooks or Hooks())
    assert not head.load_state_dict(fit.state, strict=False).unexpected_keys
    return head, fit


def _none(like: Examples) -> Examples:
    return Examples(like.features[:0], like.labels[:0])


def _weight_decay(job: Job, train: Examples, validation: Examples, classes: int) -> float:
    """Return the given L2 strength; or the strongest whose validation loss is within one standard
    error of the lowest.

    Source of the rule: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 7.10.
    On a few dozen validation photos the lowest loss alone is too noisy. Without a validation split
    the losses are those of cross-validation on train.
    """
    if job.values["weight_decay"] != AUTO:
        return float(job.values["weight_decay"])
    losses: dict[float, torch.Tensor] = {}
    for weight_decay, logits in _search(job, train, validation, classes):
        labels = (validation if len(validation) else train).labels
        losses[weight_decay] = functional.cross_entropy(logits, labels.long(), reduction="none")
        accuracy = (logits.argmax(1) == labels).double().mean().item()
        log(
            f"weight_decay {weight_decay:g}: held-out loss {losses[weight_decay].mean():.4f}, "
            f"accuracy {accuracy:.4f}"
        )
        best = min(losses, key=lambda name: losses[name].mean().item())
        bound = (
            losses[best].mean().item() + losses[best].std(correction=0).item() / len(labels) ** 0.5
        )
        if losses[weight_decay].mean().item() > bound:
            break
    chosen = max(name for name, loss in losses.items() if loss.mean().item() <= bound)
    log(f"weight_decay {chosen:g} is chosen")
    return chosen


def _search(job: Job, train: Examples, validation: Examples, classes: int) -> Any:
    """(weight_decay, held-out logits), strongest first."""
    if not len(validation):
        for weight_decay in WEIGHT_DECAYS:
            yield weight_decay, _cross_validated(job, train, weight_decay, classes)
        return
    head = _new_head(job, train, classes)
    curvature, start = Curvature(Features(head, train)), None
    for weight_decay in WEIGHT_DECAYS:
        regression = LogisticRegression(
            head, train, weight_decay, job.values["label_smoothing"], start, curvature
        )
        yield weight_decay, _settled(regression, validation)
        start = regression.weights


def _settled(regression: LogisticRegression, validation: Examples) -> torch.Tensor:
    """Return the held-out logits once they are as good as converged: twice in a row their loss
    moved by less than its own standard error could tell."""
    still, before = 0, math.inf
    for _ in range(SEARCH_EPOCHS):
        check_stop()
        going = regression.step()
        logits = regression.logits(validation.features)
        losses = functional.cross_entropy(logits, validation.labels.long(), reduction="none")
        mean, error = losses.mean().item(), losses.std(correction=0).item() / len(losses) ** 0.5
        still = still + 1 if abs(mean - before) < SETTLED * error else 0
        before = mean
        if still == 2 or not going:
            break
    return logits


def _cross_validated(job: Job, train: Examples, weight_decay: float, classes: int) -> torch.Tensor:
    """Return logits of every train photo by a head that was not trained on it: FOLDS fits; every
    FOLDS-th photo of a class is in the same fold."""
    order = torch.argsort(train.labels, stable=True)
    fold = torch.empty(len(train), dtype=torch.long)
    fold[order] = torch.arange(len(train)) % min(FOLDS, len(train))
    logits = torch.empty(len(train), classes)
    for number in range(int(fold.max()) + 1):
        inside, outside = (
            torch.nonzero(fold == number).flatten(),
            torch.nonzero(fold != number).flatten(),
        )
        part = Examples(train.features[outside], train.labels[outside])
        head, _ = _fitted(
            job,
            part,
            _none(part),
            weight_decay,
            classes,
            epochs=min(SEARCH_EPOCHS, job.values["epochs"]),
        )
        logits[inside] = logits_of(head, train.features[inside])
    return logits
