"""What goes wrong between this machine and AWS: nothing is ever made twice, nothing is decided without an answer, and pages draw."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import backends
from core.aws import account as accounts
from core.backends import LOCAL, SAGEMAKER
from core.backends.sagemaker.backend import RESTART_SECONDS
from core.errors import UserError
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.store import Job, State
from core.models.store import Model
from core.training import metrics
from tests.backends import watching
from tests.backends.watching import quickest, until
from tests.conftest import SMALL
from tests.sagemaker.asking import HELD, Emulator
from tests.sagemaker.watching import LONG, MACHINE, STEPS, ended, said, spec, until_phase, written

CREATE = "CreateTrainingJob"
# As long as a page may take with the network gone.
DRAWN_SECONDS = 30.0


@pytest.fixture
def created(aws: Emulator) -> Iterator[list[int]]:
    """Holds how many training jobs were made before; a test adds what it expects, and that is checked at its end."""
    expected = [1]
    before = aws.done(CREATE)
    yield expected
    assert aws.done(CREATE) - before == expected[0], "jobs that were made and paid for"


def killed(job: Job) -> None:
    """Kill the job's watcher as the kernel would."""
    os.kill(watching.worker_of(SAGEMAKER.refresh(job)).pid, signal.SIGKILL)
    until(lambda: not locks.is_locked(job.folder.lock), "the end of the watcher")


def test_a_job_that_is_not_found_yet_is_waited_for(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    with aws.settings(stale_job_seconds=2.0):
        job = ended(SAGEMAKER.train(spec(small_model)))
    assert job.state is State.COMPLETED, job.status.reason


def test_fault_24_two_clicks_are_one_job(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    asked = spec(small_model)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: SAGEMAKER.train(asked), range(20)))
    assert {job.id for job in found} == {asked.id}
    assert ended(found[0]).state is State.COMPLETED
    assert SAGEMAKER.train(asked).state is State.COMPLETED, (
        "submitted once more, it is still the same job"
    )


