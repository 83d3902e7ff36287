"""Run a training job: the training script as a child process under SageMaker's environment
contract, then the artifact."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.backends.local.datasets import fetching
from core.datasets import manifest, store
from core.errors import BackendError
from core.io import files
from core.jobs import forks, locks, processes
from core.jobs.forks import Answer
from core.jobs.hyperparameters import carried_name
from core.jobs.run_folder import RunFolder
from core.jobs.script_runs import ScriptRun, code_folder
from core.jobs.specs import InspectSpec, TrainingSpec
from core.jobs.status.asked import training_spec
from core.jobs.status.causes import Cause
from core.jobs.stopping import Failed
from core.models import store as models

if TYPE_CHECKING:
    import pandas as pd

    from core.jobs.worker import Worker

TERMINATED = 128 + signal.SIGTERM
KILLED = (
    "The training process was killed by signal 9, probably because the machine ran out of memory. "
    "Lower the batch size or the image size, or close other programs. Then resume."
)


def run(worker: Worker) -> None:
    """Train, and end as the script ended: an artifact, a stop, or a failure with its reason."""
    spec = training_spec(worker.job)
    prepare(worker.folder, spec)
    if not spec.tuning_id:
        fetching.fetch_photos(worker, spec.dataset_id, spec.version_id)
    worker.check_stop()
    shown = _Shown(worker)
    script = ScriptRun(
        worker, "train.py", arguments(worker.folder, spec), environment(worker.folder, spec), shown
    )
    try:
        code = script.run()
    finally:
        # Checked before the temporary files are removed, which frees space.
        was_full = files.is_full(worker.folder.path)
        processes.clear(worker.folder)
    conclude(worker, code, was_full)


class _Shown:
    """Write the script's phase to the job's status when it changes."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._phase = worker, ""

    def __call__(self, phase: str) -> None:
        if phase != self._phase:
            self._phase = phase
            self._worker.progress(phase=phase)


def prepare(folder: RunFolder, spec: TrainingSpec) -> None:
    """Copy the scripts and the manifest into the job's folder, so that the job can be repeated
    exactly.

    A trial shares both with its tuning job: all trials run the same code, and a manifest of a
    million rows is written once.
    """
    source = None
    if spec.tuning_id:
        source = RunFolder.of(spec.tuning_id)
    if source and manifest_folder(source).is_dir():
        shutil.copytree(source.input, folder.input, copy_function=_link, dirs_exist_ok=True)
    else:
        copy_input(folder, spec.dataset_id, spec.version_id)
    if spec.resumed_from:
        _take_checkpoints(RunFolder.of(spec.resumed_from), folder)


def copy_input(folder: RunFolder, dataset_id: str, version_id: str) -> None:
    """Copy the scripts and the manifest into a job's folder."""
    copy_scripts(folder)

    def write() -> None:
        write_manifest(folder, store.manifest_of(store.version(dataset_id, version_id)))

    without_threads(write)


def without_threads(write: Callable[[], Answer]) -> Answer:
    """Return what `write` returns, called in a fork if this process is to fork a script later:
    Arrow starts threads to read a manifest."""
    if not forks.is_warm():
        return write()
    return forks.in_fork(write, "The manifest could not be written. The log has the reason.")


def write_manifest(folder: RunFolder, rows: pd.DataFrame) -> None:
    """Write the manifest for the script."""
    manifest.write_csv(rows, made_manifest_folder(folder) / "manifest.csv")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def copy_scripts(folder: RunFolder) -> None:
    shutil.copytree(
        settings.SM_SCRIPTS,
        code_folder(folder),
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )


def arguments(folder: RunFolder, spec: TrainingSpec) -> list[str]:
    """Return the script's arguments: each hyperparameter as `--name value`, all strings, as on
    SageMaker."""
    values = {
        "name": carried_name(spec.name),
        **spec.hyperparameters,
        "dataset_id": spec.dataset_id,
        "dataset_version": spec.version_id,
        "checkpoint_dir": str(folder.checkpoints),
    }
    return [part for name, value in sorted(values.items()) for part in (f"--{name}", value)]


