"""What AWS's errors mean: the only place that knows its codes for them.

Each function takes an error of boto3, or a BackendError that was made of one.
"""

from __future__ import annotations

import re

THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
}
EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
}
DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AccessDeniedError",
    "UnauthorizedOperation",
    "Forbidden",
    "403",
}
BROKEN = {
    "InternalFailure",
    "InternalServerError",
    "InternalError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "500",
    "503",
}
MISSING = {
    "ResourceNotFound",
    "ResourceNotFoundException",
    "ObjectNotFoundException",
    "NoSuchKey",
    "NotFound",
    "404",
}
CHANGED = {"PreconditionFailed", "412"}
ELSEWHERE = {"PermanentRedirect", "301"}
# What a new endpoint answers while its container starts.
NOT_READY = {
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ThrottlingException",
    "InternalFailure",
}
NO_BUCKET, NO_ROLE = "NoSuchBucket", "NoSuchEntity"
QUOTA, TAKEN, OF_MODEL = "ResourceLimitExceeded", "ResourceInUse", "ModelError"
# One code for much that SageMaker refuses; which it is only its message says.
INVALID = "ValidationException"
NOT_FOUND = ("not found", "could not find", "does not exist")
_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")


def code_of(error: BaseException) -> str:
    """AWS's own code of an error, its own or its cause's, or the empty string."""
    for found in (error, error.__cause__):
        response = getattr(found, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def is_transient(error: BaseException) -> bool:
    """Whether the same question may be answered later: no network, throttled, signed out, or AWS
    itself out of order."""
    from botocore import exceptions

    cause = error.__cause__ or error
    if isinstance(cause, exceptions.ClientError):
        return code_of(cause) in THROTTLED | EXPIRED | BROKEN
    return isinstance(cause, exceptions.BotoCoreError) and not isinstance(
        cause, exceptions.ParamValidationError
    )


def is_missing(error: BaseException) -> bool:
    """Whether AWS says that what was asked for does not exist."""
    if code_of(error) in MISSING:
        return True
    text = _text(error)
    return code_of(error) == INVALID and any(words in text for words in NOT_FOUND)


def is_denied(error: BaseException) -> bool:
    """Whether AWS says that whoever asks may not."""
    return code_of(error) in DENIED


def is_there_already(error: BaseException) -> bool:
    """Whether AWS refused a name because something has it."""
    if code_of(error) == TAKEN:
        return True
    return code_of(error) == INVALID and "already exist" in _text(error)


def words(error: BaseException) -> str:
    """An error of boto3 as a sentence that says what to do."""
    from botocore import exceptions

    if code_of(error):
        return _refusal(error)
    if has_no_credentials(error):
        return (
            "there are no usable AWS credentials here. Run `aws configure`, or set "
            "AWS_PROFILE, and start Fieldmark again."
        )
    if has_no_profile(error):
        return f"{error}. Set AWS_PROFILE to one of `aws configure list-profiles`."
    if isinstance(error, exceptions.NoRegionError):
        return "no region is set. Give one on the AWS page."
    if is_signed_out(error):
        return "the AWS sign-in has expired. Run `aws sso login` and try again."
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return "AWS does not answer; the network may be gone."
    return str(error)


def has_no_credentials(error: BaseException) -> bool:
    """Whether boto3 found nothing on this machine to sign in with."""
    from botocore import exceptions

    return isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.CredentialRetrievalError,
    )


def has_no_profile(error: BaseException) -> bool:
    """Whether AWS_PROFILE names a profile that is not there."""
    from botocore import exceptions

    return isinstance(error, exceptions.ProfileNotFound)


def is_signed_out(error: BaseException) -> bool:
    """Whether the single sign-on has to be done again."""
    from botocore import exceptions

    return isinstance(error, exceptions.TokenRetrievalError | exceptions.SSOError)


def _text(error: BaseException) -> str:
    return str(error.__cause__ or error).lower()


def _refusal(error: BaseException) -> str:
    code = code_of(error)
    message = str(getattr(error, "response", {}).get("Error", {}).get("Message", "")) or str(error)
    if code in THROTTLED:
        return "AWS asks for patience (too many requests). It is tried again by itself."
    if code in EXPIRED:
        return (
            "the AWS credentials are not valid any more. Sign in again with `aws sso login` "
            "or `aws configure`, then restart Fieldmark."
        )
    if code in DENIED:
        return (
            f"the permission {_action(error, message)} is missing. Add it to the policy of "
            f"whoever runs Fieldmark. AWS says: {message}"
        )
    if code == QUOTA:
        return (
            f"a quota of the account is too small: {message} Choose another instance type, or "
            "ask for more under Service Quotas."
        )
    if code == NO_BUCKET:
        return "the bucket does not exist. Give another one on the AWS page, or make it there."
    if code in ELSEWHERE:
        return (
            "the bucket lies in another region than the jobs. Give one in the same region on "
            "the AWS page."
        )
    return f"{message} ({code})"


def _action(error: BaseException, message: str) -> str:
    """The permission that was missing: as AWS names it, or made of the call."""
    if found := _ACTION.search(message):
        return found[1]
    operation = str(getattr(error, "operation_name", "")) or "of this call"
    return f"for {operation}"
