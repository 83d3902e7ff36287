"""A job as the command that repeats it by hand."""

from __future__ import annotations

import shlex

from core.backends.local import training as runner
from core.jobs import script_runs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TrainingSpec

TARGET = "again"


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