def environment(folder: RunFolder, spec: TrainingSpec | InspectSpec) -> dict[str, str]:
    """Return the variables that SageMaker's container would set, with this workstation's
    folders."""
    channels = {
        "images": store.dataset(spec.dataset_id).root,
        "manifest": manifest_folder(folder),
        "features": settings.features_dir(),
        "weights": settings.weights_dir(),
    }
    return processes.clean_environment(
        {
            **processes.COMPUTING,
            # In the job's folder, so that leftovers of a killed script go with it.
            "TMPDIR": str(folder.temporary),
            **{f"SM_CHANNEL_{name.upper()}": str(path) for name, path in channels.items()},
            "SM_CHANNELS": '["' + '","'.join(channels) + '"]',
            "TRAINING_JOB_NAME": folder.path.name,
            "SM_MODEL_DIR": str(folder.model),
            "SM_OUTPUT_DATA_DIR": str(folder.output),
            "SM_HOSTS": '["algo-1"]',
            "SM_CURRENT_HOST": "algo-1",
            "SM_NUM_CPUS": str(os.cpu_count() or 1),
            "SM_NUM_GPUS": str(_gpus()),
        }
    )


def conclude(worker: Worker, code: int, was_full: bool = False) -> None:
    """Turn the script's exit code into the job's end. Raises for anything but a finished model."""
    if code == 0:
        if not (worker.folder.model / models.DESCRIPTION).exists():
            raise BackendError("The training script succeeded but wrote no model. Check its log.")
        if not worker.job.tuning_id:  # models.archive packs a trial's when it is wanted
            models.pack(worker.folder.model, worker.folder.artifact)
        return
    worker.check_stop()
    raise failure(worker.folder, code, was_full)


def failure(folder: RunFolder, code: int, was_full: bool = False) -> Failed:
    """Return why the script failed: its own reason, the signal that killed it, or the end of its
    log. `was_full`: the disk was full when it ended."""
    said = _said(folder)
    if said:
        return Failed(said[: settings.MAX_FAILURE_CHARS], Cause.ERROR)
    # On a full disk the script leaves an empty file.
    if was_full or said == "" or files.is_full(folder.path):
        return Failed("The disk is full. Free some space and resume the job.", Cause.DISK_FULL)
    if code == -signal.SIGKILL:
        return Failed(KILLED, Cause.OUT_OF_MEMORY)
    return Failed(_how_it_ended(folder, code), Cause.ERROR)


def _said(folder: RunFolder) -> str | None:
    """Return the script's own reason; None if it left none."""
    try:
        return folder.failure.read_text(errors="replace").strip()
    except FileNotFoundError:
        return None


def _how_it_ended(folder: RunFolder, code: int) -> str:
    if code in (TERMINATED, -signal.SIGTERM):
        return (
            "The training process was terminated from outside (SIGTERM). "
            "Resume the job to continue from its last checkpoint."
        )
    if code < 0:
        return f"The training process was killed by signal {-code}. {_log_end(folder)}"
    return f"The training script exited with code {code}. {_log_end(folder)}"


def manifest_folder(folder: RunFolder) -> Path:
    return folder.input / "manifest"


def _take_checkpoints(source: RunFolder, target: RunFolder) -> None:
    if not locks.is_released(source.lock):
        raise BackendError("The job to resume from is still running.")
    shutil.copytree(source.checkpoints, target.checkpoints, dirs_exist_ok=True)


def made_manifest_folder(folder: RunFolder) -> Path:
    return files.folder_below(folder.input, manifest_folder(folder).name)


def _gpus() -> int:
    """Return the number of NVIDIA GPUs of the driver, 0 if the environment hides them; read from
    the file system, because torch is not imported here."""
    folder = Path("/proc/driver/nvidia/gpus")
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not folder.is_dir():
        return 0
    return len(list(folder.iterdir()))


def _log_end(folder: RunFolder) -> str:
    try:
        with folder.log.open("rb") as file:
            file.seek(max(0, folder.log.stat().st_size - 800))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return "There is no log."
