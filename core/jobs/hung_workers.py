"""End workers that do a job's work themselves and hang, by the rules of watchdog.py, when somebody
looks at the job."""

from __future__ import annotations

import time
from dataclasses import replace

from core import settings
from core.jobs import processes, watchdog
from core.jobs import store as jobs
from core.jobs.status.causes import Cause, Ending
from core.jobs.status.endpoints import Details
from core.jobs.store import Job, State

THEN = f"After {settings.SILENT_WORKER_SECONDS:.0f} seconds the job is killed."


def looked_after(job: Job) -> Job:
    """Return the running job, after its worker was ended if it hangs; a long silence is in its
    progress."""
    pid, told = job.status.pid, Details.from_json(job.status.progress)
    if pid is None or told.url or not processes.is_same(pid, job.status.pid_created):
        return job
    silent = watchdog.of_worker(job.id, pid, job.folder.log).look()
    doing = told.phase
    if min(silent, _seconds_since_stop(job)) > settings.STOP_SILENT_SECONDS:
        reason = "Stopped on request. The process did not respond, so it was killed."
        return _end(job, State.STOPPED, Ending(reason, Cause.USER))
    if silent > settings.SILENT_WORKER_SECONDS:
        during = f" ({doing})" if doing else ""
        reason = (
            "The job was ended: no sign of life for "
            f"{settings.SILENT_WORKER_SECONDS:.0f} seconds{during}. "
            "Its log is kept. Start the job again. If it hangs as well, restart the machine."
        )
        return _end(job, State.FAILED, Ending(reason, Cause.SILENT))
    if said := watchdog.sentence(silent, doing, THEN):
        return replace(
            job, status=replace(job.status, progress={"silent": said, **job.status.progress})
        )
    return job


def _seconds_since_stop(job: Job) -> float:
    """Return how many seconds ago the job was asked to stop; 0 if it was not."""
    try:
        return time.time() - job.folder.stop_request.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _end(job: Job, state: State, why: Ending) -> Job:
    processes.kill_session(job.status.pid, job.folder.path)
    now = jobs.read(job.id)
    if now.state.is_finished:
        return now
    ended = replace(now.status, state=state, reason=why.reason, cause=why.cause, ended=time.time())
    jobs.write_status(job.folder, ended)
    return replace(now, status=ended)