def test_fault_25_a_watcher_that_is_killed_is_followed_by_another(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    job = SAGEMAKER.train(spec(small_model, STEPS))
    said(job, "[metrics] epoch=5 ")
    killed(job)
    assert jobs.read(job.id).state is State.IN_PROGRESS, "the job itself goes on"
    job = ended(job)
    assert job.state is State.COMPLETED, job.status.reason
    epochs = [
        row["epoch"] for row in metrics.MetricLog(job.folder.log).refresh() if "train_loss" in row
    ]
    assert epochs == sorted(set(epochs)), "no line of the log came twice"
    assert len(epochs) == int(STEPS["epochs"])


def test_fault_25_a_watcher_that_is_killed_while_it_sends_goes_on(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    aws.fault("slow", "PutObject", seconds=1.5, times=40)
    job = SAGEMAKER.train(spec(small_model))
    until(lambda: written(aws, "images/"), "the first photo in the bucket")
    killed(job)
    sent = written(aws, "images/")
    assert ended(job).state is State.COMPLETED
    assert sent.items() <= written(aws, "images/").items(), "what was there was not sent again"


def test_fault_37_twenty_sessions_that_look_at_once_start_one_watcher(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    job = SAGEMAKER.train(spec(small_model, STEPS))
    said(job, "[metrics] epoch=2 ")
    killed(job)
    time.sleep(RESTART_SECONDS)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: SAGEMAKER.refresh(job), range(60)))
    assert {seen.id for seen in found} == {job.id}
    assert len(watching.processes_in(job.folder.path)) == 1
    assert ended(job).state is State.COMPLETED


def test_a_watcher_that_is_asked_to_end_leaves_the_job_alone(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    job = SAGEMAKER.train(spec(small_model, STEPS))
    said(job, "[metrics] epoch=5 ")
    watching.worker_of(SAGEMAKER.refresh(job)).terminate()
    until(lambda: not locks.is_locked(job.folder.lock), "the end of the watcher")
    assert jobs.read(job.id).state is State.IN_PROGRESS
    assert ended(job).state is State.COMPLETED


@pytest.mark.parametrize("kind", ["lost", "cut"])
def test_fault_45_an_answer_that_is_lost_makes_no_second_job(
    aws: Emulator, created: list[int], small_model: Model, kind: str
) -> None:
    aws.fault(kind, CREATE)
    assert ended(SAGEMAKER.train(spec(small_model))).state is State.COMPLETED


def test_fault_45_the_watcher_dies_between_the_creation_and_its_answer(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    aws.fault("slow", CREATE, seconds=4.0)
    before = aws.asked(CREATE)
    job = SAGEMAKER.train(spec(small_model))
    until(lambda: aws.asked(CREATE) > before, "the request")
    killed(job)
    assert ended(job).state is State.COMPLETED


@pytest.mark.parametrize("operation", [CREATE, "DescribeTrainingJob", "GetLogEvents", "PutObject"])
def test_fault_45_throttled_three_times(
    aws: Emulator, created: list[int], small_model: Model, operation: str
) -> None:
    aws.fault("throttled", operation, times=3)
    job = ended(SAGEMAKER.train(spec(small_model)))
    assert job.state is State.COMPLETED, job.status.reason
    assert len(metrics.epochs(metrics.MetricLog(job.folder.log).refresh())) > 3


def test_fault_46_what_is_not_allowed_is_named(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    created[0] = 0
    aws.fault("denied", CREATE)
    job = ended(SAGEMAKER.train(spec(small_model)))
    assert job.state is State.FAILED
    assert "sagemaker:CreateTrainingJob" in job.status.reason


def test_fault_46_without_credentials(
    aws: Emulator,
    created: list[int],
    small_model: Model,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    created[0] = 0
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(UserError, match="no AWS credentials"):
        SAGEMAKER.train(spec(small_model))
    assert [job.id for job in jobs.readable()] == [small_model.id]


def test_fault_46_without_an_account_this_workstation_still_works(small_model: Model) -> None:
    assert not SAGEMAKER.is_ready()
    with pytest.raises(UserError, match="AWS page"):
        SAGEMAKER.train(spec(small_model))
    assert LOCAL.refresh(small_model.job).state is State.COMPLETED


def test_fault_46_signed_out_while_it_runs(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    job = SAGEMAKER.train(spec(small_model, STEPS))
    said(job, "[metrics] epoch=2 ")
    aws.fault("expired", "DescribeTrainingJob", times=10)
    until(lambda: "Sign in again" in SAGEMAKER.notice(SAGEMAKER.refresh(job)), "the notice")
    assert SAGEMAKER.refresh(job).state is State.IN_PROGRESS, (
        "it runs on, whether it can be seen or not"
    )
    aws.ask("DELETE", "faults")
    assert ended(job).state is State.COMPLETED


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "CapacityError: Unable to provision requested ML compute capacity.",
            "no capacity for this instance type",
        ),
        ("ClientError: Please ensure that SageMaker can assume the role", "trust policy"),
    ],
)
def test_fault_47_a_platform_that_fails_is_explained(
    aws: Emulator, created: list[int], small_model: Model, reason: str, words: str
) -> None:
    aws.ask("POST", "fail", kind="training", reason=reason)
    job = ended(SAGEMAKER.train(spec(small_model)))
    assert job.state is State.FAILED
    assert words in job.status.reason


def test_fault_47_a_quota_of_zero(aws: Emulator, created: list[int], small_model: Model) -> None:
    created[0] = 0
    unlisted = f"{MACHINE.instance_type} for training job usage"
    with aws.settings(default_quota=0, not_listed=[unlisted]):
        job = ended(SAGEMAKER.train(spec(small_model)))
    assert job.state is State.FAILED
    assert "Service Quotas" in job.status.reason


def test_fault_47_a_script_that_fails_says_why(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    job = ended(SAGEMAKER.train(spec(small_model, SMALL | {"crop_to_box": "true"})))
    assert job.state is State.FAILED
    assert "no photo has a box" in job.status.reason


@pytest.mark.parametrize("more", [{}, {"crop_to_box": "true"}])
def test_fault_48_a_log_that_comes_long_after_the_end_is_read_to_its_end(
    aws: Emulator, created: list[int], small_model: Model, more: dict[str, str]
) -> None:
    with aws.settings(log_seconds=15.0):
        job = ended(SAGEMAKER.train(spec(small_model, SMALL | more)))
    if more:
        assert "no photo has a box" in job.status.reason
    else:
        assert len(metrics.epochs(metrics.MetricLog(job.folder.log).refresh())) > 3


def test_fault_48_before_there_is_a_log(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    with aws.settings(start_seconds=HELD):
        job = SAGEMAKER.train(spec(small_model))
        until_phase(job, "Waiting for instances")
        assert "[metrics]" not in SAGEMAKER.log(job).text
    assert ended(job).state is State.COMPLETED


def test_fault_49_the_network_goes_and_comes_back(
    aws: Emulator, created: list[int], small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = SAGEMAKER.train(spec(small_model, STEPS))
    said(job, "[metrics] epoch=2 ")
    killed(job)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert SAGEMAKER.refresh(job).state is State.IN_PROGRESS
    assert SAGEMAKER.log(job).text
    assert backends.endpoints() == []
    assert (
        quickest(lambda: (SAGEMAKER.refresh(job), SAGEMAKER.log(job), backends.endpoints()))
        < DRAWN_SECONDS
    )
    until(
        lambda: "Check the network connection" in SAGEMAKER.notice(SAGEMAKER.refresh(job)),
        "the notice",
    )
    assert SAGEMAKER.refresh(job).state is State.IN_PROGRESS
    SAGEMAKER.stop(job)
    time.sleep(1)
    assert not SAGEMAKER.refresh(job).state.is_finished, "nothing is decided without an answer"
    job.folder.stop_request.unlink()
    killed(job)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    assert ended(job).state is State.COMPLETED


def test_stopped_before_it_was_created_nothing_is_paid(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    created[0] = 0
    aws.fault("slow", "PutObject", seconds=3.0, times=40)
    job = SAGEMAKER.train(spec(small_model, LONG))
    until_phase(job, "Uploading the photos")
    SAGEMAKER.stop(job)
    assert ended(job).state is State.STOPPED


def test_what_somebody_stops_elsewhere_stops_here(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    job = SAGEMAKER.train(spec(small_model, LONG))
    said(job, "[metrics] epoch=2 ")
    aws.client("sagemaker").stop_training_job(TrainingJobName=job.id)
    job = ended(job)
    assert job.state is State.STOPPED
    assert "not in Fieldmark" in job.status.reason


def test_fault_53_no_secret_is_written(
    aws: Emulator,
    created: list[int],
    small_model: Model,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-token")
    job = ended(SAGEMAKER.train(spec(small_model)))
    assert job.state is State.COMPLETED, job.status.reason
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 2**22:
            assert b"canary" not in path.read_bytes(), path
    assert "canary" not in "".join(program.text for program in SAGEMAKER.as_code(job))


def test_fault_53_only_watchers_are_given_credentials(
    aws: Emulator, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    job = LOCAL.train(replace(spec(small_model, STEPS), resources=None))
    watching.said(LOCAL, job, "[metrics] epoch=2 ")
    for process in watching.processes_in(job.folder.path):
        assert not any(name.startswith("AWS_") for name in process.environ())


def test_the_account_may_change_while_a_job_runs(
    aws: Emulator, created: list[int], small_model: Model
) -> None:
    job = SAGEMAKER.train(spec(small_model, STEPS))
    said(job, "[metrics] epoch=2 ")
    accounts.save(
        accounts.Account("eu-west-1", "arn:aws:iam::123456789012:role/Other", "another-bucket")
    )
    killed(job)
    assert ended(job).state is State.COMPLETED
