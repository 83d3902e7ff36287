"""Why a job on SageMaker ended as it did, in words that say what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core import settings
from core.aws import errors as aws_errors
from core.errors import BackendError
from core.jobs.status.causes import Cause
from core.jobs.stopping import Failed, Stopped

# The line with which sm_scripts/train.py ends when it fails.
_OURS = re.compile(r"^FAILED(?: \(RuntimeError\))?: (.+)$", re.MULTILINE)
_TOOLKIT = re.compile(r'ErrorMessage\s+"(.*?)"?\s*(?:Command|$)', re.DOTALL)
LOG_BYTES = 64 * 1024
NO_REASON = "SageMaker gives no reason. The log may have one."

# What AWS says -> what it means for code, and what a person can do. The first that fits is taken.
_ADVICE: tuple[tuple[str, Cause, str], ...] = (
    (
        r"ResourceLimitExceeded|service limit",
        Cause.QUOTA,
        (
            "The account's quota for this instance type is too small. Choose another one, or "
            "ask for more under Service Quotas."
        ),
    ),
    (
        r"CapacityError|[Ii]nsufficient capacity",
        Cause.CAPACITY,
        (
            "AWS has no such machine free now. Try again later, choose another instance type, "
            "or another region."
        ),
    ),
    (
        r"[Aa]ssume.{0,40}role|AssumeRole",
        Cause.ERROR,
        (
            "SageMaker may not use the role. Its trust policy has to name "
            "sagemaker.amazonaws.com; the AWS page shows how."
        ),
    ),
    (
        r"AccessDenied|not authorized|Access Denied|403",
        Cause.ERROR,
        "The role lacks a permission. Compare it with the policy on the AWS page.",
    ),
    (
        r"NoSuchBucket|[Bb]ucket.*does not exist",
        Cause.ERROR,
        "The bucket is gone. Give another one on the AWS page and train again.",
    ),
    (
        r"No S3 objects found|NoSuchKey|Data download failed",
        Cause.ERROR,
        "Something is missing in the bucket. Train again: what is missing is uploaded once more.",
    ),
    (
        r"CannotPullContainer|[Ii]mage.*(not found|does not exist|pull)|RepositoryNotFound",
        Cause.ERROR,
        (
            "The container image could not be fetched. Check the image on the AWS page and, "
            "in a VPC, its way to ECR."
        ),
    ),
    (
        r"[Oo]ut of memory|OutOfMemory|[Ee]xit ?[Cc]ode.{0,3}137|signal 9|ExitCode -9",
        Cause.OUT_OF_MEMORY,
        (
            "It ran out of memory. Lower the batch size or the image size, or choose a larger "
            "instance."
        ),
    ),
    (
        r"No space left|disk.*full",
        Cause.DISK_FULL,
        "The disk of the instance is full. Ask for a larger one.",
    ),
    (
        r"[Ss]pot|[Ii]nterrupt",
        Cause.SPOT,
        (
            "The spot machine was taken back too often. Resume it, give it more waiting time, "
            "or do without spot."
        ),
    ),
    (
        r"InternalServerError|[Ii]nternal [Ee]rror",
        Cause.ERROR,
        "SageMaker itself failed. Resume the job.",
    ),
)
# Why it stopped, by its secondary status.
_STOPS = {"MaxRuntimeExceeded": Cause.TIME_LIMIT, "MaxWaitTimeExceeded": Cause.SPOT}
ELSEWHERE = "It was stopped on SageMaker, not from here."
SECONDARY = {
    "Starting": "Waiting for machines",
    "Pending": "Waiting for machines",
    "LaunchingMLInstances": "Starting the machines",
    "PreparingTrainingStack": "Preparing the machines",
    "Downloading": "Copying the photos to the machines",
    "DownloadingTrainingImage": "Fetching the container image",
    "Training": "Training",
    "Uploading": "Storing the model",
    "Interrupted": "The spot machine was taken back; waiting for another",
    "Restarting": "Starting again",
    "Updating": "Updating",
    "Stopping": "Stopping",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "The time limit was reached",
    "MaxWaitTimeExceeded": "The waiting time was over",
    "Failed": "Failed",
    "Completed": "Done",
}


def phase(secondary: str) -> str:
    """SageMaker's secondary status for people; one that is new here is named as it is."""
    if not secondary:
        return "Waiting for SageMaker"
    return SECONDARY.get(secondary, f"unknown: {secondary}")


def why_failed(described: Mapping[str, Any], log: str) -> str:
    """The reason of a failed job: our script's own where the log has it, else AWS's with advice."""
    return str(failure(described, log))


def failure(described: Mapping[str, Any], log: str) -> Failed:
    """The end of a failed job, to be raised, with its reason as `why_failed`."""
    if found := _OURS.findall(log):
        return Failed(str(found[-1])[: settings.MAX_FAILURE_CHARS], Cause.ERROR)
    given = str(described.get("FailureReason") or described.get("ExitMessage") or "")
    return explained(given)


def refusal(error: BackendError) -> BackendError:
    """What AWS refused to begin, to be raised; where a quota is in the way, the job says so."""
    if aws_errors.code_of(error) == aws_errors.QUOTA:
        return Failed(str(error), Cause.QUOTA)
    return error


def explained(given: str) -> Failed:
    """AWS's words with what to do about them, the advice first."""
    cause, advice = _meaning(given)
    if inner := _TOOLKIT.search(given):
        given = inner[1]
    said = " ".join(given.split())
    if not said and not advice:
        return Failed(NO_REASON, cause)
    if advice:
        said = f"{advice} SageMaker says: {said}".strip()
    return Failed(said[: settings.MAX_FAILURE_CHARS], cause)


def _meaning(given: str) -> tuple[Cause, str]:
    for pattern, cause, advice in _ADVICE:
        if re.search(pattern, given):
            return cause, advice
    return Cause.ERROR, ""


def stop(described: Mapping[str, Any], *, asked: bool) -> Stopped:
    """The end of a stopped job, to be raised, with its reason as `why_stopped`."""
    usual = Cause.USER
    if not asked:
        usual = Cause.ELSEWHERE
    cause = _STOPS.get(described.get("SecondaryStatus", ""), usual)
    return Stopped(why_stopped(described, asked=asked), cause)


def why_stopped(described: Mapping[str, Any], *, asked: bool) -> str:
    """Why a stopped job stopped; empty where somebody asked for it here, for then the request says
    so."""
    secondary = described.get("SecondaryStatus", "")
    limit = described.get("StoppingCondition", {})
    if secondary == "MaxRuntimeExceeded":
        hours = limit.get("MaxRuntimeInSeconds", 0) / 3600
        return (
            f"It reached its time limit of {hours:.3g} hours. Resume it with a longer one to "
            "go on from its last checkpoint."
        )
    if secondary == "MaxWaitTimeExceeded":
        return (
            "No spot machine was free for long enough. Resume it with more waiting time, or "
            "without spot."
        )
    if asked:
        return ""
    return ELSEWHERE
