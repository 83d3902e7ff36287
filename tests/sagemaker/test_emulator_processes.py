"""Nothing outlives the emulator: not when it is ended, and not when it or the test run is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core import settings
from tests.sagemaker import asking
from tests.sagemaker.emulator.container import Container, Layout, why_no_mounts

# Leaves a daemon behind that has forked twice and has a session of its own, as a careless script would.
STRAY = "(setsid sh -c 'sleep 987654 & wait' &) ; echo up; sleep 987654"
OWNER = """
import sys, time
from pathlib import Path
from tests.sagemaker.emulator.container import Container, Layout
one = Container(["sh", "-c", sys.argv[2]], Layout(Path(sys.argv[1])), {})
print(next(one.lines()), one.pid, flush=True)
time.sleep(1000)
"""
STARTER = """
import sys, time
from pathlib import Path
from tests.sagemaker import asking
with asking.running(Path(sys.argv[1])) as emulator:
    print(emulator.process.pid, flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    folder = tmp_path / "ml"
    folder.mkdir()
    return folder


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes
    )


def sleeping(pid: int) -> list[psutil.Process]:
    """Return the two that sleep, once both do."""

    def found() -> list[psutil.Process] | None:
        running = [process for process in below(pid) if process.name() == "sleep"]
        return below(pid) if len(running) == 2 else None

    return asking.wait_for(found, "two sleeping processes")


def test_a_killed_container_takes_its_strays_along(ml: Path) -> None:
    one = Container(["sh", "-c", STRAY], Layout(ml), {})
    assert next(one.lines()) == "up"
    members = sleeping(one.pid)
    one.kill()
    assert one.wait() == 128 + signal.SIGKILL
    assert gone(members)


def test_a_container_that_ignores_sigterm_is_killed_after_its_grace_time(ml: Path) -> None:
    one = Container(
        ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"], Layout(ml), {}, grace=0.5
    )
    lines = one.lines()
    assert next(lines) == "up"
    members = below(one.pid)
    one.terminate()
    assert list(lines) == []
    assert one.wait() == 128 + signal.SIGKILL
    assert gone(members)


def test_sigkill_of_the_owner_leaves_no_orphan(ml: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(ml), STRAY],
        cwd=settings.PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    word, pid = owner.stdout.readline().split()
    assert word == "up"
    members = [psutil.Process(int(pid)), *sleeping(int(pid))]
    owner.kill()
    owner.wait()
    asking.wait_for(lambda: gone(members), "the end of everything")


def test_an_emulator_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        cwd=settings.PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    emulator = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.wait()
    asking.wait_for(lambda: gone([emulator]), "the emulator's end")


@pytest.mark.skipif(bool(why_no_mounts()), reason="needs Linux namespaces")
def test_a_container_sees_opt_ml_and_the_machine_does_not(ml: Path) -> None:
    (ml / "given.txt").write_text("given")
    before = Path("/opt/ml").exists(), sorted(Path("/opt").iterdir())
    one = Container(
        ["sh", "-c", "cat /opt/ml/given.txt; ls /opt; echo made > /opt/ml/made.txt"], Layout(ml), {}
    )
    said = list(one.lines())
    assert one.wait() == 0
    assert "given" in said[0]
    assert {path.name for path in before[1]} <= {"".join(said[0].split("given")), *said[1:]} | {
        "ml"
    }
    assert (ml / "made.txt").read_text() == "made\n"
    assert (Path("/opt/ml").exists(), sorted(Path("/opt").iterdir())) == before


def test_a_missing_namespace_is_said_and_not_ignored(
    ml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.sagemaker.emulator.container.why_no_mounts", lambda: "not on this machine"
    )
    with pytest.raises(OSError, match="not on this machine"):
        Container(["true"], Layout(ml, isolated=True), {})
    one = Container(["sh", "-c", "pwd; echo $WHERE"], Layout(ml), {"WHERE": "/opt/ml/model"})
    assert list(one.lines()) == [str(ml), f"{ml}/model"]
