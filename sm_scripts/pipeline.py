"""A training from photos to artifact, whichever mode."""

from __future__ import annotations

import frozen
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
    table = frozen.collect(job, photos, planned)
    if table is None:
        return
    trained = frozen.train(job, table, len(photos.classes), checkpoints)
    with phase("evaluation"):
        calibration = report.calibrate(job, trained.held_out, table.labels[table.known[trained.held_out_split]])
        logits = _logits(table, trained)
        rows = {split: table.rows[table.every[split]] for split in logits}
        probabilities = {split: (rows[split], torch.softmax(values / calibration["temperature"], 1)) for split, values in logits.items()}
        held_out = table.rows[table.known[trained.held_out_split]], torch.softmax(trained.held_out / calibration["temperature"], 1)
        figures = report.scored(photos, {**probabilities, trained.held_out_name: held_out}, trained.fit.best_epoch)
        report.write_predictions(job, photos, probabilities)
    with phase("artifact"):
        state = _state(planned, trained.head)
        info = report.model_info(
            job,
            photos,
            planned,
            {
                "temperature": calibration["temperature"],
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


def _logits(table: frozen.Table, trained: frozen.Trained) -> dict[str, torch.Tensor]:
    """Logits of every split that has photos. Those of validation are of the head that had not seen them, whatever was refitted later."""
    logits = {split: logits_of(trained.head, table.vectors[rows]) for split, rows in table.every.items() if rows.stop > rows.start}
    if trained.held_out_split == "validation":
        logits["validation"] = torch.cat([trained.held_out, logits["validation"][len(trained.held_out) :]])
    return logits


def _state(planned: list[PlannedBackbone], head: torch.nn.Module) -> dict[str, torch.Tensor]:
    state = {f"backbones.{index}.network.{name}": value for index, backbone in enumerate(planned) for name, value in backbone.state().items()}
    return {**state, **{f"head.{name}": value for name, value in head.state_dict().items()}}
