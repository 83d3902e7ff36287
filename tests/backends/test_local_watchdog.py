"""Jobs that hang are found, said to, started again, ended and stopped; jobs that are slow or wait are left alone.

Real processes that are really silent, by the real worker with less patience.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.jobs import store as jobs
from core.jobs import watchdog
from core.jobs.store import Job, State
from tests.backends.conftest import Toys
from tests.backends.scripts import MODEL, REFUSES, RUNS
from tests.backends.watching import ended, gone, running, trainer_of, until, worker_of

HANGS = "import time\nprint('[phase] features', flush=True)\nprint('running', flush=True)\ntime.sleep(600)\n"
HANGS_ONCE = (
    """
import pathlib, sys, time
tried = pathlib.Path(sys.argv[sys.argv.index('--checkpoint_dir') + 1], 'tried')
if not tried.exists():
    tried.touch()
    time.sleep(600)
"""
    + MODEL
)
SLOW = (
    """
import time
begun = time.monotonic()
while time.monotonic() - begun < 8:
    until = time.process_time() + 0.04
    while time.process_time() < until:
        pass
    time.sleep(0.3)
"""
    + MODEL
)
WAITS = "import time\nprint('[phase] waiting of={job}', flush=True)\nprint('running', flush=True)\ntime.sleep(600)\n"
SAVES_LONG = """
import pathlib, signal, sys, time
def stop(*_):
    print('[phase] stopping', flush=True)
    until = time.monotonic() + 8
    while time.monotonic() < until:
        pass
    pathlib.Path(sys.argv[sys.argv.index('--checkpoint_dir') + 1], 'checkpoint').write_text('learned so far')
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print('running', flush=True)
time.sleep(600)
"""
IMPATIENT = {"silent_seconds": 3.0, "silent_said_seconds": 1.0}


def seconds_to_stop(job: Job) -> float:
    begun = time.monotonic()
    LOCAL.stop(job)
    assert ended(LOCAL, job).state is State.STOPPED
    return time.monotonic() - begun


def test_a_script_that_hangs_is_said_to_started_again_once_and_ended(toys: Toys) -> None:
    job = running(LOCAL, toys.train(HANGS, **IMPATIENT))
    until(lambda: LOCAL.refresh(job).status.progress.get("silent"), "the page says so")
    said = LOCAL.refresh(job).status.progress
    assert said["phase"] == "Extracting features"
    assert "No sign of life" in said["silent"]
    assert "Extracting features" in said["silent"]
    job = ended(LOCAL, job)
    assert job.state is State.FAILED
    assert "no sign of life for 3 seconds (Extracting features)" in job.status.reason
    assert "Resume" in job.status.reason
    assert "silent" not in job.status.progress
    assert LOCAL.log(job).text.count("running") == 2
    gone(job)


def test_a_script_that_is_stopped_by_the_system_hangs(toys: Toys) -> None:
    job = running(LOCAL, toys.train(RUNS + MODEL, **IMPATIENT))
    trainer_of(job).send_signal(signal.SIGSTOP)
    until(lambda: "no sign of life" in LOCAL.log(job).text, "it is ended")
    LOCAL.stop(job)
    ended(LOCAL, job)
    gone(job)


def test_a_script_that_hangs_once_goes_on(toys: Toys) -> None:
    job = ended(LOCAL, toys.train(HANGS_ONCE, **IMPATIENT))
    assert job.state is State.COMPLETED, job.status.reason
    assert "no sign of life" in LOCAL.log(job).text


def test_a_slow_script_is_left_alone(toys: Toys) -> None:
    """It says nothing and gets little of a core, as on a machine that has much to do."""
    job = ended(LOCAL, toys.train(SLOW, **IMPATIENT))
    assert job.state is State.COMPLETED, job.status.reason
    assert "no sign of life" not in LOCAL.log(job).text


def test_a_job_that_waits_says_for_which(toys: Toys) -> None:
    first = running(LOCAL, toys.train(RUNS))
    second = running(LOCAL, toys.train(WAITS.format(job=first.id)))
    until(lambda: LOCAL.refresh(second).status.progress.get("waits_for") == first.id, "it says so")
    for job in (first, second):
        LOCAL.stop(job)
        ended(LOCAL, job)
    assert "waits_for" not in jobs.read(second.id).status.progress


@pytest.mark.parametrize("script", [REFUSES, RUNS], ids=["deaf", "stopped by the system"])
def test_a_script_that_hangs_is_stopped_long_before_its_time(toys: Toys, script: str) -> None:
    job = running(LOCAL, toys.train(script))
    if script is RUNS:
        trainer_of(job).send_signal(signal.SIGSTOP)
    seconds = seconds_to_stop(job)
    print(f"\nstopped after {seconds:.2f} s")
    assert seconds < settings.STOP_SECONDS / 2
    gone(job)


def test_a_script_that_says_it_heard_has_time_to_save(toys: Toys) -> None:
    job = running(LOCAL, toys.train(SAVES_LONG))
    assert seconds_to_stop(job) > settings.STOP_SILENT_SECONDS
    assert (job.folder.checkpoints / "checkpoint").exists()


def hung_worker(toys: Toys) -> Job:
    job = running(LOCAL, toys.train(RUNS))
    for process in (trainer_of(job), worker_of(job)):
        process.send_signal(signal.SIGSTOP)
    return job


def test_a_worker_that_hangs_is_stopped_by_whoever_looks(toys: Toys) -> None:
    job = hung_worker(toys)
    seconds = seconds_to_stop(job)
    print(f"\nstopped after {seconds:.2f} s")
    assert "did not respond" in jobs.read(job.id).status.reason
    gone(job)


def test_a_worker_that_hangs_is_failed_by_whoever_looks(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SILENT_WORKER_SECONDS", 3.0)
    monkeypatch.setattr(settings, "SILENT_SAID_SECONDS", 1.0)
    job = hung_worker(toys)
    until(lambda: LOCAL.refresh(job).status.progress.get("silent"), "the page says so")
    job = ended(LOCAL, job)
    assert job.state is State.FAILED
    assert "no sign of life" in job.status.reason
    gone(job)


def test_who_looks_seldom_does_not_take_the_time_between_for_silence(tmp_path: Path) -> None:
    process = watchdog.Watchdog(1, tmp_path / "log")
    process._looked -= 3600
    assert process.look() <= 2 * watchdog.LOOK_SECONDS
