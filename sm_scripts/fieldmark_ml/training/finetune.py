"""Fine-tune mode: a head on frozen features first, then the whole network, the backbone at a lower
learning rate."""

from __future__ import annotations

import math
import random
import re
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fieldmark_ml.network.classifier import Average, Classifier, exact_depthwise, freeze, put
from fieldmark_ml.photos import augment
from fieldmark_ml.photos.data import Photos
from fieldmark_ml.photos.pictures import Pictures
from fieldmark_ml.runtime import (
    Diverged,
    Stopped,
    check_stop,
    log,
    metrics,
    say_photos,
    stop_asked,
)
from fieldmark_ml.training import distributed
from fieldmark_ml.training.checkpoints import Checkpoints, State
from fieldmark_ml.training.fit import Watch, validation_scores
from fieldmark_ml.training.job import Job

REPORT_SECONDS = 5.0
# Enough for a row of thumbnails.
PHOTOS_SAID = 8
EVALUATION_BATCH = 64
LARGEST_GRADIENT = 5.0


@dataclass
class Tuned:
    """The best epoch's classifier, in fp32 on the training device.

    Epoch 0 is the head alone, before any fine-tuning.
    """

    classifier: Classifier
    best_epoch: int
    epochs_run: int

    def state(self) -> dict[str, torch.Tensor]:
        """Under the names of Model's state dict."""
        state = self.classifier.state_dict()
        return {
            re.sub(r"^backbone\.", "backbones.0.", name): value for name, value in state.items()
        }


