"""Short tasks for a page: scripts in a process of their own, so that the app never imports
torch."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

from core import settings
from core.errors import BackendError
from core.io import files
from core.jobs import prefork, processes

SECONDS = 60.0
MAX_OUTPUT = 2000

# Each task has a network in memory and uses every core, so tasks run one at a time.
_one = threading.Lock()


def run(name: str, arguments: list[str], seconds: float = SECONDS) -> None:
    """Run `sm_scripts/<name>.py`: forked from the warm process if it is up, else in a new
    interpreter, which takes some seconds longer.

    Raises BackendError with the script's message if it fails, or if it takes longer than `seconds`.
    """
    start = time.monotonic()
    if not _one.acquire(timeout=seconds):
        raise BackendError("The machine is busy with tasks of other users. Try again in a moment.")
    try:
        with files.scratch("task") as folder:
            log = folder / "log.txt"
            code = _run(settings.SM_SCRIPTS / f"{name}.py", arguments, log, seconds)
            said = log.read_text(errors="replace")[-MAX_OUTPUT:].strip() if log.exists() else ""
    finally:
        _one.release()
    if code == 0:
        return
    if time.monotonic() - start >= seconds:
        raise BackendError(
            f"This took longer than {seconds:.0f} seconds and was stopped. A job may keep the "
            "machine busy: try again later."
        )
    raise BackendError(
        said.splitlines()[-1]
        if code > 0 and said
        else f"The process for this task was killed (code {code}). Try again."
    )


def _run(script: Path, arguments: list[str], log: Path, seconds: float) -> int:
    # The script's leftovers go with the task's folder.
    environment = processes.clean_environment({**processes.COMPUTING, "TMPDIR": str(log.parent)})
    code = prefork.run_script(script, arguments, environment, log, seconds)
    if code is not None:
        return code
    command = [settings.python(), str(script), *arguments]
    try:
        with log.open("wb") as output:
            ended = subprocess.run(
                command,
                cwd=script.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
            return ended.returncode
    except subprocess.TimeoutExpired:
        return -1
