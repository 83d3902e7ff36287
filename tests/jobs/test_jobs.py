"""Jobs as folders: made whole or not at all, read whatever is in them, one writer, any number of readers."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core import settings
from core.errors import NotFound, UserError
from core.jobs import labels, locks, processes, stopping
from core.jobs import store as jobs
from core.jobs.run_folder import ID_PATTERN, RunFolder
from core.jobs.store import Job, State, Status

SPEC = {"dataset_id": "birds", "version_id": "v1", "hyperparameters": {"lr": "0.1"}}
HOLD = """
import fcntl, os, sys, time
handle = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""
# Makes jobs as fast as it can, until it is killed or the disk has no room for another byte.
MAKE = """
import sys
from core.jobs import store as jobs
from tests.jobs.test_jobs import SPEC
print("begins", flush=True)
while True:
    _, handle = jobs.create(jobs.new_id("training"), "training", "Birds", "local", SPEC)
"""
FULL = """
import resource, sys
from core.jobs import store as jobs
from tests.jobs.test_jobs import SPEC
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    jobs.create(jobs.new_id("training"), "training", "Birds", "local", SPEC)
except OSError as error:
    print(error.strerror)
"""


def make(kind: str = "training", name: str = "Birds", **status: Any) -> Job:
    """A job whose worker has released its lock."""
    job, lock = jobs.create(jobs.new_id(kind), kind, name, "local", SPEC)
    assert lock is not None
    if status:
        jobs.write_status(job.folder, Status(**status))
    os.close(lock)
    return jobs.read(job.id)


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=settings.PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )


def kept() -> list[str]:
    """The names of everything in the folder of jobs, hidden or not."""
    return [path.name for path in settings.jobs_dir().iterdir()]


