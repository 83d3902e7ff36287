"""The pre-started process: workers and trainers forked from it behave as those that were started, and nothing depends on it.

Most tests use one that has imported nothing heavy, and training scripts of a few lines: it is the forking that is tested here.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core import settings
from core.backends import LOCAL
from core.backends.local import backend as local_backend
from core.datasets import store
from core.jobs import locks, prefork, processes
from core.jobs import store as jobs
from core.jobs.store import Job, State
from tests.backends import toy_worker
from tests.backends.conftest import Toys, toy_version
from tests.backends.scripts import MODEL, OBEYS, REFUSES, RUNS
from tests.backends.watching import ended, gone, running, trainer_of, until, worker_of
from tests.conftest import CANARY, kill_processes_of
from tests.patience import PATIENCE

# A warm process in all but what takes its time: it says that it has torch, so that trainers are forked from workers as well.
LIGHT = """
import sys, types
from core.jobs import prefork as warm
from tests.backends import toy_worker
toy_worker.prepare()
sys.modules["torch"] = types.ModuleType("torch")
warm.HEAVY, warm.OPTIONAL = (), ()
warm.serve()
"""
APP = f"""
import subprocess, sys, time
from core.backends import LOCAL
from core.backends.local import backend
from core.jobs import processes, prefork as warm
from core.jobs.specs import TrainingSpec
backend.WORKER = {toy_worker.__name__!r}
held = subprocess.Popen([sys.executable, "-c", {LIGHT!r}], env=processes.worker_environment(), stdin=subprocess.PIPE,
                        stdout=subprocess.DEVNULL, start_new_session=True)
while not warm.socket_path().exists():
    time.sleep(0.01)
job = LOCAL.train(TrainingSpec("Toy", sys.argv[1], "v1", {{}}))
print(held.pid, job.id, flush=True)
time.sleep(600)
"""
# Everything about a process that a training script could notice, except its pid.
FACTS = """
import json, os, sys
from fieldmark_ml import architectures
facts = {
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "arguments": sys.argv[1:],
    "name": __name__,
    "file": os.path.realpath(__file__),
    "input": sys.stdin.read(),
    "path": [entry for entry in sys.path if entry],
    "first": os.path.realpath(sys.path[0]),
    "sibling": os.path.realpath(architectures.__file__),
    "open": sorted(os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)),
    "locks": [number for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")
              and os.readlink(f"/proc/self/fd/{number}").endswith("/lock")],
}
print("FACTS", json.dumps(facts), flush=True)
"""


def facts_of(job: Job) -> dict[str, Any]:
    (line,) = [line for line in LOCAL.log(job).text.splitlines() if line.startswith("FACTS")]
    # Only the id differs between two jobs.
    return dict(json.loads(line.removeprefix("FACTS ").replace(job.id, "ID")))


def forked_by(pid: int | None, process: subprocess.Popen[bytes]) -> bool:
    return psutil.Process(pid).ppid() == process.pid


Warm = subprocess.Popen[bytes]
Start = Callable[[], Warm]


def started(program: str = LIGHT) -> Warm:
    """A light warm process that takes jobs."""
    before = prefork.socket_path().stat().st_ino if prefork.socket_path().exists() else 0
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=processes.worker_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(
        lambda: prefork.socket_path().exists() and prefork.socket_path().stat().st_ino != before,
        "the warm process",
    )
    return process


@pytest.fixture
def warm_toys(version: store.Version, monkeypatch: pytest.MonkeyPatch) -> Toys:
    """Toys in a home of their own that go through a warm process where there is one."""
    monkeypatch.setattr(local_backend, "WORKER", toy_worker.__name__)
    toys = Toys(version)
    toys.script("pass")
    return toys


@pytest.fixture
def start(warm_toys: Toys) -> Iterator[Start]:
    """Starts a light warm process; afterwards each has to end by itself."""
    made: list[Warm] = []

    def make() -> Warm:
        made.append(started())
        return made[-1]

    yield make
    for process in made:
        if process.poll() is None:
            LOCAL.cool_down(process)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warm process that a busy machine lets wait is not given up for one that is gone."""
    monkeypatch.setattr(prefork, "ANSWER_SECONDS", PATIENCE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Toys, Warm]]:
    """One light warm process for all tests that do it no harm.

    Its workers give a script five seconds to stop, which a busy machine may need.
    """
    home = tmp_path_factory.mktemp("light") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(home))
        patch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        toys = Toys(toy_version(home))
        toys.script("pass", stop_seconds=5)
        process = started()
        yield home, toys, process
        patch.setenv("FIELDMARK_HOME", str(home))
        LOCAL.cool_down(process)
        assert not prefork.socket_path().exists()
    kill_processes_of(home)


