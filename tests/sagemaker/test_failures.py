"""AWS's reasons in words: every kind of failure that people report, each with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions

from core.aws import connection, errors
from core.backends.sagemaker import failures
from core.errors import BackendError
from core.jobs.status import causes
from core.jobs.status.causes import Cause
from core.jobs.stopping import Failed


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (
            "ResourceLimitExceeded: The account-level service limit 'ml.p3.2xlarge for training job usage' is 0 Instances",
            "Service Quotas",
        ),
        (
            "CapacityError: Unable to provision requested ML compute capacity. Please retry.",
            "no capacity for this instance type",
        ),
        (
            "ClientError: Please ensure that SageMaker can assume the role arn:aws:iam::1:role/x",
            "trust policy",
        ),
        (
            "ClientError: Data download failed:AccessDenied (403): Access Denied",
            "lacks a permission",
        ),
        (
            'ClientError: Data download failed:No S3 objects found under S3 URL "s3://b/k"',
            "missing in the bucket",
        ),
        (
            "ClientError: Data download failed:NoSuchBucket: The specified bucket does not exist",
            "bucket does not exist",
        ),
        ("AlgorithmError: CannotPullContainerError: pull access denied", "container image"),
        (
            "ClientError: Please use an instance type with more memory, or reduce the size of training data. exit code: 137",
            "Out of memory",
        ),
        ("AlgorithmError: OSError: [Errno 28] No space left on device", "instance's disk is full"),
        (
            "InternalServerError: We encountered an internal error.  Please try again.",
            "SageMaker had an internal error",
        ),
    ],
)
def test_fault_47_a_reason_of_the_platform_says_what_to_do(given: str, advice: str) -> None:
    text = failures.why_failed({"FailureReason": given}, "")
    assert advice in text
    assert "SageMaker: " in text
    assert len(text) <= 1024


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ("ResourceLimitExceeded: The account-level service limit", Cause.QUOTA),
        ("CapacityError: Unable to provision requested ML compute capacity.", Cause.CAPACITY),
        ("ClientError: exit code: 137", Cause.OUT_OF_MEMORY),
        ("AlgorithmError: OSError: [Errno 28] No space left on device", Cause.DISK_FULL),
        ("Spot instances were interrupted", Cause.SPOT),
        ("ClientError: Please ensure that SageMaker can assume the role x", Cause.ERROR),
        ("The moon is full", Cause.ERROR),
        ("", Cause.ERROR),
    ],
)
def test_a_reason_of_the_platform_is_a_cause(given: str, cause: Cause) -> None:
    failed = failures.failure({"FailureReason": given}, "")
    assert failed.cause is cause
    assert failures.failure({"FailureReason": given}, "FAILED: No cats.").cause is Cause.ERROR


@pytest.mark.parametrize(
    ("secondary", "asked", "cause"),
    [
        ("MaxRuntimeExceeded", False, Cause.TIME_LIMIT),
        ("MaxWaitTimeExceeded", True, Cause.SPOT),
        ("Stopped", True, Cause.USER),
        ("Stopped", False, Cause.ELSEWHERE),
    ],
)
def test_a_stop_of_the_platform_is_a_cause(secondary: str, asked: bool, cause: Cause) -> None:
    stopped = failures.stop({"SecondaryStatus": secondary}, asked=asked)
    assert stopped.cause is cause


def test_a_quota_that_refuses_a_job_is_the_cause_of_its_end() -> None:
    with (
        pytest.raises(BackendError) as refused_by,
        connection.translate_errors("creating the training job"),
    ):
        raise exceptions.ClientError(
            {"Error": {"Code": errors.QUOTA, "Message": "It is 0."}}, "CreateTrainingJob"
        )
    end = failures.refusal(refused_by.value)
    assert isinstance(end, Failed)
    assert (str(end), end.cause) == (str(refused_by.value), Cause.QUOTA)
    old = "Creating the training job did not work: a quota of the account is too small."
    assert causes.of_old_reason("Failed", old) is Cause.QUOTA
    other = BackendError("AWS does not respond.")
    assert failures.refusal(other) is other


def test_the_scripts_own_reason_comes_first() -> None:
    log = "FAILED: an earlier try\n 1.2 s  more\nFAILED: There is only one class (cat) in the train split.\n"
    assert failures.why_failed(
        {"FailureReason": "AlgorithmError: ExecuteUserScriptError"}, log
    ).startswith("There is only one class")


def test_of_the_toolkits_wrapping_only_the_message_is_shown() -> None:
    given = (
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n"
        'ErrorMessage "ValueError: asked to fail"\nCommand "/usr/bin/python train.py"'
    )
    assert failures.why_failed({"FailureReason": given}, "") == "ValueError: asked to fail"


@pytest.mark.parametrize(
    ("described", "asked", "words"),
    [
        (
            {
                "SecondaryStatus": "MaxRuntimeExceeded",
                "StoppingCondition": {"MaxRuntimeInSeconds": 5400},
            },
            False,
            "1.5 h",
        ),
        ({"SecondaryStatus": "MaxWaitTimeExceeded"}, False, "spot instance"),
        ({"SecondaryStatus": "Stopped"}, False, "not in Fieldmark"),
    ],
)
def test_fault_47_why_a_job_stopped_that_nobody_stopped_here(
    described: dict[str, Any], asked: bool, words: str
) -> None:
    assert words in failures.why_stopped(described, asked=asked)


def test_what_was_asked_for_here_says_so_itself() -> None:
    assert failures.why_stopped({"SecondaryStatus": "Stopped"}, asked=True) == ""


def test_fault_47_a_phase_that_is_new_is_named_and_not_hidden() -> None:
    assert failures.phase("Teleporting") == "unknown: Teleporting"
    assert failures.phase("Downloading") == "Copying the photos to the instances"


def refused(
    code: str, message: str = "no", operation: str = "CreateTrainingJob"
) -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("error", "words", "passing"),
    [
        (exceptions.NoCredentialsError(), "no usable AWS credentials", True),
        (exceptions.ProfileNotFound(profile="birds"), "AWS_PROFILE", True),
        (exceptions.NoRegionError(), "No region", True),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "Check the network connection", True),
        (exceptions.ReadTimeoutError(endpoint_url="https://x"), "Check the network connection", True),
        (refused("ExpiredTokenException"), "Sign in again", True),
        (refused("ThrottlingException"), "throttling requests", True),
        (refused("AccessDeniedException", "User: x is not authorized to perform: sagemaker:CreateTrainingJob on resource: y"),
         "sagemaker:CreateTrainingJob", False),
        (refused("AccessDenied", operation="PutObject"), "PutObject", False),
        (refused("ResourceLimitExceeded", "limit 'ml.p3' is 0"), "Service Quotas", False),
        (refused("NoSuchBucket"), "bucket does not exist", False),
    ],
)  # fmt: skip
def test_fault_46_an_error_of_aws_names_what_is_missing(
    error: Exception, words: str, passing: bool
) -> None:
    with (
        pytest.raises(BackendError, match="Reading it failed") as refusal,
        connection.translate_errors("reading it"),
    ):
        raise error
    assert words in str(refusal.value)
    assert errors.is_transient(refusal.value) is passing


def test_what_is_missing_and_what_is_there_already_are_told_apart() -> None:
    assert errors.is_missing(refused("ValidationException", 'Could not find training job "x".'))
    assert errors.is_missing(refused("ValidationException", "Requested resource not found."))
    assert errors.is_missing(refused("404"))
    assert not errors.is_missing(refused("ValidationException", "1 validation error detected"))
    assert errors.is_there_already(refused("ResourceInUse", "Training job names must be unique"))
    assert not errors.is_there_already(refused("ThrottlingException"))


@pytest.mark.parametrize("given", ["", 'ExecuteUserScriptError: ErrorMessage "" Command python'])
def test_a_failure_always_has_a_reason(given: str) -> None:
    found = failures.failure({"FailureReason": given}, "")
    assert str(found) == failures.NO_REASON


def test_the_scripts_last_line_names_an_error_so_that_sagemaker_reports_it() -> None:
    log = "1 s working\nFAILED (RuntimeError): There is only one class (cat).\n"
    assert str(failures.failure({}, log)) == "There is only one class (cat)."
