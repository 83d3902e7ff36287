"""What can happen to a local job: every fault is a real one, done to real processes with the real worker around a script of a few lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.datasets import store
from core.errors import NotFound, UserError
from core.jobs import locks, processes
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec
from core.jobs.store import State
from tests.backends import toy_worker
from tests.backends.conftest import Toys
from tests.backends.scripts import EXPLAINS, MODEL, OBEYS, REFUSES, RUNS
from tests.backends.watching import ended, gone, running, trainer_of, until, worker_of
from tests.conftest import CANARY, kill_processes_of


def test_fault_26_a_trainer_that_is_killed_fails_and_says_what_probably_happened(
    toys: Toys,
) -> None:
    job = running(LOCAL, toys.train(RUNS))
    trainer_of(job).kill()
    job = ended(LOCAL, job)
    assert job.state is State.FAILED
    assert "killed by signal 9" in job.status.reason
    assert "out of memory" in job.status.reason
    assert "running" in LOCAL.log(job).text
    gone(job)


def test_a_trainer_that_is_ended_from_outside_says_so(toys: Toys) -> None:
    job = running(LOCAL, toys.train(RUNS))
    trainer_of(job).terminate()
    job = ended(LOCAL, job)
    assert job.state is State.FAILED
    assert "from outside" in job.status.reason


def test_fault_27_a_worker_that_is_killed_takes_its_trainer_with_it(toys: Toys) -> None:
    job = running(LOCAL, toys.train(RUNS))
    trainer = trainer_of(job)
    worker_of(job).kill()
    until(lambda: not locks.is_locked(job.folder.lock), "the lock is free")
    assert trainer.is_running(), "the trainer outlives its worker until somebody looks"
    job = LOCAL.refresh(job)
    assert job.state is State.FAILED
    assert "exited unexpectedly" in job.status.reason
    assert jobs.read(job.id) == job, "the end is written, not only shown"
    assert LOCAL.refresh(job) == job, "and stays"
    gone(job)


def test_fault_27_a_worker_that_dies_before_it_says_anything(toys: Toys) -> None:
    job = toys.train(RUNS)
    worker_of(job).kill()
    until(lambda: not locks.is_locked(job.folder.lock), "the lock is free")
    assert LOCAL.refresh(job).state is State.FAILED
    gone(job)


def test_fault_28_a_stranger_with_the_pid_of_a_dead_worker_is_left_alone(toys: Toys) -> None:
    """After a restart the recorded pid, and even its session, may belong to anybody."""
    job = ended(LOCAL, toys.train("raise SystemExit(1)"))
    gone(job)
    stranger = subprocess.Popen(
        [sys.executable, "-c", RUNS], start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        before = (job.status.pid_created or 0) - 60
        taken = replace(
            job.status, state=State.IN_PROGRESS, ended=None, pid=stranger.pid, pid_created=before
        )
        jobs.write_status(job.folder, taken)
        assert LOCAL.refresh(job).state is State.FAILED
        assert stranger.poll() is None
        assert not processes.is_same(stranger.pid, taken.pid_created), (
            "the start time tells them apart"
        )
        assert not processes.terminate(stranger.pid, taken.pid_created)
    finally:
        stranger.kill()
        stranger.wait()


def test_fault_29_a_script_that_fails_leaves_the_end_of_its_log_as_the_reason(toys: Toys) -> None:
    job = ended(
        LOCAL, toys.train(f"print('x' * 5000)\nraise RuntimeError('no {'such' * 300} layer')")
    )
    assert job.state is State.FAILED
    assert "layer" in job.status.reason
    assert len(job.status.reason) <= settings.MAX_FAILURE_CHARS


def test_fault_29_a_script_that_says_why_is_quoted(toys: Toys) -> None:
    job = ended(LOCAL, toys.train(EXPLAINS.format(reason="No cats.")))
    assert (job.state, job.status.reason) == (State.FAILED, "No cats.")


def test_fault_29_success_without_a_model_is_a_failure(toys: Toys) -> None:
    job = ended(LOCAL, toys.train("print('done')"))
    assert job.state is State.FAILED
    assert "wrote no model" in job.status.reason


def test_fault_29_a_script_that_cannot_even_start(toys: Toys) -> None:
    job = ended(LOCAL, toys.train("def broken(:\n"))
    assert job.state is State.FAILED
    assert "SyntaxError" in job.status.reason


def test_what_a_script_leaves_in_its_temporary_folder_is_removed(toys: Toys) -> None:
    job = ended(LOCAL, toys.train("import tempfile\nprint(tempfile.mkdtemp())\n" + MODEL))
    temporary = Path(LOCAL.log(job).text.strip())
    assert temporary.is_relative_to(job.folder.path)
    assert not temporary.exists()


def test_fault_30_stop_saves_and_ends(toys: Toys) -> None:
    job = running(LOCAL, toys.train(OBEYS))
    LOCAL.stop(job)
    LOCAL.stop(job)
    job = ended(LOCAL, job)
    assert job.state is State.STOPPED
    assert (job.folder.checkpoints / "checkpoint").read_text() == "learned so far"
    LOCAL.stop(job)
    assert LOCAL.refresh(job) == job
    gone(job)


def test_fault_30_a_script_that_will_not_stop_is_killed(toys: Toys) -> None:
    job = running(LOCAL, toys.train(REFUSES, stop_seconds=0.5))
    LOCAL.stop(job)
    until(lambda: LOCAL.refresh(job).state is State.STOPPING, "Stopping")
    assert ended(LOCAL, job).state is State.STOPPED
    gone(job)


def test_fault_30_stop_while_pending(toys: Toys) -> None:
    """The worker needs a moment to come up; a stop in that moment is not lost, and the script never starts."""
    job = toys.train(RUNS)
    worker_of(job).suspend()
    assert LOCAL.refresh(job).state is State.PENDING
    LOCAL.stop(job)
    worker_of(job).resume()
    assert ended(LOCAL, job).state is State.STOPPED
    assert "running" not in LOCAL.log(job).text


def test_fault_30_sigterm_to_the_worker_is_a_stop(toys: Toys) -> None:
    job = running(LOCAL, toys.train(OBEYS))
    worker_of(job).terminate()
    assert ended(LOCAL, job).state is State.STOPPED
    assert (job.folder.checkpoints / "checkpoint").exists()


def test_a_stop_that_comes_too_late_changes_nothing(toys: Toys) -> None:
    job = ended(LOCAL, toys.train(MODEL))
    assert job.state is State.COMPLETED
    assert job.folder.artifact.is_file()
    LOCAL.stop(job)
    assert not job.folder.stop_request.exists()
    assert LOCAL.refresh(job) == job


def test_a_dataset_that_is_not_there_is_refused_before_there_is_a_job(home: Path) -> None:
    with pytest.raises(NotFound):
        LOCAL.train(TrainingSpec("x", "no-such", "v1", {}))
    assert jobs.listing() == []


def test_fault_20_a_hyperparameter_that_cannot_run_is_refused_before_there_is_a_job(
    toys: Toys,
) -> None:
    with pytest.raises(UserError) as refusal:
        LOCAL.train(replace(toys.spec(), hyperparameters={"lr": "-1"}))
    assert refusal.value.field == "lr"
    assert jobs.listing() == []


def test_a_dataset_that_goes_before_its_job_begins_fails_the_job(toys: Toys) -> None:
    job = toys.train(MODEL)
    worker_of(job).suspend()
    store.move_to_bin(toys.version.dataset_id)
    worker_of(job).resume()
    job = ended(LOCAL, job)
    assert job.state is State.FAILED
    assert toys.version.dataset_id in job.status.reason


def test_fault_37_two_sessions_submit_stop_and_list_at_once(toys: Toys) -> None:
    """Twenty threads: five specs, each submitted by two sessions at the same moment, while others stop and list."""
    toys.script(OBEYS)
    specs = [toys.spec(f"Toy {number}") for number in range(5)]
    found: list[jobs.Job | jobs.Unreadable] = []

    def watch(_: int) -> None:
        for _ in range(40):
            found.extend(jobs.listing())
            for job in jobs.readable():
                LOCAL.refresh(job)

    def stop(spec: TrainingSpec) -> None:
        until(lambda: any(job.id == spec.id for job in jobs.readable()), spec.id)
        LOCAL.stop(jobs.read(spec.id))

    with ThreadPoolExecutor(20) as pool:
        made = [pool.submit(LOCAL.train, spec) for spec in specs * 2]
        watching = [pool.submit(watch, number) for number in range(5)]
        stopping = [pool.submit(stop, spec) for spec in specs]
        ids = {future.result().id for future in made}
        for future in watching + stopping:
            future.result()
    assert ids == {spec.id for spec in specs}
    assert not [item for item in found if isinstance(item, jobs.Unreadable)], (
        "nobody ever sees a job that is half made"
    )
    assert {job.id for job in jobs.readable()} == ids
    for spec in specs:
        job = ended(LOCAL, jobs.read(spec.id))
        assert job.state is State.STOPPED
        assert LOCAL.log(job).text.count("running") <= 1, "one job, one trainer"
        gone(job)


def test_fault_38_out_of_memory_on_a_gpu_is_passed_on_in_words(toys: Toys) -> None:
    job = ended(
        LOCAL,
        toys.train(EXPLAINS.format(reason="Out of memory: use a lower batch size (batch_size).")),
    )
    assert job.state is State.FAILED
    assert "lower batch size" in job.status.reason


def test_fault_53_a_secret_of_the_app_reaches_no_job(
    toys: Toys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "HF_TOKEN",
        "SM_HP_SECRET",
        "PYTHONSTARTUP",
    ):
        monkeypatch.setenv(name, CANARY)
    job = running(LOCAL, toys.train("import os\nprint(dict(os.environ), flush=True)\n" + RUNS))
    for process in (worker_of(job), trainer_of(job)):
        assert CANARY not in str(process.environ())
        assert CANARY not in str(process.cmdline())
    assert "FIELDMARK_HOME" not in trainer_of(job).environ(), (
        "the script is told its channels and nothing about us"
    )
    LOCAL.stop(job)
    ended(LOCAL, job)
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if CANARY.encode() in path.read_bytes()]


APP = f"""
import json, signal, sys, time
# Whoever runs the tests in the background has them ignore it, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from core.backends import LOCAL
from core.backends.local import backend
from core.jobs.specs import TrainingSpec
backend.WORKER = {toy_worker.__name__!r}
print(LOCAL.train(TrainingSpec(**json.loads(sys.argv[1]))).id, flush=True)
time.sleep(86_400)
"""


def ctrl_c(app: subprocess.Popen[str]) -> None:
    """As a terminal sends it: to the whole group in the foreground."""
    os.killpg(app.pid, signal.SIGINT)


@pytest.mark.parametrize("end", [subprocess.Popen.kill, ctrl_c])
def test_fault_25_a_job_outlives_its_app(
    toys: Toys, end: Callable[[subprocess.Popen[str]], None]
) -> None:
    toys.waiting("print('done', flush=True)\n" + MODEL)
    spec = json.dumps(asdict(toys.spec()))
    app = subprocess.Popen(
        [sys.executable, "-c", APP, spec],
        cwd=settings.PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert app.stdout
    job = running(LOCAL, jobs.read(app.stdout.readline().strip()))
    end(app)
    app.communicate(timeout=300)
    assert LOCAL.refresh(job).state is State.IN_PROGRESS
    toys.go.touch()
    assert ended(LOCAL, job).state is State.COMPLETED
    assert "done" in LOCAL.log(job).text


@pytest.fixture(params=['a\'b "c"', "$(id);d\\e", "größer 鳥"])
def strange_home(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    path = tmp_path / request.param
    monkeypatch.setenv("FIELDMARK_HOME", str(path))
    yield path
    kill_processes_of(path)


def test_fault_09_a_home_with_any_name_runs_jobs(strange_home: Path, toys: Toys) -> None:
    job = ended(LOCAL, toys.train(MODEL))
    assert job.folder.path.is_relative_to(strange_home)
    assert job.state is State.COMPLETED, job.status.reason
