"""A training from photos to artifact, whichever mode."""

from __future__ import annotations

import frozen
import numpy as np
import report
import torch
from artifact import parameters, write
from checkpoints import Checkpoints
from data import Photos
from head import logits_of
from job import Job, fingerprint
from model import INFO_FILE
from plan import PlannedBackbone, plan
from runtime import elapsed, log, phase, seconds


def run(job: Job, photos: Photos) -> None:
    checkpoints = Checkpoints(job.checkpoint_dir, fingerprint(job.values, photos))
    if checkpoints.finished() and (job.model_dir / INFO_FILE).is_file():
        log("this training is finished already; nothing to do")
        return
    _run_frozen(job, photos, checkpoints)
    checkpoints.finish()
    log(f"done; seconds: {', '.join(f'{name} {value:.2f}' for name, value in seconds.items())}, total {elapsed():.2f}")


def _run_frozen(job: Job, photos: Photos, checkpoints: Checkpoints) -> None:
    planned = plan(job.values["arch"])
    vectors = frozen.collect(job, photos, planned)
    trained = frozen.train(job, photos, vectors, checkpoints)
    with phase("evaluation"):
        labels = torch.from_numpy(photos.labels)
        calibration = report.calibrate(job, trained.held_out, labels[trained.held_out_rows])
        temperature = calibration["temperature"]
        probabilities: dict[str, tuple[np.ndarray, torch.Tensor]] = {}
        for split in ("train", "test"):
            rows = photos.rows(split, labelled=False)
            if len(rows):
                probabilities[split] = rows, torch.softmax(logits_of(trained.head, vectors[rows]) / temperature, 1)
        probabilities[trained.held_out_name] = trained.held_out_rows, torch.softmax(trained.held_out / temperature, 1)
        figures = report.scored(photos, probabilities, trained.fit.best_epoch)
        report.write_predictions(job, photos, probabilities)
    with phase("artifact"):
        state = _state(planned, trained.head)
        info = report.model_info(
            job,
            photos,
            planned,
            {
                "temperature": temperature,
                "unsure_threshold": calibration["unsure_threshold"],
                "calibration": {"split": trained.held_out_name, **calibration},
                "unfamiliar": None,
                "metrics": figures,
                "refit": {"on": ["train", "validation"], "held_out_figures": trained.held_out_name} if trained.refitted else None,
                "weight_decay": trained.weight_decay,
                "best_epoch": trained.fit.best_epoch,
                "epochs_run": trained.fit.epochs_run,
                "seconds": {**{name: round(value, 3) for name, value in seconds.items()}, "total": round(elapsed(), 3)},
                "parameters": parameters(state),
            },
        )
        write(job.model_dir, info, state)


def _state(planned: list[PlannedBackbone], head: torch.nn.Module) -> dict[str, torch.Tensor]:
    state = {f"backbones.{index}.network.{name}": value for index, backbone in enumerate(planned) for name, value in backbone.state().items()}
    return {**state, **{f"head.{name}": value for name, value in head.state_dict().items()}}
