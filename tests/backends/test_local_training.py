"""Real trainings through the local backend: what outlives the app, going on from where a job was stopped, and repeating it by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.backends.local import commands
from core.errors import UserError
from core.jobs import store as jobs
from core.jobs.specs import Resources, TrainingSpec
from core.jobs.status.asked import training_spec
from core.jobs.store import Job, State
from core.models import store as models
from core.models.store import Model
from core.training import metrics
from tests.backends.watching import ended, gone, said
from tests.conftest import SMALL
from tests.patience import PATIENCE

# A second or two of small steps: time enough to interrupt it.
STEPS = {
    **SMALL,
    "head": "mlp",
    "lr": "0.0001",
    "epochs": "80",
    "early_stopping_patience": "0",
    "refit": "false",
}
APP = """
import json, signal, sys, time
# Whoever runs the tests in the background has them ignore it, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from core.backends import LOCAL
from core.jobs.specs import TrainingSpec
print(LOCAL.train(TrainingSpec(**json.loads(sys.argv[1]))).id, flush=True)
time.sleep(600)
"""
NEXT_APP = """
import sys
from core.jobs import store as jobs
from core.models import store as models
from core.backends import LOCAL
for job_id in sys.argv[1:]:
    print(job_id, LOCAL.refresh(jobs.read(job_id)).state, models.read(job_id).metrics("test")["n"])
"""


def spec_for(
    model: Model, hyperparameters: dict[str, str] = STEPS, resumed_from: str = ""
) -> TrainingSpec:
    return TrainingSpec(
        "Small", model.dataset_id, model.version_id, hyperparameters, resumed_from=resumed_from
    )


def app(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that uses the backend as the app does, leading a group of its own as in a terminal."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=settings.PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def submitted_by(process: subprocess.Popen[str]) -> Job:
    assert process.stdout
    return jobs.read(process.stdout.readline().strip())


def curve(job: Job) -> dict[float, float]:
    """The validation loss of every epoch that the job itself ran."""
    rows = metrics.epochs(metrics.MetricLog(job.folder.log).refresh())
    return {row["epoch"]: row["validation_loss"] for row in rows if "validation_loss" in row}


def test_fault_25_a_training_outlives_its_app(heated: Model) -> None:
    """One app is killed and another gets a Ctrl-C; both trainings end well and a new app shows them with all their figures."""
    apps = [app(APP, json.dumps(asdict(spec_for(heated)))) for _ in range(2)]
    running = [submitted_by(process) for process in apps]
    for job in running:
        said(LOCAL, job, "[metrics] epoch=2 ")
    apps[0].kill()
    # A terminal sends Ctrl-C to the whole group in the foreground.
    os.killpg(apps[1].pid, signal.SIGINT)
    for process in apps:
        process.communicate(timeout=300)
    for job in running:
        assert ended(LOCAL, job).state is State.COMPLETED
        assert list(curve(job)) == list(range(1, 81))
    shown, _ = app(NEXT_APP, *(job.id for job in running)).communicate(timeout=300)
    assert shown.splitlines() == [f"{job.id} Completed 6" for job in running]


def test_fault_34_a_resumed_training_is_the_uninterrupted_one(heated: Model) -> None:
    stopped, whole = LOCAL.train(spec_for(heated)), LOCAL.train(spec_for(heated))
    said(LOCAL, stopped, "[metrics] epoch=5 ")
    LOCAL.stop(stopped)
    stopped = ended(LOCAL, stopped)
    assert stopped.state is State.STOPPED
    assert len(curve(stopped)) < 80
    # What a kill between writing and renaming leaves.
    (stopped.folder.checkpoints / ".checkpoint-000009.pt.1.tmp").write_bytes(b"half")
    resumed = ended(LOCAL, LOCAL.train(spec_for(heated, resumed_from=stopped.id)))
    assert resumed.state is State.COMPLETED, resumed.status.reason
    assert "resuming from checkpoint" in LOCAL.log(resumed).text
    assert list(resumed.folder.checkpoints.glob("*.tmp")) == []
    whole = ended(LOCAL, whole)
    assert not set(curve(stopped)) & set(curve(resumed)), "nothing is trained twice"
    assert curve(stopped) | curve(resumed) == pytest.approx(curve(whole), abs=1e-6)
    for split in settings.SPLITS:
        assert models.of_job(resumed).metrics(split) == pytest.approx(
            models.of_job(whole).metrics(split), abs=1e-6
        )


def test_fault_33_checkpoints_that_cannot_be_read_are_not_a_silent_new_start(heated: Model) -> None:
    stopped = LOCAL.train(spec_for(heated))
    said(LOCAL, stopped, "[metrics] epoch=5 ")
    LOCAL.stop(stopped)
    ended(LOCAL, stopped)
    damaged = list(stopped.folder.checkpoints.glob("checkpoint-*.pt"))
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[:100])
    resumed = ended(LOCAL, LOCAL.train(spec_for(heated, resumed_from=stopped.id)))
    assert resumed.state is State.FAILED
    assert "checkpoints" in resumed.status.reason
    assert curve(resumed) == {}


def test_a_job_is_not_resumed_while_it_runs(heated: Model) -> None:
    running = LOCAL.train(spec_for(heated, {**STEPS, "epochs": "10000"}))
    resumed = ended(
        LOCAL, LOCAL.train(spec_for(heated, {**STEPS, "epochs": "10000"}, resumed_from=running.id))
    )
    assert resumed.state is State.FAILED
    assert "still running" in resumed.status.reason
    LOCAL.stop(running)
    ended(LOCAL, running)
    gone(running)


def test_shown_as_code_it_trains_by_hand(heated: Model, tmp_path: Path) -> None:
    command = commands.training(heated.folder, training_spec(heated.job))
    (tmp_path / "again").mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    again = json.loads((tmp_path / "again" / "model" / models.DESCRIPTION).read_text())
    for split, figures in heated.description["metrics"].items():
        assert again["metrics"][split] == pytest.approx(figures, abs=1e-6)


def test_shown_as_python_it_trains_again_in_the_same_home(heated: Model, tmp_path: Path) -> None:
    _, program = LOCAL.as_code(heated.job)
    before = {job.id for job in jobs.readable("training")}
    run = subprocess.run(
        [sys.executable, "-c", program.text],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(settings.PROJECT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    (again,) = [job for job in jobs.readable("training") if job.id not in before]
    assert again.spec["hyperparameters"] == heated.job.spec["hyperparameters"]
    scored = models.read(again.id).metrics("test")
    assert f"{scored['correct']}/{scored['n']}" in run.stdout
    jobs.delete(again.id)


def test_a_job_keeps_what_it_needs_in_its_folder_and_nothing_else(heated: Model) -> None:
    assert {path.name for path in heated.folder.path.iterdir()} == {
        "job.json", "status.json", "lock", "log.txt", "input", "model", "checkpoints", "output",
    }  # fmt: skip
    assert {path.name for path in heated.folder.input.iterdir()} == {"code", "manifest"}


def test_resources_that_a_workstation_cannot_give_are_refused(small_model: Model) -> None:
    before = jobs.listing()
    spec = replace(spec_for(small_model), resources=Resources("ml.m5.xlarge"))
    with pytest.raises(UserError, match="no instances"):
        LOCAL.train(spec)
    assert jobs.listing() == before
