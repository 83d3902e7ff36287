"""Why a job on SageMaker failed or stopped, in sentences that say what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core import settings
from core.aws import errors as aws_errors
from core.errors import BackendError
from core.jobs.status.causes import Cause
from core.jobs.stopping import Failed, Stopped

# The last line of sm_scripts/train.py when it fails.
_OURS = re.compile(r"^FAILED(?: \(RuntimeError\))?: (.+)$", re.MULTILINE)
_TOOLKIT = re.compile(r'ErrorMessage\s+"(.*?)"?\s*(?:Command|$)', re.DOTALL)
LOG_BYTES = 64 * 1024
NO_REASON = "SageMaker gives no reason. See the log."

# AWS's message -> the cause for code, and advice for people. The first match counts.
_ADVICE: tuple[tuple[str, Cause, str], ...] = (
    (
        r"ResourceLimitExceeded|service limit",
        Cause.QUOTA,
        (
            "The account's quota for this instance type is too small. Choose another type, or "
            "request an increase under Service Quotas."
        ),
    ),
    (
        r"CapacityError|[Ii]nsufficient capacity",
        Cause.CAPACITY,
        (
            "AWS has no capacity for this instance type. Try again later, or choose another "
            "instance type or region."
        ),
    ),
    (
        r"[Aa]ssume.{0,40}role|AssumeRole",
        Cause.ERROR,
        (
            "SageMaker can't assume the role. Its trust policy must name "
            "sagemaker.amazonaws.com; see Permissions on the AWS page."
        ),
    ),
    (
        r"AccessDenied|not authorized|Access Denied|403",
        Cause.ERROR,
        "The role lacks a permission. Compare it with the role policy on the AWS page.",
    ),
    (
        r"NoSuchBucket|[Bb]ucket.*does not exist",
        Cause.ERROR,
        "The bucket does not exist. Enter another one on the AWS page and start again.",
    ),
    (
        r"No S3 objects found|NoSuchKey|Data download failed",
        Cause.ERROR,
        "Objects are missing in the bucket. Start again: missing objects are uploaded.",
    ),
    (
        r"CannotPullContainer|[Ii]mage.*(not found|does not exist|pull)|RepositoryNotFound",
        Cause.ERROR,
        (
            "The container image can't be pulled. Check the image on the AWS page and, in a VPC, "
            "the route to ECR."
        ),
    ),
    (
        r"[Oo]ut of memory|OutOfMemory|[Ee]xit ?[Cc]ode.{0,3}137|signal 9|ExitCode -9",
        Cause.OUT_OF_MEMORY,
        ("Out of memory. Use a smaller batch size or image size, or a larger instance."),
    ),
    (
        r"No space left|disk.*full",
        Cause.DISK_FULL,
        "The instance's disk is full. Choose a larger volume.",
    ),
    (
        r"[Ss]pot|[Ii]nterrupt",
        Cause.SPOT,
        (
            "AWS reclaimed the spot instance too often. Resume the job, allow more waiting time, "
            "or turn off spot."
        ),
    ),
    (
        r"InternalServerError|[Ii]nternal [Ee]rror",
        Cause.ERROR,
        "SageMaker had an internal error. Resume the job.",
    ),
)
# Why it stopped, by its secondary status.
_STOPS = {"MaxRuntimeExceeded": Cause.TIME_LIMIT, "MaxWaitTimeExceeded": Cause.SPOT}
ELSEWHERE = "Stopped on SageMaker, not in Fieldmark."
SECONDARY = {
    "Starting": "Waiting for instances",
    "Pending": "Waiting for instances",
    "LaunchingMLInstances": "Starting the instances",
    "PreparingTrainingStack": "Preparing the instances",
    "Downloading": "Copying the photos to the instances",
    "DownloadingTrainingImage": "Pulling the container image",
    "Training": "Training",
    "Uploading": "Uploading the model",
    "Interrupted": "AWS reclaimed the spot instance; waiting for another",
    "Restarting": "Restarting",
    "Updating": "Updating",
    "Stopping": "Stopping",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Time limit reached",
    "MaxWaitTimeExceeded": "Waiting time exceeded",
    "Failed": "Failed",
    "Completed": "Done",
}


def phase(secondary: str) -> str:
    """Return SageMaker's secondary status in words; an unknown status is quoted."""
    if not secondary:
        return "Waiting for SageMaker"
    return SECONDARY.get(secondary, f"unknown: {secondary}")


def why_failed(described: Mapping[str, Any], log: str) -> str:
    """Return why a job failed: the script's reason if the log has one, else AWS's with advice."""
    return str(failure(described, log))


def failure(described: Mapping[str, Any], log: str) -> Failed:
    """Return the exception of a failed job, with the reason of `why_failed`."""
    if found := _OURS.findall(log):
        return Failed(str(found[-1])[: settings.MAX_FAILURE_CHARS], Cause.ERROR)
    given = str(described.get("FailureReason") or described.get("ExitMessage") or "")
    return explained(given)


def refusal(error: BackendError) -> BackendError:
    """Return the exception of a job that AWS refused to start; a quota is named as the cause."""
    if aws_errors.code_of(error) == aws_errors.QUOTA:
        return Failed(str(error), Cause.QUOTA)
    return error


def explained(given: str) -> Failed:
    """Return AWS's message, preceded by advice."""
    cause, advice = _meaning(given)
    if inner := _TOOLKIT.search(given):
        given = inner[1]
    said = " ".join(given.split())
    if not said and not advice:
        return Failed(NO_REASON, cause)
    if advice:
        said = f"{advice} SageMaker: {said}".strip()
    return Failed(said[: settings.MAX_FAILURE_CHARS], cause)


def _meaning(given: str) -> tuple[Cause, str]:
    for pattern, cause, advice in _ADVICE:
        if re.search(pattern, given):
            return cause, advice
    return Cause.ERROR, ""


def stop(described: Mapping[str, Any], *, asked: bool) -> Stopped:
    """Return the exception of a stopped job, with the reason of `why_stopped`."""
    usual = Cause.USER
    if not asked:
        usual = Cause.ELSEWHERE
    cause = _STOPS.get(described.get("SecondaryStatus", ""), usual)
    return Stopped(why_stopped(described, asked=asked), cause)


def time_limit_reached(seconds: float) -> str:
    if seconds < 3600:
        return f"Time limit of {seconds / 60:.3g} min reached."
    return f"Time limit of {seconds / 3600:.3g} h reached."


def why_stopped(described: Mapping[str, Any], *, asked: bool) -> str:
    """Return why a job stopped; '' if it was stopped in Fieldmark, where the request says so."""
    secondary = described.get("SecondaryStatus", "")
    limit = described.get("StoppingCondition", {})
    if secondary == "MaxRuntimeExceeded":
        reached = time_limit_reached(limit.get("MaxRuntimeInSeconds", 0))
        return f"{reached} Resume with a longer limit to continue from the last checkpoint."
    if secondary == "MaxWaitTimeExceeded":
        return (
            "No spot instance was available within the waiting time. Resume with more waiting "
            "time, or without spot."
        )
    if asked:
        return ""
    return ELSEWHERE