@contextmanager
def held(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the lock."""
    process = python(HOLD, str(lock))
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_job_is_read_as_it_was_written() -> None:
    job = make()
    assert (job.kind, job.name, job.backend, job.spec) == ("training", "Birds", "local", SPEC)
    assert job.state is State.PENDING
    assert time.time() - job.created < 60
    assert jobs.listing() == [job]
    assert all(
        path.is_dir()
        for path in (job.folder.input, job.folder.model, job.folder.checkpoints, job.folder.output)
    )


def test_ids_are_ours_and_fit_sagemaker() -> None:
    made = {jobs.new_id("training") for _ in range(100)}
    assert len(made) == 100
    assert all(ID_PATTERN.fullmatch(job_id) and len(job_id) <= 63 for job_id in made)


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        "..",
        "../x",
        "/etc",
        "fm-training-20260101t000000-abcdef/..",
        "fm-training-20260101t000000-abcdef\n",
        "FM-x",
    ],
)
def test_an_id_is_never_a_path(job_id: str) -> None:
    for act in (jobs.read, jobs.delete, RunFolder.of):
        with pytest.raises(NotFound):
            act(job_id)


def test_fault_24_the_same_id_by_twenty_threads_is_one_job() -> None:
    job_id = jobs.new_id("training")
    with ThreadPoolExecutor(20) as pool:
        made = list(
            pool.map(
                lambda number: jobs.create(job_id, "training", f"Birds {number}", "local", SPEC),
                range(20),
            )
        )
    held = [lock for _, lock in made if lock is not None]
    assert len(held) == 1, "one of them is to start the worker"
    assert len({job.name for job, _ in made}) == 1
    assert locks.is_locked(RunFolder.of(job_id).lock)
    os.close(held[0])
    assert not locks.is_locked(RunFolder.of(job_id).lock)
    assert kept() == [job_id]


def test_fault_32_an_app_that_is_killed_while_it_makes_jobs_leaves_only_whole_ones() -> None:
    process = python(MAKE)
    assert process.stdout
    process.stdout.readline()
    seen: list[jobs.Job | jobs.Unreadable] = []
    until = time.monotonic() + 0.5
    while time.monotonic() < until or not seen:
        seen += jobs.listing()
    process.kill()
    process.communicate()
    seen += jobs.listing()
    assert not [item for item in seen if isinstance(item, jobs.Unreadable)]


def test_fault_31_a_disk_that_is_full_when_a_job_is_made_leaves_nothing() -> None:
    assert python(FULL).communicate()[0] == "File too large\n"
    assert kept() == []


DAMAGE: dict[str, Any] = {
    "empty": b"",
    "half": b'{"kind": "training", "na',
    "not JSON": b"kind: training",
    "not UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "a number": b"3",
    "null": b"null",
    "no fields": b"{}",
}
STATUS_DAMAGE: dict[str, Any] = {
    "unknown state": {"state": "Sleeping"},
    "state of another kind": {"state": 3},
    "times that are text": {"state": "InProgress", "started": "yesterday"},
    "a pid that is text": {"state": "InProgress", "pid": "12"},
    "no progress": {"state": "InProgress", "progress": None},
    "progress that is a list": {"state": "InProgress", "progress": [1]},
    "a reason that is none": {"state": "Failed", "reason": None},
}


@pytest.mark.parametrize("file", ["job.json", "status.json"])
@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_fault_35_a_damaged_file_hides_its_own_job_only(file: str, content: bytes) -> None:
    good, bad = make(), make()
    (bad.folder.path / file).write_bytes(content)
    hidden(bad, good)


@pytest.mark.parametrize("status", STATUS_DAMAGE.values(), ids=STATUS_DAMAGE)
def test_fault_35_a_status_of_another_kind_hides_its_own_job_only(status: dict[str, Any]) -> None:
    good, bad = make(), make()
    bad.folder.status.write_text(json.dumps(status))
    hidden(bad, good)


@pytest.mark.parametrize("file", ["job.json", "status.json"])
def test_fault_35_a_missing_file_hides_its_own_job_only(file: str) -> None:
    good, bad = make(), make()
    (bad.folder.path / file).unlink()
    hidden(bad, good)


@pytest.mark.parametrize("label", [b"", b"[]", b"3"])
def test_fault_35_a_damaged_label_hides_its_own_job_only(label: bytes) -> None:
    good, bad = make(), make()
    bad.folder.label.write_bytes(label)
    hidden(bad, good)


def hidden(bad: Job, good: Job) -> None:
    with pytest.raises(NotFound, match=bad.id):
        jobs.read(bad.id)
    assert jobs.readable() == [good]
    (unreadable,) = [item for item in jobs.listing() if isinstance(item, jobs.Unreadable)]
    assert unreadable.id == bad.id
    assert unreadable.reason
    jobs.delete(bad.id)
    assert jobs.listing() == [good]


def test_fault_35_fields_of_a_newer_version_are_left_alone() -> None:
    job = make(state=State.COMPLETED, started=1.0, ended=3.5)
    for path in (job.folder.spec, job.folder.status):
        path.write_text(json.dumps({**json.loads(path.read_text()), "colour": "blue"}))
    assert jobs.read(job.id) == job
    assert job.status.seconds == 2.5


def test_what_is_no_job_is_not_listed_as_one() -> None:
    job = make()
    (settings.jobs_dir() / "notes.txt").write_text("mine")
    (settings.jobs_dir() / "fm-file").write_text("mine")
    (settings.jobs_dir() / "other").mkdir()
    assert jobs.listing() == [job]
    (settings.jobs_dir() / "fm-strange").mkdir()
    assert [type(item) for item in jobs.listing()] == [Job, jobs.Unreadable] or [
        type(item) for item in jobs.listing()
    ] == [
        jobs.Unreadable,
        Job,
    ]


def test_the_newest_comes_first_and_a_kind_can_be_asked_for() -> None:
    made = [
        jobs.create(f"fm-{kind}-20260101t0000{second:02d}-abcdef", kind, "x", "local", SPEC)
        for second, kind in enumerate(["training", "import", "training", "endpoint"])
    ]
    for _, lock in made:
        assert lock is not None
        os.close(lock)
    assert [job.kind for job in jobs.readable()] == ["endpoint", "training", "import", "training"]
    assert [job.id[-9:] for job in jobs.readable("training")] == ["02-abcdef", "00-abcdef"]


def test_a_lock_is_seen_by_any_number_of_readers_and_is_gone_with_its_process() -> None:
    job = make()
    with held(job.folder.lock) as process:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: locks.is_locked(job.folder.lock), range(200)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not locks.is_locked(job.folder.lock)
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(lambda _: locks.is_locked(job.folder.lock), range(200))), (
            "readers do not see one another"
        )
    job.folder.lock.unlink()
    assert not locks.is_locked(job.folder.lock)


def test_a_running_job_is_not_deleted_and_an_ended_one_twice() -> None:
    job, other = make(), make()
    with held(job.folder.lock), pytest.raises(UserError, match="still running"):
        jobs.delete(job.id)
    assert job in jobs.listing()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: jobs.delete(job.id), range(8)))
    jobs.delete(job.id)
    assert jobs.listing() == [other]
    assert kept() == [other.id]


def test_a_job_that_goes_while_the_list_is_read_is_not_unreadable() -> None:
    made = [make() for _ in range(30)]
    seen: list[jobs.Job | jobs.Unreadable] = []

    def delete() -> None:
        for job in made:
            jobs.delete(job.id)

    with ThreadPoolExecutor(2) as pool:
        deleting = pool.submit(delete)
        while not deleting.done():
            seen += jobs.listing()
    assert not [item for item in seen if isinstance(item, jobs.Unreadable)]


def test_a_label_changes_the_name_and_never_the_spec() -> None:
    job = make()
    before = job.folder.spec.read_bytes()
    labels.set_label(job.id, name="  Crows  ", tags=("baseline", "crows"))
    labels.set_label(job.id, note="The first that works.")
    job = jobs.read(job.id)
    assert (job.name, job.tags, job.note) == (
        "Crows",
        ("baseline", "crows"),
        "The first that works.",
    )
    assert job.folder.spec.read_bytes() == before


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81, "..", "\u202egnp.exe"])
def test_fault_09_a_job_is_not_renamed_to_what_nobody_can_read(name: str) -> None:
    job = make()
    with pytest.raises(UserError) as refusal:
        labels.set_label(job.id, name=name)
    assert refusal.value.field == "name"
    assert jobs.read(job.id) == job


@pytest.mark.parametrize("name", ["a'b", 'a"b', "$(id)", "<script>", "größer 鳥 🐦"])
def test_fault_09_any_other_name_is_kept_as_it_is(name: str) -> None:
    job = make(name=name)
    labels.set_label(job.id, name=f"{name}!")
    assert jobs.read(job.id).name == f"{name}!"


def test_a_status_is_never_seen_half_written() -> None:
    job = make()
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            jobs.write_status(
                job.folder,
                Status(State.IN_PROGRESS, progress={"text": "x" * (number * 997 % 20_000)}),
            )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            jobs.read(job.id)
    finally:
        done.set()
        writer.join()


def test_states_end_where_they_should() -> None:
    assert {state for state in State if state.is_finished} == {
        State.COMPLETED,
        State.FAILED,
        State.STOPPED,
    }
    assert asdict(Status())["state"] == "Pending"
    assert Status().seconds is None
    assert (Status(started=time.time() - 5).seconds or 0) >= 5


def test_a_trial_that_sagemaker_named_is_a_training_job_in_its_tuning_jobs_place(
    home: Path,
) -> None:
    tuning, after = "fm-tuning-20261123t070000-abcdef", "fm-training-20261123t070100-abcdef"
    before = "fm-training-20261123t065900-abcdef"
    trials = [f"{tuning}-001-1a2b3c4d", f"{tuning}-002-00000000"]
    for job_id, kind in (
        (tuning, "tuning"),
        (after, "training"),
        (before, "training"),
        *((trial, "training") for trial in trials),
    ):
        _, lock = jobs.create(job_id, kind, "Job", "sagemaker", {})
        assert lock is not None
        os.close(lock)
    assert [job.id for job in jobs.readable("training")] == [after, *reversed(trials), before]
    assert [job.id for job in jobs.readable("tuning")] == [tuning]
    assert len(jobs.readable()) == 5


def test_a_job_that_has_just_ended_is_waited_for_and_a_running_one_is_not_for_long(
    tmp_path: Path,
) -> None:
    """Its process writes how it ended, and releases the lock a moment later."""
    lock = tmp_path / "lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert not locks.is_released(lock, 0.1)
    timer = threading.Timer(0.3, lambda: os.close(handle))
    timer.start()
    assert locks.is_released(lock, 30)
    timer.join()


def test_parts_of_one_label_that_are_set_at_once_are_all_kept() -> None:
    for number in range(30):
        job = make()
        with ThreadPoolExecutor(4) as pool:
            acts = (
                lambda: labels.set_label(job.id, name=f"Name {number}"),  # noqa: B023, ended with the turn
                lambda: labels.set_label(job.id, note=f"Note {number}"),  # noqa: B023
                lambda: labels.set_tag(job.id, "best", True),  # noqa: B023
                lambda: labels.set_tag(job.id, "kept", True),  # noqa: B023
            )
            for future in [pool.submit(act) for act in acts]:
                future.result()
        now = jobs.read(job.id)
        assert (now.name, now.note, set(now.tags)) == (
            f"Name {number}",
            f"Note {number}",
            {"best", "kept"},
        )


def test_only_what_a_person_changed_in_a_label_is_taken_over() -> None:
    shown = make(name="Crows")
    labels.set_label(shown.id, note="of another tab")
    labels.set_tag(shown.id, "best", True)
    labels.change_label(shown, "Crows and jays", ["mine"], "")
    now = jobs.read(shown.id)
    assert (now.name, now.note, set(now.tags)) == (
        "Crows and jays",
        "of another tab",
        {"best", "mine"},
    )


@pytest.mark.parametrize("verb", ["label", "stop", "lock", "status"])
def test_a_deleted_job_does_not_come_back(verb: str) -> None:
    job = make(state=State.COMPLETED)
    jobs.delete(job.id)
    acts = {
        "label": lambda: labels.set_label(job.id, note="late"),
        "stop": lambda: stopping.ask_to_stop(job.folder),
        "lock": lambda: processes.take_lock(job.folder.lock),
        "status": lambda: jobs.write_status(job.folder, Status()),
    }
    with pytest.raises(NotFound, match="deleted meanwhile"):
        acts[verb]()
    assert kept() == []


def test_a_job_is_deleted_right_after_its_end() -> None:
    """Its process has written how it ended and is about to let go."""
    job = make(state=State.COMPLETED)
    with held(job.folder.lock) as process, ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(jobs.delete, job.id)
        time.sleep(0.2)
        assert not deleting.done()
        process.kill()
        deleting.result()
    assert kept() == []


def test_two_that_delete_a_job_wait_for_each_other() -> None:
    """A job that never ran: the one must not take the other for the job's process."""
    job = make()
    with ThreadPoolExecutor(1) as pool:
        with locks.at_rest(job.folder, 0.0) as rests:
            assert rests
            deleting = pool.submit(jobs.delete, job.id)
            time.sleep(2 * locks.READER_SECONDS)
            assert not deleting.done()
        deleting.result()
    assert kept() == []


def test_nothing_begins_in_a_job_that_is_being_deleted() -> None:
    job = make(state=State.STOPPED)
    with locks.at_rest(job.folder, 0.0) as rests:
        assert rests
        assert processes.take_lock(job.folder.lock) is None
