"""The pre-started process: it has imported the libraries for training and forks a worker in
milliseconds, so that a job starts at once.

The app starts it and holds its standard input; it ends with the app, but the workers it forked do
not. Without it, jobs start a few seconds later.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from core import log, settings
from core.io import files
from core.jobs import forks
from core.training import script as scripts

logger = logging.getLogger("core.jobs.prefork")

# Imported before any job, in this order. None of them may leave a thread or touch a GPU, because
# neither survives a fork.
HEAVY = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "pyarrow.csv",
    "PIL.Image",
    "torch",
    "torchvision",
    "timm",
    "safetensors.torch",
    "optuna",
)
OURS = (
    "core.jobs.worker",
    "core.backends.local.training",
    "core.backends.local.tuning",
    "core.backends.local.datasets.importing",
    "core.backends.local.batch.transform",
    "core.backends.local.endpoints.process",
)
OPTIONAL: tuple[Callable[[], object], ...] = (scripts.import_openvino,)
# The networks of this preset are converted in advance; it needs no download.
PREPARED = "fast"
ANSWER_SECONDS = 5.0
PREPARE_SECONDS = 300.0
MAX_REQUEST = 65_536
MAX_SOCKET_PATH = 100

# The lock of a worker that forks other workers from itself; they have to close it.
_forking: dict[str, int] = {}


def socket_path() -> Path:
    """Return the socket in Fieldmark's home or, if that path is too long, in the temporary
    folder."""
    path = settings.home() / "warm.sock"
    if len(str(path).encode()) <= MAX_SOCKET_PATH:
        return path
    return (
        Path(tempfile.gettempdir())
        / f"fieldmark-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock"
    )


def start() -> subprocess.Popen[bytes]:
    """Start the process; it is ready some seconds later. Keep the result: closing its `stdin` ends
    it."""
    from core.jobs import processes

    with (settings.home() / "warm.log").open("wb") as log:
        return subprocess.Popen(
            [settings.python(), "-c", "from core.jobs import prefork; prefork.serve()"],
            cwd=settings.home(),
            env=processes.worker_environment(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def fork_from_here(lock: int) -> None:
    """Warm this worker, whose own lock is `lock`, and make it the one from which `fork_worker`
    forks: a tuning job's trials then start at once, with or without the app."""
    _preload()
    _forking["lock"] = lock


def fork_worker(folder: Path, lock: int) -> int | None:
    """Ask the warm process to fork a worker for this run folder, handing it the lock; return its
    pid, or None without an answer."""
    if _forking:
        return _fork_here(folder, lock) if forks.is_alone() else None
    try:
        path = socket_path()
        if path.stat().st_uid != os.getuid():
            return None
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
            connection.sendall(json.dumps({"folder": str(folder)}).encode())
            pid = int(json.loads(connection.recv(MAX_REQUEST))["pid"])
            # Last, so that a fork that answers too late never becomes a second worker.
            socket.send_fds(connection, [b"go"], [lock])
            return pid
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_script(
    script: Path, arguments: list[str], environment: dict[str, str], log: Path, seconds: float
) -> int | None:
    """Run a script in a fork of the warm process, as `fork_script` does, and wait for it; return
    its exit code, or None without an answer.

    After `seconds` the fork is killed by its own alarm clock, which also rings when nobody waits
    any more. Minus SIGKILL stands for any end without an exit code.
    """
    request = {
        "script": str(script),
        "arguments": arguments,
        "environment": environment,
        "log": str(log),
        "seconds": seconds,
    }
    try:
        path = socket_path()
        if path.stat().st_uid != os.getuid():
            return None
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode())
            # Line by line: the exit code of a script that ends at once arrives before the first
            # answer is read.
            with connection.makefile("rb") as answers:
                json.loads(answers.readline(MAX_REQUEST))
                return _exit_code(connection, answers, seconds + ANSWER_SECONDS)
    except (OSError, ValueError):
        return None


