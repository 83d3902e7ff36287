"""Short tasks: a script run forked from the warm process, or without one, ends in the same way; and it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core import settings
from core.backends import LOCAL
from core.errors import BackendError
from core.jobs import prefork, processes, tasks
from tests.backends.watching import until

LIGHT = """
from core.jobs import prefork as warm
warm.HEAVY, warm.OURS, warm.OPTIONAL = (), (), ()
warm.ANSWER_SECONDS = 60.0
warm.serve()
"""
SAYS = """
import os, sys
from pathlib import Path
Path(sys.argv[1]).write_text(f"{os.getppid()} {os.environ.get('AWS_SECRET_ACCESS_KEY')} {os.getcwd()} {sys.argv[2:]}")
"""


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scripts"
    folder.mkdir()
    monkeypatch.setattr(settings, "SM_SCRIPTS", folder)
    return folder


@pytest.fixture(params=["cold", "warm"])
def parent(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    """The pid that a task's process has as its parent: ours, or a warm process's that has imported nothing heavy.

    With all the patience in the world: a machine that stands still for some seconds would have the task run without it.
    """
    monkeypatch.setattr(prefork, "ANSWER_SECONDS", 60.0)
    if request.param == "cold":
        yield os.getpid()
        return
    process = subprocess.Popen(
        [sys.executable, "-c", LIGHT],
        cwd=settings.home(),
        env=processes.worker_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    until(prefork.socket_path().exists, "the warm process")
    yield process.pid
    LOCAL.cool_down(process)


def test_a_task_runs_by_itself_and_sees_no_secret(
    scripts: Path, parent: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    (scripts / "says.py").write_text(SAYS)
    tasks.run("says", [str(tmp_path / "said"), "--label", "Wren, or 'so'"])
    assert (
        tmp_path / "said"
    ).read_text() == f"{parent} None {scripts} ['--label', \"Wren, or 'so'\"]"


def test_a_task_that_fails_says_why_in_its_last_line(scripts: Path, parent: int) -> None:
    (scripts / "fails.py").write_text(
        "print('beginning')\nraise SystemExit('The photo has no bird.')"
    )
    (scripts / "breaks.py").write_text("raise ValueError('no cats')")
    (scripts / "silent.py").write_text("raise SystemExit(3)")
    for name, reason in (
        ("fails", r"^The photo has no bird\.$"),
        ("breaks", "no cats"),
        ("silent", "code 3"),
    ):
        with pytest.raises(BackendError, match=reason):
            tasks.run(name, [])


def test_a_task_that_hangs_is_ended(scripts: Path, parent: int, tmp_path: Path) -> None:
    (scripts / "hangs.py").write_text(
        "import os, sys, time\nopen(sys.argv[1], 'w').write(str(os.getpid()))\ntime.sleep(86_400)"
    )
    seconds = 1
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        seconds *= 2
        with pytest.raises(BackendError, match=f"longer than {seconds} seconds"):
            tasks.run("hangs", [str(tmp_path / "pid")], seconds=seconds)
    until(lambda: not psutil.pid_exists(int((tmp_path / "pid").read_text())), "the end of the task")


def test_a_task_that_is_killed_is_told_from_one_that_failed(scripts: Path, parent: int) -> None:
    (scripts / "dies.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(BackendError, match="was killed"):
        tasks.run("dies", [])


def test_one_task_at_a_time(scripts: Path, parent: int, tmp_path: Path) -> None:
    (scripts / "slow.py").write_text(
        "import sys, time\nopen(sys.argv[1], 'a').write('[')\ntime.sleep(0.3)\nopen(sys.argv[1], 'a').write(']')"
    )
    threads = [
        threading.Thread(target=tasks.run, args=("slow", [str(tmp_path / "turns")]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "turns").read_text() == "[][][]"
    (scripts / "long.py").write_text(
        "import os, sys, time\nopen(sys.argv[1], 'w').close()\nwhile os.path.exists(sys.argv[1]): time.sleep(0.05)"
    )
    first = threading.Thread(target=tasks.run, args=("long", [str(tmp_path / "begun")]))
    first.start()
    until((tmp_path / "begun").exists, "its beginning")
    with pytest.raises(BackendError, match="busy"):
        tasks.run("slow", [str(tmp_path / "turns")], seconds=0.5)
    (tmp_path / "begun").unlink()
    first.join()


def test_an_end_that_is_told_with_the_beginning_is_read_as_both(home: Path, tmp_path: Path) -> None:
    """What ends at once on a busy machine: both answers are there before the first is read. It must not run a second time."""
    with socket.socket(socket.AF_UNIX) as listener:
        prefork.socket_path().parent.mkdir(parents=True, exist_ok=True)
        listener.bind(str(prefork.socket_path()))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(prefork.MAX_REQUEST)
                connection.sendall(b'{"pid": 7}\n{"code": 3}\n')

        thread = threading.Thread(target=answer)
        thread.start()
        code = prefork.run_script(tmp_path / "any.py", [], {}, tmp_path / "log.txt", 5.0)
        thread.join()
    assert code == 3


def test_a_warm_process_that_has_died_is_done_without(
    scripts: Path, home: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LIGHT],
        cwd=settings.home(),
        env=processes.worker_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    until(prefork.socket_path().exists, "the warm process")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert prefork.socket_path().exists()
    (scripts / "says.py").write_text(SAYS)
    tasks.run("says", [str(tmp_path / "said")])
    assert (tmp_path / "said").read_text().startswith(str(os.getpid()))
