"""Forks of a process that has torch in memory: a script run, a job's worker, or a separate
computation.

Only a process with one thread is forked: a lock that another thread holds at that moment stays
locked in the fork. With more threads a new interpreter is started instead, which takes some seconds
longer.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import psutil

from core import settings
from core.errors import BackendError, FieldmarkError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Forked:
    """A forked trainer with the methods of subprocess.Popen that a worker uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self, timeout: float) -> int:
        until = time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("train.py", timeout)
            time.sleep(0.01)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def is_warm() -> bool:
    """Return whether this process has torch in memory and may be forked."""
    return "torch" in sys.modules and is_alone()


def is_alone() -> bool:
    """Return whether this process has one thread only; threads of libraries count."""
    return psutil.Process().num_threads() == 1


def in_fork(function: Callable[[], Answer], failed: str) -> Answer:
    """Return the result of the function, computed in a fork of this process, which gets none of the
    threads that the function's libraries start. The result travels as JSON.

    Raises BackendError with the function's own message, OSError as it does, and BackendError with
    `failed` for anything else; the traceback is in the fork's output, this process's log.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _answer_into(reader, writer, function)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise BackendError(failed)
    answer = json.loads(said)
    if "refused" in answer:
        raise BackendError(answer["refused"])
    if "os" in answer:
        raise OSError(*answer["os"])
    made: Answer = answer["made"]
    return made


def _answer_into(reader: int, writer: int, function: Callable[[], Any]) -> NoReturn:
    code = 1
    try:
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(_outcome(function)).encode())
        code = 0
    except BaseException:
        logger.critical("The computation in a separate process failed.", exc_info=True)
    finally:
        leave(code)


def _outcome(function: Callable[[], Any]) -> dict[str, object]:
    try:
        return {"made": function()}
    except FieldmarkError as error:
        return {"refused": str(error)}
    except OSError as error:
        return {"os": [error.errno, error.strerror, error.filename and str(error.filename)]}


def fork_script(
    script: Path, arguments: list[str], environment: dict[str, str], log: Path, *, lock: int
) -> Forked:
    """Run a script as `python script arguments` would, in a fork of this process, with its own
    environment, folder and output.

    `lock` is closed in the fork, because a job whose worker is dead must not look alive.
    """
    pid = os.fork()
    if pid:
        return Forked(pid)
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(lock)
        code = run(script, arguments, environment, log)
    except BaseException:
        traceback.print_exc()
    finally:
        leave(code)


def run(script: Path, arguments: list[str], environment: dict[str, str], log: Path) -> int:
    """Return the script's exit code. From here on, this process belongs to the script."""
    try:
        _redirect(log)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(script.parent)
        tempfile.tempdir = None
        # The script's own siblings, not modules of the same name that this process has imported.
        siblings = {path.stem for path in script.parent.iterdir()}
        for name in [name for name in sys.modules if name.split(".")[0] in siblings]:
            del sys.modules[name]
        sys.argv = [script.name, *arguments]
        sys.path[:] = [
            str(script.parent),
            *(entry for entry in sys.path if Path(entry or ".").resolve() != settings.PROJECT),
        ]
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def work(folder: Path, lock: int) -> int:
    _redirect(folder / "log.txt")
    os.chdir(folder)
    return int(importlib.import_module("core.jobs.worker").main([str(folder), "--lock", str(lock)]))


def leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _redirect(log: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere, output = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
    )
    for source, target in ((nowhere, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nowhere)
    os.close(output)
