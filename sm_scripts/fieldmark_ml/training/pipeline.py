"""A training from photos to artifact, in either mode."""

from __future__ import annotations

import io

import numpy as np
import torch

from fieldmark_ml.figures import familiarity
from fieldmark_ml.hyperparameters import AUTO
from fieldmark_ml.network import artifact
from fieldmark_ml.network.head import Head, logits_of
from fieldmark_ml.network.model import INFO_FILE
from fieldmark_ml.photos.data import SPLITS, Photos
from fieldmark_ml.photos.pictures import Pictures
from fieldmark_ml.runtime import elapsed, log, peak_memory, phase, seconds, write_atomic
from fieldmark_ml.training import distributed, finetune, frozen, outcome, report
from fieldmark_ml.training.checkpoints import Checkpoints
from fieldmark_ml.training.job import Job, fingerprint
from fieldmark_ml.training.outcome import Outcome
from fieldmark_ml.training.plan import PlannedBackbone, plan


def run(job: Job, photos: Photos) -> None:
    """Train, score and store. Raises Stopped, TrainingError."""
    checkpoints = Checkpoints(job.checkpoint_dir, fingerprint(job.values, photos))
    if distributed.from_first(checkpoints.finished() and (job.model_dir / INFO_FILE).is_file()):
        log("this training has already completed; nothing to do")
        return
    train = _frozen
    if job.values["mode"] == "finetune":
        train = _finetune
    made = train(job, photos, checkpoints)
    if made:
        _store(job, photos, made)
        checkpoints.finish()
        log(
            f"done in {elapsed():.2f} s: "
            + ", ".join(f"{name} {value:.2f}" for name, value in seconds.items())
        )
        log(f"peak memory {peak_memory() / 2**20:.0f} MB")


def _frozen(job: Job, photos: Photos, checkpoints: Checkpoints) -> Outcome | None:
    planned = plan(job.values["arch"])
    table = frozen.collect(job, photos, planned)
    if table is None:
        return None
    trained = frozen.train(job, table, len(photos.classes), checkpoints)
    logits = {
        split: logits_of(trained.head, table.vectors[rows])
        for split, rows in table.every.items()
        if rows.stop > rows.start
    }
    if trained.held_out_split == "validation":
        logits["validation"] = torch.cat(
            [trained.held_out, logits["validation"][len(trained.held_out) :]]
        )
    features = {
        split: (table.rows[rows], table.vectors[rows]) for split, rows in table.known.items()
    }
    means, similarities = outcome.familiar(
        photos, features, len(photos.classes), trained_backbone=False
    )
    return Outcome(
        {split: table.rows[table.every[split]] for split in logits},
        logits,
        (trained.held_out_name, table.rows[table.known[trained.held_out_split]], trained.held_out),
        means,
        similarities,
        _state(planned, trained.head),
        [
            {**backbone.entry(), "features": backbone.recipe("plain", job.precision).key()}
            for backbone in planned
        ],
        trained.fit.best_epoch,
        trained.fit.epochs_run,
        {
            "refit": {"on": ["train", "validation"], "held_out_figures": "validation"}
            if trained.refitted
            else None,
            "weight_decay": trained.weight_decay,
        },
    )


def _state(planned: list[PlannedBackbone], head: Head) -> dict[str, torch.Tensor]:
    state = {
        f"backbones.{index}.network.{name}": value
        for index, backbone in enumerate(planned)
        for name, value in backbone.state().items()
    }
    return {**state, **{f"head.{name}": value for name, value in head.state_dict().items()}}


