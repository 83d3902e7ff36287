"""A job as programs that repeat it by hand."""

from __future__ import annotations

import shlex

from core.backends.base import Program
from core.backends.local import training as runner
from core.jobs import script_runs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TrainingSpec
from core.jobs.status.asked import training_spec
from core.jobs.store import Job

TARGET = "again"
PYTHON = """\
import fieldmark as fm

photos = fm.dataset({dataset!r}, {version!r})
model = fm.train(photos, **{values!r}, name={name!r})
print(model.evaluate().accuracy)
"""


def programs(job: Job) -> list[Program]:
    """Return a training job as a shell command and as Python; nothing for other kinds of job."""
    if job.kind != "training":
        return []
    spec = training_spec(job)
    by_hand = "The same job by hand, from the project's folder:"
    in_python = "The same job from Python, where Fieldmark is installed or in the project's folder:"
    return [
        Program("Shell", by_hand, "bash", training(job.folder, spec)),
        Program("Python", in_python, "python", python(spec)),
    ]


def python(spec: TrainingSpec) -> str:
    """Return a program that trains once more with the job's data and settings, as a job of this
    home."""
    return PYTHON.format(
        dataset=spec.dataset_id,
        version=spec.version_id,
        values=dict(spec.hyperparameters),
        name=spec.name,
    )


def training(folder: RunFolder, spec: TrainingSpec) -> str:
    """A shell command that trains once more with the job's data, settings and own copy of the
    script, into `./again`."""
    variables = {
        name: value
        for name, value in runner.environment(folder, spec).items()
        if name.startswith("SM_CHANNEL_")
    }
    variables |= {"SM_MODEL_DIR": f"{TARGET}/model", "SM_OUTPUT_DATA_DIR": f"{TARGET}/output"}
    values = {
        **spec.hyperparameters,
        "dataset_id": spec.dataset_id,
        "dataset_version": spec.version_id,
        "checkpoint_dir": f"{TARGET}/checkpoints",
    }
    return " \\\n  ".join(
        [
            *(f"{name}={shlex.quote(value)}" for name, value in sorted(variables.items())),
            f"python {shlex.quote(str(script_runs.code_folder(folder) / 'train.py'))}",
            *(f"--{name} {shlex.quote(value)}" for name, value in sorted(values.items())),
        ]
    )
