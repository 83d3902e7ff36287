"""TorchServe 0.12 with sagemaker-pytorch-inference's handler, as AWS's PyTorch container runs it,
serving one of our models.

Its environment is made once under build/ and sees the project's own torch, so that both sides
compute with the same build.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks import harness
from core import settings
from core.backends.local.endpoints import client
from core.jobs import processes

# setuptools 65 still brings pkg_resources, which the toolkit imports.
PACKAGES = (
    "setuptools==65.5.1",
    "torchserve==0.12.0",
    "sagemaker-inference==1.10.1",
    "sagemaker-pytorch-inference==2.0.25",
)
FOLDER = settings.PROJECT / "build" / "torchserve"
HERE = Path(__file__).parent
START_SECONDS = 180


class Missing(Exception):
    """The peer cannot run on this machine; the message says why."""


def environment() -> Path:
    """Return the interpreter of the peer's environment, made on first use. Raises Missing."""
    if not shutil.which("java"):
        raise Missing(
            "TorchServe needs Java, and there is none on this machine (on Debian: apt install "
            "openjdk-17-jre-headless)"
        )
    python, done = FOLDER / "bin" / "python", FOLDER / "packages.txt"
    if done.exists() and done.read_text() == "\n".join(PACKAGES):
        return python
    print("  making the peer's environment ...", file=sys.stderr, flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", str(FOLDER)], check=True, capture_output=True, text=True
        )
        site = next(FOLDER.glob("lib/python*/site-packages"))
        (site / "project.pth").write_text(f"{Path(sysconfig.get_path('purelib'))}\n")
        install = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *PACKAGES,
        ]
        subprocess.run(install, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise Missing(
            f"its packages can't be installed: {(error.stderr or '').strip()[-300:]}"
        ) from error
    done.write_text("\n".join(PACKAGES))
    return python


@contextmanager
def serving(model: Path, work: Path, *, workers: int, threads: int) -> Iterator[str]:
    """The URL of a TorchServe that serves the folder `model` (model.pth and code/inference.py) in
    `workers` processes of `threads`.
    """
    base = work / "ml"
    shutil.copytree(model, base / "model")
    python = environment()
    port, management = _free_port(), _free_port()
    env = processes.clean_environment(
        {
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "TEMP": str(work),
            "LOG_LOCATION": str(work / "logs"),
            "METRICS_LOCATION": str(work / "logs"),
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{management}-{management}",
            "SAGEMAKER_MODEL_SERVER_WORKERS": str(workers),
            "OMP_NUM_THREADS": str(threads),
        }
    )
    with (work / "server.log").open("wb") as log:
        command = [str(python), str(HERE / "torchserve_launch.py")]
        server = subprocess.Popen(
            command, cwd=work, env=env, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(server, port, work / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(server, work)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a photo is answered, because /ping says Healthy before the workers have loaded the
    model."""
    from core.backends.local.endpoints.server import smoke_image

    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            status, _ = client.Connection(f"http://127.0.0.1:{port}", 60).post(
                smoke_image(), "image/jpeg"
            )
            if status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.5)
    raise harness.BenchmarkError(
        f"TorchServe did not come up:\n{log.read_text(errors='replace')[-2000:]}"
    )


def _end(server: subprocess.Popen[bytes], work: Path) -> None:
    """The launcher, Java and its workers all run in `work`; only processes in that folder are
    ended."""
    processes.kill(
        [process for process in psutil.process_iter() if _works_in(process, work)], patience=10
    )
    server.wait(10)


def _works_in(process: psutil.Process, work: Path) -> bool:
    try:
        return process.pid != os.getpid() and Path(process.cwd()).is_relative_to(work)
    except (psutil.Error, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
