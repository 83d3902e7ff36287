"""Why a job ended, as code sees it: written with its end, and read of the words of old folders."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from core.backends import LOCAL
from core.backends.local import training
from core.io import files
from core.jobs import stopping
from core.jobs import store as jobs
from core.jobs.status.causes import BY_USER, Cause, Ending
from core.jobs.store import Job, State, Status


def job_of(state: State) -> Job:
    """A job in this state whose process is gone."""
    job, lock = jobs.create(jobs.new_id("training"), "training", "Birds", "local", {})
    assert lock is not None
    os.close(lock)
    jobs.write_status(job.folder, Status(state))
    return jobs.read(job.id)


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [
        ("Completed", "", Cause.NONE),
        ("InProgress", "", Cause.NONE),
        ("Stopped", "Stopped on request.", Cause.USER),
        (
            "Stopped",
            "Stopped on request. It did not react, so its process was ended.",
            Cause.USER,
        ),
        ("Stopped", "Stopped early after epoch 2: its best so far is worse.", Cause.EARLY_STOPPING),
        ("Stopped", "Stopped with its tuning job: it was asked to stop.", Cause.TUNING_ENDED),
        ("Stopped", "It was stopped on SageMaker, not from here.", Cause.ELSEWHERE),
        ("Stopped", "It reached its time limit of 2 hours. Resume it.", Cause.TIME_LIMIT),
        ("Stopped", "No spot machine was free for long enough.", Cause.SPOT),
        ("Stopped", "In words of nobody.", Cause.NONE),
        (
            "Failed",
            "The process that ran this job died without a word: it was killed, or restarted.",
            Cause.DIED,
        ),
        (
            "Failed",
            "The process that ran this job died without a word: the disk is full. No space left.",
            Cause.DIED,
        ),
        ("Failed", "The job was ended: no sign of life for 180 seconds.", Cause.SILENT),
        ("Failed", "train.py was ended: no sign of life for 60 seconds (Training).", Cause.SILENT),
        ("Failed", "The training process was killed by signal 9, probably.", Cause.OUT_OF_MEMORY),
        ("Failed", "It ran out of memory. Lower the batch size.", Cause.OUT_OF_MEMORY),
        ("Failed", "The disk is full. Free some space and resume the job.", Cause.DISK_FULL),
        ("Failed", "The disk of the instance is full. Ask for a larger one.", Cause.DISK_FULL),
        ("Failed", "The account's quota for this instance type is too small.", Cause.QUOTA),
        ("Failed", "AWS has no such machine free now.", Cause.CAPACITY),
        ("Failed", "The spot machine was taken back too often.", Cause.SPOT),
        ("Failed", "Stopped early", Cause.ERROR),
        ("Failed", "No cats.", Cause.ERROR),
        ("Failed", "", Cause.ERROR),
    ],
)
def test_an_old_status_is_read_by_the_words_of_its_reason(
    home: Path, state: str, reason: str, cause: Cause
) -> None:
    job = job_of(State.PENDING)
    old = {**files.read_json(job.folder.status), "state": state, "reason": reason}
    del old["cause"]
    files.write_json(job.folder.status, old)
    assert jobs.read(job.id).status.cause is cause
    jobs.write_status(job.folder, jobs.read(job.id).status)
    assert files.read_json(job.folder.status)["cause"] == cause
    assert jobs.read(job.id).status.cause is cause


def test_what_has_a_cause_is_not_read_by_its_words(home: Path) -> None:
    job = job_of(State.STOPPED)
    jobs.write_status(job.folder, Status(State.STOPPED, "Stopped early", cause=Cause.USER))
    assert jobs.read(job.id).status.cause is Cause.USER


@pytest.mark.parametrize("value", ["moon", 7, None, ["died"]])
def test_a_cause_that_is_not_known_here_is_none(home: Path, value: object) -> None:
    job = job_of(State.FAILED)
    files.write_json(job.folder.status, {**files.read_json(job.folder.status), "cause": value})
    assert jobs.read(job.id).status.cause is Cause.NONE


@pytest.mark.parametrize("is_full", [False, True])
def test_a_job_whose_process_is_gone_died_also_on_a_full_disk(
    home: Path, monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    job = job_of(State.IN_PROGRESS)

    def refuse(*_: object) -> None:
        if is_full:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "is_full", lambda _: is_full)
    monkeypatch.setattr(jobs, "write_status", refuse)
    found = LOCAL.refresh(job)
    assert (found.state, found.status.cause) == (State.FAILED, Cause.DIED)


@pytest.mark.parametrize(
    ("code", "was_full", "said", "cause"),
    [
        (-9, False, None, Cause.OUT_OF_MEMORY),
        (-9, True, None, Cause.DISK_FULL),
        (1, False, "", Cause.DISK_FULL),
        (-9, True, "No cats.", Cause.ERROR),
        (143, False, None, Cause.ERROR),
        (1, False, None, Cause.ERROR),
    ],
)
def test_how_a_script_ended_is_a_cause(
    home: Path, code: int, was_full: bool, said: str | None, cause: Cause
) -> None:
    folder = job_of(State.IN_PROGRESS).folder
    if said is not None:
        folder.failure.write_text(said)
    assert training.failure(folder, code, was_full).cause is cause


def test_a_stop_request_says_why_and_the_first_one_stands(home: Path) -> None:
    folder = job_of(State.IN_PROGRESS).folder
    assert stopping.why_asked(folder) == BY_USER
    asked = Ending("The search is over.", Cause.TUNING_ENDED)
    stopping.ask_to_stop(folder, asked)
    stopping.ask_to_stop(folder)
    assert stopping.why_asked(folder) == asked


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", Cause.USER),
        ("Stopped early at epoch 1: 0.5 is not among the best.", Cause.EARLY_STOPPING),
        ("Stopped with its tuning job: it was asked to stop.", Cause.TUNING_ENDED),
    ],
)
def test_an_old_stop_request_is_the_reason_alone(home: Path, text: str, cause: Cause) -> None:
    folder = job_of(State.IN_PROGRESS).folder
    folder.stop_request.write_text(text)
    assert stopping.why_asked(folder) == Ending(text or BY_USER.reason, cause)