@pytest.fixture
def process(shared: tuple[Path, Toys, Warm]) -> Warm:
    return shared[2]


@pytest.fixture
def toys(shared: tuple[Path, Toys, Warm], monkeypatch: pytest.MonkeyPatch) -> Toys:
    """Toys that go through the shared warm process."""
    monkeypatch.setenv("FIELDMARK_HOME", str(shared[0]))
    monkeypatch.setattr(local_backend, "WORKER", toy_worker.__name__)
    return shared[1]


def test_a_forked_trainer_cannot_tell_that_it_was_not_started(
    toys: Toys, process: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, folder, arguments, input, output and modules of both, compared; and no secret in either."""
    # The warm process has imported ours of that name already.
    (toys.folder / "fieldmark_ml").mkdir()
    (toys.folder / "fieldmark_ml" / "architectures.py").write_text("")
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        patch.setattr(prefork, "fork_worker", lambda folder, lock: None)
        cold = ended(LOCAL, toys.train(FACTS + MODEL))
    forked = toys.train(FACTS + MODEL)
    assert forked_by(forked.status.pid, process)
    forked = ended(LOCAL, forked)
    assert cold.state is forked.state is State.COMPLETED, forked.status.reason
    found = facts_of(forked)
    assert found == facts_of(cold)
    assert str(settings.PROJECT) not in list(found["path"])
    assert found["locks"] == []
    assert CANARY not in str(found)


def test_the_worker_of_a_forked_job_works_in_its_folder_and_leads_its_session(
    toys: Toys, process: Warm
) -> None:
    job = running(LOCAL, toys.train(RUNS))
    worker = worker_of(job)
    assert forked_by(worker.pid, process)
    assert Path(worker.cwd()) == job.folder.path
    assert os.getsid(worker.pid) == os.getsid(trainer_of(job).pid) == worker.pid
    LOCAL.stop(job)
    ended(LOCAL, job)


@pytest.mark.parametrize(
    ("script", "code"),
    [("raise SystemExit(3)", 3), ("exit('no cats')", 1), ("raise ValueError('no cats')", 1)],
)
def test_a_forked_trainer_that_fails(toys: Toys, process: Warm, script: str, code: int) -> None:
    job = ended(LOCAL, toys.train(script))
    assert job.state is State.FAILED
    assert f"code {code}" in job.status.reason
    assert code == 3 or "no cats" in job.status.reason


def test_a_process_with_a_second_thread_is_not_forked(
    warm_toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that thread holds at the fork would stay locked for ever: the job is started without the fork."""
    busy = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    process = started(LIGHT.replace("warm.serve()", busy + "warm.serve()"))
    job = warm_toys.train(MODEL)
    assert not forked_by(job.status.pid, process)
    assert ended(LOCAL, job).state is State.COMPLETED
    LOCAL.cool_down(process)


def test_fault_30_a_forked_trainer_stops(toys: Toys, process: Warm) -> None:
    job = running(LOCAL, toys.train(OBEYS))
    LOCAL.stop(job)
    job = ended(LOCAL, job)
    assert job.state is State.STOPPED
    assert (job.folder.checkpoints / "checkpoint").exists()
    gone(job)


def test_fault_30_a_forked_worker_passes_sigterm_on_and_kills_what_does_not_obey(
    toys: Toys, process: Warm
) -> None:
    job = running(LOCAL, toys.train(REFUSES))
    worker_of(job).terminate()
    assert ended(LOCAL, job).state is State.STOPPED
    gone(job)


def test_fault_26_a_forked_trainer_that_is_killed(toys: Toys, process: Warm) -> None:
    job = running(LOCAL, toys.train(RUNS))
    trainer_of(job).kill()
    assert "killed by signal 9" in ended(LOCAL, job).status.reason


def test_fault_27_a_forked_worker_that_is_killed_takes_its_trainer_with_it(
    toys: Toys, process: Warm
) -> None:
    """The trainer is a copy of its worker and must not hold the lock that says the job is alive."""
    job = running(LOCAL, toys.train(RUNS))
    worker_of(job).kill()
    until(lambda: not locks.is_locked(job.folder.lock), "the lock is free")
    assert LOCAL.refresh(job).state is State.FAILED
    gone(job)
    assert process.poll() is None
    until(lambda: not psutil.Process(process.pid).children(), "no dead worker is kept")


def test_clients_that_say_nothing_or_nonsense_hold_nobody_up(toys: Toys, process: Warm) -> None:
    silent, rude = (socket.socket(socket.AF_UNIX) for _ in range(2))
    with silent, rude:
        silent.connect(str(prefork.socket_path()))
        rude.connect(str(prefork.socket_path()))
        rude.sendall(b"{not json")
        job = toys.train(MODEL)
        assert forked_by(job.status.pid, process)
    assert ended(LOCAL, job).state is State.COMPLETED
    until(lambda: not psutil.Process(process.pid).children(), "the forks that talked to them")


def test_a_warm_process_that_answers_too_late_makes_no_second_worker(
    toys: Toys, process: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefork, "ANSWER_SECONDS", 0.3)
    process.send_signal(signal.SIGSTOP)
    job = toys.train(RUNS)
    process.send_signal(signal.SIGCONT)
    assert not forked_by(job.status.pid, process)
    job = running(LOCAL, job)
    until(lambda: not psutil.Process(process.pid).children(), "the fork that came too late")
    assert LOCAL.log(job).text.count("running") == 1
    LOCAL.stop(job)
    ended(LOCAL, job)


def test_forking_is_quick(toys: Toys, process: Warm) -> None:
    toys.script("print('running', flush=True)\n" + MODEL)
    begun = time.monotonic()
    job = LOCAL.train(toys.spec())
    until(lambda: "running" in LOCAL.log(job).text, "the first line")
    print(
        f"\nfrom submission to the script's first line, forked, nothing imported: {time.monotonic() - begun:.3f} s"
    )
    ended(LOCAL, job)


def test_fault_25_the_app_is_killed_and_the_warm_process_ends_and_the_job_goes_on(
    warm_toys: Toys,
) -> None:
    warm_toys.waiting(MODEL)
    app = subprocess.Popen(
        [sys.executable, "-c", APP, warm_toys.version.dataset_id],
        cwd=settings.PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert app.stdout
    pid, job_id = app.stdout.readline().split()
    job = running(LOCAL, jobs.read(job_id))
    assert worker_of(job).ppid() == int(pid)
    app.kill()
    app.communicate()
    until(
        lambda: not processes.is_same(int(pid), processes.created(int(pid))),
        "the end of the warm process",
    )
    assert not prefork.socket_path().exists()
    assert LOCAL.refresh(job).state is State.IN_PROGRESS
    warm_toys.go.touch()
    assert ended(LOCAL, job).state is State.COMPLETED


def test_without_a_warm_process_jobs_are_started(warm_toys: Toys) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(prefork.socket_path()))
    assert prefork.socket_path().exists(), "as a killed warm process leaves it"
    assert ended(LOCAL, warm_toys.train(MODEL)).state is State.COMPLETED


def test_a_home_whose_path_is_too_long_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    home = tmp_path / "home" / ("long-" * 20) / ("name-" * 20)
    monkeypatch.setenv("FIELDMARK_HOME", str(home))
    process = request.getfixturevalue("start")()
    assert prefork.socket_path().parent == Path(tempfile.gettempdir())
    toys: Toys = request.getfixturevalue("warm_toys")
    job = toys.train(MODEL)
    assert forked_by(job.status.pid, process)
    assert ended(LOCAL, job).state is State.COMPLETED
    LOCAL.cool_down(process)
    assert not prefork.socket_path().exists()


def test_two_apps_over_one_home(warm_toys: Toys, start: Start) -> None:
    first, second = start(), start()
    job = warm_toys.train(MODEL)
    assert forked_by(job.status.pid, second)
    LOCAL.cool_down(first)
    assert prefork.socket_path().exists(), "the second one's is left alone"
    again = LOCAL.train(warm_toys.spec())
    assert forked_by(again.status.pid, second)
    LOCAL.cool_down(second)
    assert not prefork.socket_path().exists()
    assert [ended(LOCAL, job).state for job in (job, again)] == [State.COMPLETED] * 2


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make a file that belongs to somebody else"
)
def test_a_socket_that_belongs_to_somebody_else_is_not_talked_to(
    warm_toys: Toys, start: Start
) -> None:
    process = start()
    os.chown(prefork.socket_path(), 12345, 12345)
    job = warm_toys.train(MODEL)
    assert not forked_by(job.status.pid, process)
    assert ended(LOCAL, job).state is State.COMPLETED
