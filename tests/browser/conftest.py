"""The real app in a real browser: `streamlit run app.py` on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from core import settings
from tests.conftest import kill_processes_of
from tests.patience import PATIENCE

# What the app itself keeps in its home.
KEPT = ("warm.sock", "warm.log")


@dataclass
class App:
    """A running app over one FIELDMARK_HOME; it can be killed and started again, as a person's machine would do it."""

    home: Path
    log: Path
    roots: str = ""
    options: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {
            **os.environ,
            settings.ENV_HOME: str(self.home),
            settings.ENV_IMPORT_ROOTS: self.roots or str(self.home),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    settings.python(),
                    "-m",
                    "streamlit",
                    "run",
                    "app.py",
                    "--server.headless=true",
                    f"--server.port={self.port}",
                    *self.options,
                ],
                cwd=settings.PROJECT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def ensure(self) -> None:
        """Has it answering: started again where a test has ended it, or where it is about to end."""
        try:
            urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=60).close()
        except urllib.error.HTTPError:
            return  # it refuses, so it runs
        except OSError:
            self.stop()
            self.start()

    def pids(self) -> set[int]:
        """Return the app's process and its children, the warm ones; empty if it has exited."""
        assert self.process
        if self.process.poll() is not None:
            return set()
        return {
            self.process.pid,
            *(child.pid for child in psutil.Process(self.process.pid).children()),
        }

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=10):
                    return
            except urllib.error.HTTPError:
                return  # it refuses, so it runs
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the app did not start:\n{self.log.read_text()}")


@pytest.fixture(scope="session")
def running_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One app for all tests: starting one takes longer than most of them. It may import what tests make, and the real photos."""
    folder = tmp_path_factory.mktemp("app")
    roots = filter(None, [str(tmp_path_factory.getbasetemp()), os.environ.get("FIELDMARK_BIRDS")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(settings.ENV_PREPARE, "0")
        made = App(folder / "home", folder / "app.log", roots=os.pathsep.join(roots))
        made.home.mkdir()
        made.start()
    yield made
    made.stop()
    kill_processes_of(made.home)


@pytest.fixture
def home(running_app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The app's home, empty. What a test started in it is killed and what it left there is removed, but for the app itself."""
    monkeypatch.setenv(settings.ENV_HOME, str(running_app.home))
    monkeypatch.delenv(settings.ENV_IMPORT_ROOTS, raising=False)
    monkeypatch.setenv(settings.ENV_PREPARE, "0")
    yield running_app.home
    kill_processes_of(running_app.home, but=running_app.pids())
    for path in running_app.home.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in KEPT:
            path.unlink()


@pytest.fixture
def app(running_app: App, home: Path) -> App:
    """The app over a home with nothing in it; started again where the test before has ended it."""
    running_app.ensure()
    return running_app
