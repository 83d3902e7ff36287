"""The end of a training: calibration, metrics per split, predictions.npz and model.json."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import torch

from fieldmark_ml.architectures import VIEWS
from fieldmark_ml.figures.calibration import calibration_error, fit_temperature, unsure_threshold
from fieldmark_ml.figures.scoring import figures
from fieldmark_ml.network.model import FORMAT, Info
from fieldmark_ml.photos.data import SPLITS, Photos
from fieldmark_ml.runtime import log, metrics, write_atomic
from fieldmark_ml.training.job import Job


def calibrate(job: Job, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Fit temperature and unsure threshold on photos that the head was not trained on; 1 and 0
    without any."""
    if not len(labels):
        return {"temperature": 1.0, "unsure_threshold": 0.0}
    temperature = fit_temperature(logits, labels)
    before, after = torch.softmax(logits, 1), torch.softmax(logits / temperature, 1)
    threshold = unsure_threshold(after, labels, job.values["unsure_target"])
    errors = {
        "ece_before": calibration_error(before, labels),
        "ece_after": calibration_error(after, labels),
    }
    log(f"temperature {temperature:.3f}, unsure below {threshold:.3f}")
    log(
        f"calibration error {errors['ece_before']:.4f}, with the temperature "
        f"{errors['ece_after']:.4f}"
    )
    return {"temperature": temperature, "unsure_threshold": threshold, **errors}


def scored(
    photos: Photos, probabilities: dict[str, tuple[np.ndarray, torch.Tensor]], best_epoch: int
) -> dict[str, dict[str, float]]:
    """Return and log the metrics of each split in `probabilities` (rows and calibrated
    probabilities), over its labelled photos."""
    made: dict[str, dict[str, float]] = {}
    for name, (rows, values) in probabilities.items():
        labels = torch.from_numpy(photos.labels[rows])
        known = labels >= 0
        found = figures(values[known], labels[known])
        if found:
            made[name] = found
            log(
                f"{name}: top-1 {found['correct']}/{found['n']} = {found['top1']:.4f}, top-5 "
                f"{found['top5']:.4f}, loss {found['loss']:.4f}"
            )
    final = {
        f"{name}_{figure}": made[name][figure]
        for name in ("test",)
        if name in made
        for figure in ("loss", "top5", "macro_f1", "n")
    }
    if "validation" in made:
        # Once more, last and without an epoch: SageMaker's tuner uses the last line, and the kept
        # epoch may be an earlier one.
        found = made["validation"]
        metrics(
            kept_epoch=best_epoch,
            validation_accuracy=found["top1"],
            validation_loss=found["loss"],
            validation_macro_f1=found["macro_f1"],
            validation_n=found["n"],
        )
    if "test" in made:
        metrics(epoch=best_epoch, test_accuracy=made["test"]["top1"], **final)
    return made


def write_predictions(
    job: Job, photos: Photos, probabilities: dict[str, tuple[np.ndarray, torch.Tensor]]
) -> None:
    """Write SM_OUTPUT_DATA_DIR/predictions.npz: image_id, path, split, label, probabilities,
    classes; no pickles."""
    parts = [probabilities[name] for name in SPLITS if name in probabilities]
    rows = np.concatenate([part[0] for part in parts])
    buffer = io.BytesIO()
    np.savez(
        buffer,
        image_id=np.array([photos.image_ids[row] for row in rows], dtype=np.str_),
        path=np.array([photos.paths[row] for row in rows], dtype=np.str_),
        split=photos.splits[rows].astype(np.str_),
        label=photos.labels[rows].astype(np.int32),
        probabilities=torch.cat([part[1] for part in parts]).numpy().astype(np.float32),
        classes=np.array(photos.classes, dtype=np.str_),
    )
    write_atomic(job.output_dir / "predictions.npz", buffer.getvalue())


def model_info(job: Job, photos: Photos, more: Info) -> Info:
    """Return model.json, with the training's results from `more`."""
    values = job.values
    return {
        "format": FORMAT,
        "name": values["name"] or f"{values['arch']} {values['mode']}",
        "arch": values["arch"],
        "views": list(VIEWS[values["views"]]),
        "head": values["head"],
        "mode": values["mode"],
        "classes": photos.classes,
        "dataset": {"id": values["dataset_id"], "version": values["dataset_version"]},
        "hyperparameters": {
            name: str(value) for name, value in values.items() if name != "checkpoint_dir"
        },
        "bad_images": [
            {"path": photos.paths[row], "reason": reason}
            for row, reason in sorted(photos.bad.items())
        ],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **more,
    }
