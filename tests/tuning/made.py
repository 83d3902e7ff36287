"""Tuning jobs and trials made up for a test: in memory, or as the folders that their jobs leave behind."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from core.io import files
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec, TuningSpec, as_dict
from core.jobs.store import Job, State, Status
from core.tuning import space as spaces
from core.tuning.leaderboard import Board, Trial
from core.tuning.space import Range

SPACE = {
    "weight_decay": Range("float", 1e-3, 10, log=True),
    "label_smoothing": Range("float", 0, 0.2),
}
N = 48


def spec(
    space: Mapping[str, Range] = SPACE, fixed: Mapping[str, str] | None = None, **more: Any
) -> TuningSpec:
    return TuningSpec("Made up", "toys-000000", "v1", fixed or {}, spaces.as_dict(space), **more)


def trial(
    number: int,
    params: Mapping[str, str] | None = None,
    correct: int | None = 40,
    loss: float | None = 0.5,
    **more: Any,
) -> Trial:
    """A completed trial that got `correct` of N validation photos; `more` overrides any field."""
    value = None if correct is None else correct / N
    fields: dict[str, Any] = {
        "id": f"fm-training-20260101t000000-{number:06x}",
        "number": number,
        "params": dict(
            params if params is not None else {"weight_decay": "0.1", "label_smoothing": "0.1"}
        ),
        "state": State.COMPLETED,
        "value": value,
        "accuracy": value,
        "loss": loss,
        "correct": correct,
        "n": N if correct is not None else None,
        "started": 1000.0 + number,
        "ended": 1001.0 + number,
        "seconds": 1.0,
        "reason": "",
        "curve": (),
    }
    return Trial(**{**fields, **more})


def curve(*losses: float, accuracy: float = 0.5) -> tuple[dict[str, float], ...]:
    """Epochs with these validation losses."""
    return tuple(
        {"epoch": float(epoch), "validation_loss": loss, "validation_accuracy": accuracy}
        for epoch, loss in enumerate(losses, start=1)
    )


def board(
    trials: Sequence[Trial],
    space: Mapping[str, Range] = SPACE,
    state: State = State.COMPLETED,
    **more: Any,
) -> Board:
    asked = spec(space, **more)
    job = Job(asked.id, "tuning", asked.name, "local", 0.0, as_dict(asked), Status(state))
    return Board(job, asked, dict(space), tuple(trials))


def job_folder(given: TrainingSpec | TuningSpec, status: Status) -> Job:
    """The folder of a job that has ended so, with nothing run."""
    job, lock = jobs.create(given.id, given.kind, given.name, "local", as_dict(given))
    assert lock is not None
    os.close(lock)
    jobs.write_status(job.folder, status)
    return jobs.read(given.id)


def trial_folder(
    tuning: TuningSpec,
    number: int,
    params: Mapping[str, str],
    correct: int,
    loss: float,
    *,
    state: State = State.COMPLETED,
    seconds: float = 1.0,
) -> Job:
    """The folder of a trial that has ended so: its log, and a model that got `correct` of N right where it is completed."""
    asked = TrainingSpec(
        f"Trial {number}",
        tuning.dataset_id,
        tuning.version_id,
        {**tuning.fixed, **params},
        tuning_id=tuning.id,
        trial=number,
    )
    start = time.time() - 1000 + number
    job = job_folder(
        asked,
        Status(state, "Out of memory." if state is State.FAILED else "", start, start + seconds),
    )
    job.folder.log.write_text(
        "".join(
            f"[metrics] epoch={epoch} train_loss=0.5 validation_loss={loss + 1 / epoch:.4f} validation_accuracy={correct / N:.6f}\n"
            for epoch in range(1, 6)
        )
    )
    if state is State.COMPLETED:
        figures = {
            "top1": correct / N,
            "loss": loss,
            "macro_f1": correct / N,
            "correct": correct,
            "n": N,
        }
        files.write_json(
            job.folder.model / "model.json",
            {"format": 1, "classes": ["cat", "dog"], "metrics": {"validation": figures}},
        )
    return job
