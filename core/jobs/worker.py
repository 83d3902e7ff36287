"""The process that runs one job, or watches one that runs elsewhere. It holds the job's lock until
it ends and is the only writer of its status.

python -m core.jobs.worker RUN_FOLDER --lock FD
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import FrameType

from core import log, settings
from core.errors import FieldmarkError
from core.io import files
from core.jobs import processes
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.status.causes import Cause, Ending
from core.jobs.stopping import Failed, Left, Stopped, why_asked
from core.jobs.store import State

# By name, because this module runs as a program.
logger = logging.getLogger("core.jobs.worker")
# The module of each backend and kind of job; imported on demand, so that an import job does not
# load a training job's libraries.
RUNNERS = {
    ("local", "training"): "core.backends.local.training",
    ("local", "tuning"): "core.backends.local.tuning",
    ("local", "plan"): "core.backends.local.datasets.planning",
    ("local", "import"): "core.backends.local.datasets.importing",
    ("local", "inspect"): "core.backends.local.datasets.inspecting",
    ("local", "export"): "core.backends.local.datasets.exporting",
    ("local", "transform"): "core.backends.local.batch.transform",
    ("local", "endpoint"): "core.backends.local.endpoints.process",
    ("local", "load"): "core.backends.local.endpoints.load_test",
    ("sagemaker", "training"): "core.backends.sagemaker.training.watch",
    ("sagemaker", "tuning"): "core.backends.sagemaker.tuning.watch",
    ("sagemaker", "load"): "core.backends.local.endpoints.load_test",
    ("sagemaker", "transform"): "core.backends.sagemaker.batch.watch",
    ("sagemaker", "endpoint"): "core.backends.sagemaker.endpoints.watch",
}
WELL = Ending("", Cause.NONE)
# Whether jobs of a backend run elsewhere and their workers only watch them.
WATCHES = {"local": False, "sagemaker": True}


class Worker:
    """A runner's view of its job: folder, spec, stop flag, progress.

    `lock` is the descriptor that marks the job as alive; a process forked from this one has to
    close it.
    """

    def __init__(self, folder: RunFolder, lock: int) -> None:
        self.folder, self.lock = folder, lock
        self.job = jobs.read(folder.path.name)
        # Set if the job's platform reports a stop before one was requested here.
        self.ending = False
        self._terminated = False
        self._notes: dict[str, str] = {}
        # A watcher continues from the progress of the former one.
        started = self.job.status.started or time.time()
        self._status = replace(
            self.job.status,
            state=State.IN_PROGRESS,
            started=started,
            pid=os.getpid(),
            pid_created=processes.created(os.getpid()),
        )

    @property
    def watches(self) -> bool:
        """Return whether the job runs elsewhere, so that it can outlive this process."""
        return WATCHES.get(self.job.backend, True)

    @property
    def stopping(self) -> bool:
        """Return whether the job was asked to stop: by its page (a file, which works before the
        worker is up) or by SIGTERM."""
        return (self._terminated and not self.watches) or self.folder.stop_request.exists()

    @property
    def leaving(self) -> bool:
        """Return whether only this process was asked to end."""
        return self._terminated and self.watches

    def run(self) -> int:
        """Run the job and write its final status; return the exit code of the process."""
        signal.signal(signal.SIGTERM, self._asked_to_stop)
        try:
            log.begin()
            self._write()
            import_module(RUNNERS[self.job.backend, self.job.kind]).run(self)
            self._end(State.COMPLETED)
        except Left:
            return 0
        except Stopped as stop:
            self._end(State.STOPPED, self._why_stopped(stop))
        except Failed as error:
            self._end(State.FAILED, Ending(str(error), error.cause))
        except OSError as error:
            self._end(State.FAILED, _refused_by_the_system(error))
        except FieldmarkError as error:
            self._end(State.FAILED, Ending(str(error), Cause.ERROR))
        except Exception as error:
            # At a level that no setting hides, because the reason refers to the log.
            logger.critical("The job ended unexpectedly.", exc_info=True)
            elsewhere = ""
            if self.watches:
                elsewhere = " The job itself may still be running on its platform."
            reason = (
                f"Unexpected {type(error).__name__}: {error}. The log has the traceback.{elsewhere}"
            )
            self._end(State.FAILED, Ending(reason, Cause.ERROR))
        return int(self._status.state is State.FAILED)

    def progress(self, **values: object) -> None:
        """Replace the job's progress, with the names of status/progress.py."""
        self._status = replace(self._status, progress=values)
        self._write()

    def note(self, **facts: str) -> None:
        """Replace the notes beside the progress: which job this one waits for (`waits_for`), and
        that it shows no activity (`silent`). Writes them if they changed."""
        notes = {name: value for name, value in facts.items() if value}
        if notes != self._notes:
            self._notes = notes
            self._write()

    def check_stop(self) -> None:
        if self.stopping:
            raise Stopped

    def _why_stopped(self, stop: Stopped) -> Ending:
        """Return the runner's reason, else that of the stop request."""
        if str(stop):
            return Ending(str(stop), stop.cause)
        return why_asked(self.folder)

    def _asked_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        # Only the flag: a write from a signal handler could interrupt another write.
        self._terminated = True

    def _end(self, state: State, why: Ending = WELL) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._status = replace(
            self._status,
            state=state,
            reason=why.reason[: settings.MAX_FAILURE_CHARS],
            cause=why.cause,
            ended=time.time(),
        )
        self._write()

    def _write(self) -> None:
        if self._status.state is State.IN_PROGRESS and (self.stopping or self.ending):
            self._status = replace(self._status, state=State.STOPPING)
        progress = {**self._status.progress, **self._notes}
        jobs.write_status(self.folder, replace(self._status, progress=progress))


def _refused_by_the_system(error: OSError) -> Ending:
    if error.errno in files.FULL:
        return Ending(files.os_reason(error), Cause.DISK_FULL)
    return Ending(files.os_reason(error), Cause.ERROR)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--lock", type=int, required=True, help="the inherited descriptor that holds the job's lock"
    )
    options = parser.parse_args(arguments)
    os.set_inheritable(options.lock, False)
    folder = RunFolder(options.folder)
    with processes.private(folder):
        return Worker(folder, options.lock).run()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A stop may have abandoned threads that never end.
    os._exit(code)