def _finetune(job: Job, photos: Photos, checkpoints: Checkpoints) -> Outcome | None:
    (planned,) = plan(job.values["arch"])
    if not len(photos.rows("validation")):
        log(
            "There are no validation photos: the last epoch is kept, probabilities are not "
            "calibrated (temperature 1) and no answer is marked unsure."
        )
    head = _first_head(job, photos, planned)
    pictures = Pictures(photos, planned.how, job.checkpoint_dir / "pictures.tmp", job.cpus)
    with phase("decoding"):
        mine = np.arange(len(photos))[distributed.rank() :: distributed.world()]
        photos.mark_all_bad(distributed.gathered(pictures.check(mine)))
        photos.check_bad()
    with phase("training"):
        tuned = finetune.Tuner(job, photos, pictures, planned.classifier(head), checkpoints).run()
    with phase("evaluation"):
        rows = {
            split: np.concatenate([photos.rows(split), photos.unlabelled_rows(split)])
            for split in SPLITS
        }
        answers = {
            split: finetune.answers(tuned.classifier, pictures, chosen)
            for split, chosen in rows.items()
            if len(chosen)
        }
    if not distributed.is_first():
        return None
    known = {split: photos.rows(split) for split in SPLITS}
    _keep_features(job, photos, known["train"], answers["train"][0])
    for split in SPLITS:
        # A split without photos: no rows, and as many columns as the others have.
        answers.setdefault(split, (answers["train"][0][:0], answers["train"][1][:0]))
    features = {split: (known[split], answers[split][0][: len(known[split])]) for split in SPLITS}
    means, similarities = outcome.familiar(
        photos, features, len(photos.classes), trained_backbone=True
    )
    held_out = answers["validation"][1][: len(known["validation"])]
    return Outcome(
        {split: rows[split] for split in SPLITS if len(rows[split])},
        {split: logits for split, (_, logits) in answers.items() if len(rows[split])},
        ("validation", known["validation"], held_out),
        means,
        similarities,
        tuned.state(),
        [{**planned.entry(), "folded": True}],
        tuned.best_epoch,
        tuned.epochs_run,
    )


def _keep_features(job: Job, photos: Photos, rows: np.ndarray, vectors: torch.Tensor) -> None:
    """Save the training photos' features by the trained backbone, in which similar photos are
    looked up."""
    image_ids = np.array([photos.key(row).encode() for row in rows], dtype="S64")
    buffer = io.BytesIO()
    np.savez(buffer, image_ids=image_ids, features=vectors[: len(rows)].half().numpy())
    write_atomic(job.output_dir / "features" / "train.npz", buffer.getvalue())


def _first_head(job: Job, photos: Photos, planned: PlannedBackbone) -> Head:
    """Return a head trained on frozen features, the same in every process: fine-tuning from a
    random head damages the backbone first."""
    table = frozen.collect(job, photos, [planned], ("train", "validation"))
    how = {"optimizer": "adamw", "weight_decay": 0.01, "epochs": 30}
    if job.values["head"] == "linear":
        how = {"optimizer": "lbfgs", "weight_decay": AUTO, "epochs": 200}
    first = job.with_values(**how, refit=False, lr=0.003, batch_size=64, label_smoothing=0.0)
    head = frozen.train(first, table, len(photos.classes), None).head if table else None
    torch.set_num_threads(job.cpus)
    return distributed.from_first(head)


def _store(job: Job, photos: Photos, made: Outcome) -> None:
    with phase("artifact"):
        name, rows, logits = made.held_out
        calibration = report.calibrate(job, logits, torch.from_numpy(photos.labels[rows]))
        probabilities = {
            split: (made.rows[split], torch.softmax(values / calibration["temperature"], 1))
            for split, values in made.logits.items()
        }
        held_out = (rows, torch.softmax(logits / calibration["temperature"], 1))
        figures = report.scored(photos, {**probabilities, name: held_out}, made.best_epoch)
        report.write_predictions(job, photos, probabilities)
        state = {**made.state, "means": made.means}
        info = report.model_info(
            job,
            photos,
            {
                "backbones": made.entries,
                "temperature": calibration["temperature"],
                "unsure_threshold": calibration["unsure_threshold"],
                "calibration": {
                    "split": name if len(rows) else None,
                    "target": job.values["unsure_target"],
                    **calibration,
                },
                "unfamiliar": {
                    "method": "cosine to the nearest class mean",
                    "threshold": familiarity.threshold(made.similarities),
                    "false_alarms": familiarity.FALSE_ALARMS,
                },
                "metrics": figures,
                "best_epoch": made.best_epoch,
                "epochs_run": made.epochs_run,
                "peak_memory_bytes": peak_memory(),
                "seconds": {
                    **{name: round(value, 3) for name, value in seconds.items()},
                    "total": round(elapsed(), 3),
                },
                "parameters": artifact.parameters(state),
                **made.more,
            },
        )
        artifact.write(job.model_dir, info, state)
