"""A script of sm_scripts as a job's child process, from start to exit code: watched, restarted,
stopped.

watchdog.py defines which signs of life are expected, and what happens without them.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.jobs import forks, watchdog
from core.jobs.run_folder import RunFolder
from core.jobs.status.causes import Cause
from core.jobs.stopping import Failed
from core.training import metrics

if TYPE_CHECKING:
    from core.jobs.worker import Worker

logger = logging.getLogger(__name__)

Child = subprocess.Popen[bytes] | forks.Forked
POLL_SECONDS = 0.05
TIMES_STARTED = 2
IMPORTING = "Importing libraries"
WAITING = "waiting"
# The phases of the script's log, in the words of the pages.
PHASES = {
    "imports": IMPORTING,
    "features": "Extracting features",
    WAITING: "Waiting for another job to extract the features",
    "decoding": "Decoding photos",
    "training": "Training",
    "evaluation": "Evaluating",
    "artifact": "Storing the model",
    "stopping": "Stopping",
}


class _Silent(Exception):
    """The script was killed because it gave no sign of life."""


class ScriptRun:
    """One script of a job. `tick` is called with the current phase while it runs."""

    def __init__(
        self,
        worker: Worker,
        script: str,
        arguments: list[str],
        environment: dict[str, str],
        tick: Callable[[str], None],
    ) -> None:
        self.worker, self.script, self.tick = worker, script, tick
        self.arguments, self.environment = arguments, environment
        self.log = metrics.MetricLog(worker.folder.log)
        self.phase = IMPORTING

    def run(self) -> int:
        """Return the script's exit code. Raises Failed if it hung as often as it was started."""
        try:
            for number in range(TIMES_STARTED):
                try:
                    return self._run_once(fresh=number > 0)
                except _Silent:
                    logger.warning(self._why_ended())
        finally:
            self.worker.note()
        raise Failed(
            f"{self._why_ended()} This happened {TIMES_STARTED} times. Its log is kept. "
            "Resume the job to continue from its last checkpoint. If that hangs as well, "
            "restart the machine.",
            Cause.SILENT,
        )

    def _run_once(self, *, fresh: bool) -> int:
        child = self._start(fresh=fresh)
        try:
            return self._wait(child)
        except BaseException:
            end(child)
            raise

    def _start(self, *, fresh: bool) -> Child:
        """Return a copy of this worker if it has torch in memory, else (or if `fresh`) a new
        interpreter."""
        folder = self.worker.folder
        folder.temporary.mkdir(exist_ok=True)
        code = code_folder(folder)
        if forks.is_warm() and not fresh:
            return forks.fork_script(
                code / self.script,
                self.arguments,
                self.environment,
                folder.log,
                lock=self.worker.lock,
            )
        with folder.log.open("ab") as log:
            return subprocess.Popen(
                [settings.python(), self.script, *self.arguments],
                cwd=code,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait(self, child: Child) -> int:
        """Wait for the script. Pass a stop on as SIGTERM, and kill a script that does not save its
        work in time."""
        watch = watchdog.Watchdog(child.pid, self.worker.folder.log)
        asked = None
        while True:
            try:
                return child.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                self._look(watch)
            if self.worker.stopping and asked is None:
                asked = time.monotonic()
                self.worker.progress(phase="Stopping")
                child.terminate()
                watch.restart()
            if asked is not None and self._refuses(watch, time.monotonic() - asked):
                child.kill()

    def _refuses(self, watch: watchdog.Watchdog, passed: float) -> bool:
        """Return whether a script ignores the stop of so many seconds ago: it has not acknowledged
        it, has stopped working since, or takes too long to save its work."""
        deaf = self.log.phase != "stopping" and passed > settings.STOP_SILENT_SECONDS
        return deaf or watch.silent > settings.STOP_SILENT_SECONDS or passed > settings.STOP_SECONDS

    def _look(self, watch: watchdog.Watchdog) -> None:
        silent = watch.look()
        self.log.refresh()
        self.phase = PHASES.get(self.log.phase, self.phase)
        if self.worker.stopping:
            return
        self.tick(self.phase)
        then = f"After {settings.SILENT_SECONDS:.0f} seconds it is killed and restarted, once."
        waits_for = self.log.waits_for if self.log.phase == WAITING else ""
        self.worker.note(waits_for=waits_for, silent=watchdog.sentence(silent, self.phase, then))
        if silent > settings.SILENT_SECONDS:
            raise _Silent

    def _why_ended(self) -> str:
        limit = settings.SILENT_SECONDS
        return f"{self.script} was ended: no sign of life for {limit:.0f} seconds ({self.phase})."


def end(child: Child) -> None:
    """Send SIGKILL and collect the child, because its id may be reused afterwards."""
    child.kill()
    try:
        child.wait(settings.STOP_SILENT_SECONDS)
    except subprocess.TimeoutExpired:
        # In a file operation that the system does not interrupt.
        return


def code_folder(folder: RunFolder) -> Path:
    """Return the folder of the job's own copy of the scripts."""
    return folder.input / "code"
