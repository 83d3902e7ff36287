"""Frozen mode: every photo goes through the backbones once, then a head learns from the cached features in seconds."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

import features
import forms
import numpy as np
import torch
from architectures import VIEWS
from checkpoints import Checkpoints
from data import Photos
from fit import Examples, Fit, Progress, fit_adamw, fit_lbfgs, scores
from head import Head, logits_of
from hyperparameters import AUTO
from job import Job
from plan import PlannedBackbone
from runtime import check_stop, log, metrics, phase

# L2 strengths tried on validation, strongest first: each fit starts where the one before it ended.
WEIGHT_DECAYS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SEARCH_EPOCHS = 200
FOLDS = 5


@dataclass
class Trained:
    """`head` gives the model's answers. `held_out` are logits of `held_out_rows`, made by a head that had not seen those photos:
    calibration and the validation figures come from them. `held_out_name` says what they are."""

    head: Head
    fit: Fit
    held_out: torch.Tensor
    held_out_rows: np.ndarray
    held_out_name: str
    refitted: bool
    weight_decay: float


def collect(job: Job, photos: Photos, planned: list[PlannedBackbone]) -> torch.Tensor:
    """float32 [photos, all dimensions]; bad photos are marked in `photos`, and too many of them are a TrainingError."""
    root = features.cache_root(job.checkpoint_dir)
    precision = forms.precision_of(job.values["precision"], job.device)
    parts = []
    with phase("features"):
        for backbone in planned:
            recipes = {view: backbone.recipe(view, precision) for view in VIEWS[job.values["views"]]}
            cache = root / "networks" / f"{backbone.architecture.timm_name}-{backbone.file.sha256[:12]}-{backbone.how.image_size}"
            make_form = functools.partial(forms.choose, backbone.make, backbone.how.image_size, job.values["precision"], job.device, job.cpus, cache)
            parts.append(features.of_backbone(photos, recipes, root, backbone.architecture.dimensions, make_form))
            check_stop()
    photos.check_bad()
    return torch.from_numpy(np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0])


def train(job: Job, photos: Photos, vectors: torch.Tensor, checkpoints: Checkpoints) -> Trained:
    """Chooses the L2 strength, trains the head epoch by epoch, and refits it on train and validation where that is asked for."""
    rows = {split: photos.rows(split) for split in ("train", "validation")}
    labels = torch.from_numpy(photos.labels)
    parts = {split: Examples(vectors[chosen], labels[chosen]) for split, chosen in rows.items()}
    classes = len(photos.classes)
    resume = checkpoints.load()
    with phase("training"):
        weight_decay = resume["weight_decay"] if resume else _weight_decay(job, parts["train"], parts["validation"], classes)
        head = _new_head(job, parts["train"], classes)
        fit = _fit(
            job, head, parts["train"], parts["validation"], weight_decay, _Reporter(len(parts["train"]), job.values["epochs"]),
            resume["fit"] if resume else None, lambda state: _save(checkpoints, weight_decay, state),
        )  # fmt: skip
        _use(head, fit)
        if len(parts["validation"]):
            held_out, held_out_rows, name = logits_of(head, parts["validation"].features), rows["validation"], "validation"
        else:
            held_out, name, held_out_rows = _cross_validated(job, parts["train"], weight_decay, classes), "cross_validation", rows["train"]
        refitted = job.values["refit"] and len(parts["validation"]) > 0
        if refitted:
            both = Examples(torch.cat([part.features for part in parts.values()]), torch.cat([part.labels for part in parts.values()]))
            # The same prior strength for more photos: the decay is relative to the mean loss.
            head = _refit(job, both, weight_decay * len(parts["train"]) / len(both), classes, fit.best_epoch)
            log(f"refitted on {len(both)} photos of train and validation")
    return Trained(head, fit, held_out, held_out_rows, name, refitted, weight_decay)


def _save(checkpoints: Checkpoints, weight_decay: float, state: dict[str, Any]) -> None:
    if checkpoints.due():
        checkpoints.save({"weight_decay": weight_decay, "fit": state})


class _Reporter:
    """One metric line per epoch."""

    def __init__(self, count: int, epochs: int) -> None:
        self.count, self.epochs, self.first = count, epochs, 0
        self.started = time.monotonic()

    def __call__(self, epoch: int, row: dict[str, float]) -> None:
        self.first = self.first or epoch
        rate = (epoch - self.first + 1) / max(time.monotonic() - self.started, 1e-6)
        metrics(epoch=epoch, **row, images_per_second=round(rate * self.count, 1), eta_seconds=round((self.epochs - epoch) / rate, 1))


def _new_head(job: Job, train: Examples, classes: int) -> Head:
    torch.manual_seed(job.values["seed"])
    head = Head(job.values["head"], train.features.shape[1], classes, job.values["dropout"])
    head.standardise_on(train.features)
    return head.eval()


def _use(head: Head, fit: Fit) -> None:
    missing = head.load_state_dict(fit.state, strict=False)
    assert not missing.unexpected_keys


def _fit(
    job: Job, head: Head, train: Examples, validation: Examples, weight_decay: float, progress: Progress | None = None,
    resume: dict[str, Any] | None = None, checkpoint: Any = None, epochs: int | None = None,
) -> Fit:  # fmt: skip
    values = {**job.values, "weight_decay": weight_decay, "epochs": epochs or job.values["epochs"]}
    patience = values["early_stopping_patience"] if len(validation) else 0
    if values["optimizer"] == "lbfgs":
        return fit_lbfgs(head, train, validation, weight_decay, values["label_smoothing"], values["epochs"], patience, progress, resume, checkpoint)
    return fit_adamw(head, train, validation, values, patience, progress, resume, checkpoint)


def _none(like: Examples) -> Examples:
    return Examples(like.features[:0], like.labels[:0])


def _refit(job: Job, both: Examples, weight_decay: float, classes: int, epochs: int) -> Head:
    head = _new_head(job, both, classes)
    _use(head, _fit(job, head, both, _none(both), weight_decay, epochs=epochs))
    return head


def _weight_decay(job: Job, train: Examples, validation: Examples, classes: int) -> float:
    """The given L2 strength, or the one with the lowest validation loss (by cross-validation on train where there is no validation)."""
    given = job.values["weight_decay"]
    if given != AUTO:
        return float(given)
    best, best_loss = WEIGHT_DECAYS[0], float("inf")
    for weight_decay in WEIGHT_DECAYS:
        if len(validation):
            head = _new_head(job, train, classes)
            _use(head, _fit(job, head, train, validation, weight_decay, epochs=SEARCH_EPOCHS))
            row = scores("held_out", logits_of(head, validation.features), validation.labels)
        else:
            row = scores("held_out", _cross_validated(job, train, weight_decay, classes), train.labels)
        log(f"weight_decay {weight_decay:g}: held-out loss {row['held_out_loss']:.4f}, accuracy {row['held_out_accuracy']:.4f}")
        if row["held_out_loss"] < best_loss:
            best, best_loss = weight_decay, row["held_out_loss"]
        elif row["held_out_loss"] > 1.2 * best_loss:
            break
    log(f"weight_decay {best:g} is chosen")
    return best


def _cross_validated(job: Job, train: Examples, weight_decay: float, classes: int) -> torch.Tensor:
    """Logits of every train photo by a head that had not seen it: FOLDS fits, stratified by taking every FOLDS-th photo of a class."""
    order = torch.argsort(train.labels, stable=True)
    fold = torch.empty(len(train), dtype=torch.long)
    fold[order] = torch.arange(len(train)) % min(FOLDS, len(train))
    logits = torch.empty(len(train), classes)
    for number in range(int(fold.max()) + 1):
        inside, outside = torch.nonzero(fold == number).flatten(), torch.nonzero(fold != number).flatten()
        part = Examples(train.features[outside], train.labels[outside])
        head = _new_head(job, part, classes)
        _use(head, _fit(job, head, part, _none(part), weight_decay, epochs=min(SEARCH_EPOCHS, job.values["epochs"])))
        logits[inside] = logits_of(head, train.features[inside])
    return logits