def _exit_code(connection: socket.socket, answers: BinaryIO, seconds: float) -> int:
    connection.settimeout(seconds)
    try:
        return int(json.loads(answers.readline(MAX_REQUEST))["code"])
    except (OSError, ValueError):
        return -signal.SIGKILL


def serve() -> None:
    """Answer requests until standard input closes."""
    log.begin()
    _preload()
    path = socket_path()
    draft = path.with_suffix(f".{os.getpid()}")
    draft.unlink(missing_ok=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(str(draft))
        draft.chmod(0o600)
        listener.listen()
        # The socket takes its place only now, when requests are answered; another app's is replaced
        # atomically.
        os.replace(draft, path)
        ours = path.stat().st_ino
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        print("ready", flush=True)
        if settings.prepares() and forks.is_alone():
            _prepare(listener)
        while not any(key.fd == sys.stdin.fileno() for key, _ in selector.select()):
            _answer(listener)
    # Another app with the same home may have put its own socket there since.
    if path.exists() and path.stat().st_ino == ours:
        path.unlink()


def _prepare(listener: socket.socket) -> None:
    """Convert the networks of PREPARED in a fork that nobody waits for; its output is in
    prepare.log."""
    from core.jobs import processes

    if os.fork():
        return
    code = 1
    try:
        listener.close()
        os.setsid()
        signal.setitimer(signal.ITIMER_REAL, PREPARE_SECONDS)
        arguments = [str(settings.features_dir()), "--preset", PREPARED]
        with files.scratch("prepare") as folder:
            variables = {"SM_CHANNEL_WEIGHTS": str(settings.weights_dir()), "TMPDIR": str(folder)}
            environment = processes.clean_environment({**processes.COMPUTING, **variables})
            script, log = settings.SM_SCRIPTS / "prepare.py", settings.home() / "prepare.log"
            code = forks.run(script, arguments, environment, log)
    except BaseException:
        logger.critical("The fork ended unexpectedly.", exc_info=True)
    finally:
        forks.leave(code)


def _answer(listener: socket.socket) -> None:
    """Fork for each connection; the fork reads the request, so that a silent client blocks nobody.

    If this process has a second thread, it hangs up instead, and the job is started without it.
    """
    connection, _ = listener.accept()
    with connection:
        if forks.is_alone() and not os.fork():
            listener.close()
            _serve_one(connection)


def _serve_one(connection: socket.socket) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        connection.settimeout(ANSWER_SECONDS)
        request = json.loads(connection.recv(MAX_REQUEST))
        connection.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")
        if "script" in request:
            signal.setitimer(signal.ITIMER_REAL, request["seconds"])
            code = forks.run(
                Path(request["script"]),
                request["arguments"],
                request["environment"],
                Path(request["log"]),
            )
            connection.sendall(json.dumps({"code": code}).encode() + b"\n")
        else:
            _, (lock,), _, _ = socket.recv_fds(connection, MAX_REQUEST, 1)
            connection.close()
            code = forks.work(Path(request["folder"]), lock)
    except BaseException:
        logger.critical("The fork ended unexpectedly.", exc_info=True)
    finally:
        forks.leave(code)


def _fork_here(folder: Path, lock: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.close(_forking.pop("lock"))
        os.setsid()
        code = forks.work(folder, lock)
    except BaseException:
        logger.critical("The fork ended unexpectedly.", exc_info=True)
    finally:
        forks.leave(code)


def _preload() -> None:
    for name in (*HEAVY, *OURS):
        importlib.import_module(name)
    for set_up in OPTIONAL:
        try:
            set_up()
        except ImportError as error:
            logger.warning("%s; training works without it.", error)
    _end_threads()
    # Objects so far are excluded from garbage collection: a collection in a fork would copy all
    # their pages.
    gc.collect()
    gc.freeze()


def _end_threads() -> None:
    """End the threads of numpy's OpenBLAS for a fork; they start again at the next large
    product."""
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    if not forks.is_alone():
        logger.warning(
            "A library keeps a thread running, so nothing is forked here and jobs start some "
            "seconds later."
        )