class Tuner:
    """One fine-tuning: its photos, network, optimizer and position in the schedule."""

    def __init__(
        self,
        job: Job,
        photos: Photos,
        pictures: Pictures,
        classifier: Classifier,
        checkpoints: Checkpoints,
    ) -> None:
        self.job, self.values = job, job.values
        self.photos, self.pictures, self.checkpoints = photos, pictures, checkpoints
        self.classifier = classifier.to(job.device).to(memory_format=torch.channels_last).eval()
        freeze(classifier.backbone.network, self.values["freeze_share"])
        if job.device.type == "cpu":
            exact_depthwise(classifier.backbone.network)
        self.parameters = {
            name: parameter
            for name, parameter in classifier.named_parameters()
            if parameter.requires_grad
        }
        self.optimizer = torch.optim.AdamW(self._groups(), lr=self.values["lr"])
        self.average = Average(self.parameters, self.values["ema"])
        self.watch = Watch(self.values["early_stopping_patience"], by_accuracy=True)
        self.rows = photos.rows("train")
        self.steps = math.ceil(len(self.rows) / self.values["batch_size"])
        self.epoch, self.step, self.loss_sum, self.right, self.seen = 1, 0, 0.0, 0, 0
        self.amp = torch.autocast(job.device.type, torch.bfloat16, enabled=job.precision == "bf16")
        self.started, self.said, self.done_here = time.monotonic(), time.monotonic(), 0

    def _groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups: the head at lr, the backbone at a share of it; biases and
        scales without weight decay."""
        groups = []
        for is_head in (True, False):
            rate = self.values["lr"] * (1 if is_head else self.values["backbone_lr_scale"])
            for decayed in (True, False):
                chosen = [
                    p
                    for name, p in self.parameters.items()
                    if name.startswith("head.") == is_head and (p.ndim > 1) == decayed
                ]
                groups.append(
                    {
                        "params": chosen,
                        "rate": rate,
                        "weight_decay": self.values["weight_decay"] if decayed else 0.0,
                    }
                )
        return [group for group in groups if group["params"]]

    def run(self) -> Tuned:
        self._resume()
        finished = False
        while self.epoch <= self.values["epochs"] and not finished:
            self._train_epoch()
            row = {
                "train_loss": self.loss_sum / self.seen,
                "train_accuracy": self.right / self.seen,
                **self._validate(),
            }
            finished = self.watch.see(row, self.average.values)
            metrics(epoch=self.epoch, step=self.steps, **row, **self._speed())
            self.epoch += 1
            self.step, self.loss_sum, self.right, self.seen = 0, 0.0, 0, 0
            if finished:
                log(
                    f"no better validation accuracy in {self.watch.patience} epochs: stopping early"
                )
                self.epoch = self.values["epochs"] + 1
            self._save_if_due()
        put(self.parameters, self.watch.best_state)
        which = "the last"
        if len(self.photos.rows("validation")):
            which = "the best"
        log(f"epoch {self.watch.best_epoch} is {which} and is kept")
        return Tuned(self.classifier.eval(), self.watch.best_epoch, len(self.watch.history))

    def _resume(self) -> None:
        state = distributed.from_first(self.checkpoints.load() if distributed.is_first() else None)
        if state:
            self._load(state)
            return
        row = self._validate()
        self.watch.start(row, self.average.values)
        if row:
            metrics(epoch=0, **row)

    def _train_epoch(self) -> None:
        order = self.rows[
            torch.randperm(
                len(self.rows), generator=torch.Generator().manual_seed(self._seed(0))
            ).numpy()
        ]
        batches = [
            order[start : start + self.values["batch_size"]]
            for start in range(0, len(order), self.values["batch_size"])
        ]
        mine = [batch[distributed.rank() :: distributed.world()] for batch in batches[self.step :]]
        make = self.pictures.augmented(self.values["augment"], self.values["seed"], self.epoch)
        for batch, share, pixels in zip(
            batches[self.step :], mine, self.pictures.batches(mine, make), strict=True
        ):
            self._train_step(pixels, share, len(batch))
            self.step += 1
            if time.monotonic() - self.said > REPORT_SECONDS:
                say_photos(self.photos.image_ids[row] for row in batch[:PHOTOS_SAID])
                metrics(
                    epoch=self.epoch,
                    step=self.step,
                    train_loss=self.loss_sum / self.seen,
                    **self._speed(),
                )
                self.said = time.monotonic()
            self._save_if_due()

    def _train_step(self, pixels: torch.Tensor, rows: np.ndarray, total: int) -> None:
        self._set_rates()
        torch.manual_seed(self._seed(self.step + 1) + distributed.rank())
        labels = torch.from_numpy(self.photos.labels[rows]).long()
        classes, smoothing = len(self.photos.classes), self.values["label_smoothing"]
        targets = (
            functional.one_hot(labels, classes).float() * (1 - smoothing) + smoothing / classes
        )
        draw = random.Random(f"{self.values['seed']} {self.epoch} {self.step}")
        pixels, targets = augment.mix(
            pixels, targets, self.values["mixup"], self.values["cutmix"], draw
        )
        # Only the head is in training mode: batch-norm and drop-path keep their pretrained
        # statistics.
        self.classifier.head.train()
        with self.amp:
            logits = self.classifier(pixels.to(self.job.device))
        self.classifier.head.eval()
        losses = -(targets.to(self.job.device) * functional.log_softmax(logits.float(), dim=1)).sum(
            1
        )
        self.optimizer.zero_grad(set_to_none=True)
        (losses.sum() / total).backward()
        distributed.mean_gradients(list(self.parameters.values()))
        nn.utils.clip_grad_norm_(list(self.parameters.values()), LARGEST_GRADIENT)
        self.optimizer.step()
        self.average.update()
        right = int((logits.argmax(1).cpu() == labels).sum())
        self._count(*distributed.summed(losses.sum().item(), right, len(rows)))

    def _count(self, loss: float, right: float, seen: float) -> None:
        if not math.isfinite(loss):
            raise Diverged(f"epoch {self.epoch}, step {self.step + 1}")
        self.loss_sum += loss
        self.right += int(right)
        self.seen += int(seen)
        self.done_here += int(seen)

    def _seed(self, step: int) -> int:
        return (self.values["seed"] * 1_000_003 + self.epoch) * 100_003 + step

    def _set_rates(self) -> None:
        """Set the learning rates: linear warm-up, then half a cosine down to zero."""
        at = self.epoch - 1 + self.step / self.steps
        warm_up, epochs = (
            min(self.values["warmup_epochs"], self.values["epochs"] / 2),
            self.values["epochs"],
        )
        if at < warm_up:
            share = (at + 1 / self.steps) / (warm_up + 1 / self.steps)
        else:
            share = 0.5 * (1 + math.cos(math.pi * (at - warm_up) / (epochs - warm_up)))
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * share

    def _validate(self) -> dict[str, float]:
        rows = self.photos.rows("validation")
        if not len(rows):
            return {}
        with self.average.applied(), self.amp:
            _, logits = answers(self.classifier, self.pictures, rows)
        return validation_scores(logits, torch.from_numpy(self.photos.labels[rows]))

    def _speed(self) -> dict[str, float]:
        rate = self.done_here / max(time.monotonic() - self.started, 1e-6)
        left = (self.values["epochs"] - self.epoch + 1) * len(self.rows) - self.step * self.values[
            "batch_size"
        ]
        return {
            "images_per_second": round(rate, 2),
            "eta_seconds": round(max(0, left) / max(rate, 1e-6), 1),
        }

    def _save_if_due(self) -> None:
        """Save if a checkpoint is due or if any process was asked to stop; then all of them
        stop."""
        stopping = distributed.any_true(stop_asked())
        if distributed.is_first() and (stopping or self.checkpoints.due()):
            self.checkpoints.save(self._state())
        if stopping:
            distributed.barrier()
            raise Stopped

    def _state(self) -> State:
        names = ("epoch", "step", "loss_sum", "right", "seen")
        return {
            "parameters": {name: parameter.detach() for name, parameter in self.parameters.items()},
            "average": {"values": self.average.values, "steps": self.average.steps},
            "optimizer": self.optimizer.state_dict(),
            "watch": self.watch.state_dict(),
            "place": {name: getattr(self, name) for name in names},
        }

    def _load(self, state: State) -> None:
        put(self.parameters, state["parameters"])
        put(self.average.values, state["average"]["values"])  # type: ignore[arg-type]
        self.average.steps = state["average"]["steps"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.watch.load_state_dict(state["watch"])
        for name, value in state["place"].items():
            setattr(self, name, value)


@torch.no_grad()
def answers(
    classifier: Classifier, pictures: Pictures, rows: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (features, logits) of `rows`, in order, on the CPU; each process computes its
    share."""
    mine = rows[distributed.rank() :: distributed.world()]
    features, logits = [], []
    parts = [
        mine[start : start + EVALUATION_BATCH] for start in range(0, len(mine), EVALUATION_BATCH)
    ]
    device = classifier.head.mean.device
    for pixels in pictures.batches(parts, pictures.middle):
        vectors = classifier.backbone(pixels.to(device)).float()
        features.append(vectors.cpu())
        logits.append(classifier.head(vectors).float().cpu())
        check_stop_alone()
    return _interleaved(features, len(rows)), _interleaved(logits, len(rows))


def check_stop_alone() -> None:
    """Stop at once only if no other process waits for this one."""
    if distributed.world() == 1:
        check_stop()


def _interleaved(parts: list[torch.Tensor], count: int) -> torch.Tensor:
    shares = distributed.gathered(torch.cat(parts) if parts else torch.empty(0))
    whole = torch.empty(
        count, *(next(share for share in shares if len(share)).shape[1:] if count else (0,))
    )
    for number, share in enumerate(shares):
        if len(share):
            whole[number :: len(shares)] = share
    return whole
