"""The meaning of AWS's errors; the only module that knows AWS's error codes.

Each function takes an error of boto3, or a BackendError caused by one.
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
# The errors of a new endpoint while its container starts.
NOT_READY = {
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ThrottlingException",
    "InternalFailure",
}
NO_BUCKET, NO_ROLE = "NoSuchBucket", "NoSuchEntity"
QUOTA, TAKEN, OF_MODEL = "ResourceLimitExceeded", "ResourceInUse", "ModelError"
# In the names of the quotas of serverless endpoints.
SERVERLESS = "serverless endpoint"
# SageMaker uses one code for many errors; only the message tells them apart.
INVALID = "ValidationException"
NOT_FOUND = ("not found", "could not find", "does not exist")
_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")


def code_of(error: BaseException) -> str:
    """Return AWS's code of an error or of its cause, or ''."""
    for found in (error, error.__cause__):
        response = getattr(found, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def is_transient(error: BaseException) -> bool:
    """Return whether a retry may succeed: no network, throttled, signed out, or a fault of AWS."""
    from botocore import exceptions

    cause = error.__cause__ or error
    if isinstance(cause, exceptions.ClientError):
        return code_of(cause) in THROTTLED | EXPIRED | BROKEN
    return isinstance(cause, exceptions.BotoCoreError) and not isinstance(
        cause, exceptions.ParamValidationError
    )


def is_missing(error: BaseException) -> bool:
    """Return whether AWS reports that the requested resource does not exist."""
    if code_of(error) in MISSING:
        return True
    text = _text(error)
    return code_of(error) == INVALID and any(words in text for words in NOT_FOUND)


def is_denied(error: BaseException) -> bool:
    """Return whether AWS denied access."""
    return code_of(error) in DENIED


def is_there_already(error: BaseException) -> bool:
    """Return whether AWS rejected a name that is in use."""
    if code_of(error) == TAKEN:
        return True
    return code_of(error) == INVALID and "already exist" in _text(error)


def explain(error: BaseException) -> str:
    """Return an error of boto3 in sentences that say what to do."""
    from botocore import exceptions

    if code_of(error):
        return _refusal(error)
    if has_no_credentials(error):
        return (
            "There are no usable AWS credentials on this machine. Run `aws configure`, or set "
            "AWS_PROFILE, then restart Fieldmark."
        )
    if has_no_profile(error):
        return f"{error}. Set AWS_PROFILE to one of `aws configure list-profiles`."
    if isinstance(error, exceptions.NoRegionError):
        return "No region is set. Enter one on the AWS page."
    if is_signed_out(error):
        return "The AWS sign-in has expired. Run `aws sso login` and try again."
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return "AWS does not respond. Check the network connection."
    return str(error)


def has_no_credentials(error: BaseException) -> bool:
    """Return whether boto3 found no credentials on this machine."""
    from botocore import exceptions

    return isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.CredentialRetrievalError,
    )


def has_no_profile(error: BaseException) -> bool:
    """Return whether AWS_PROFILE names a profile that does not exist."""
    from botocore import exceptions

    return isinstance(error, exceptions.ProfileNotFound)


def is_signed_out(error: BaseException) -> bool:
    """Return whether the single sign-on has expired."""
    from botocore import exceptions

    return isinstance(error, exceptions.TokenRetrievalError | exceptions.SSOError)


def _text(error: BaseException) -> str:
    return str(error.__cause__ or error).lower()


def _refusal(error: BaseException) -> str:
    code = code_of(error)
    message = str(getattr(error, "response", {}).get("Error", {}).get("Message", "")) or str(error)
    if code in THROTTLED:
        return "AWS is throttling requests. Retrying automatically."
    if code in EXPIRED:
        return (
            "The AWS credentials are no longer valid. Sign in again with `aws sso login` or "
            "`aws configure`, then restart Fieldmark."
        )
    if code in DENIED:
        return (
            f"The permission {_action(error, message)} is missing. Add it to the policy of the "
            f"user or role that runs Fieldmark. AWS: {message}"
        )
    if code == QUOTA and SERVERLESS in message:
        return (
            f"The account allows less for serverless endpoints: {message} Choose less memory or "
            "concurrency, or an instance type, or ask AWS Support for an increase."
        )
    if code == QUOTA:
        return (
            f"An account quota is too small: {message} Choose another instance type, or request "
            "an increase under Service Quotas."
        )
    if code == NO_BUCKET:
        return "The bucket does not exist. Create it, or enter another one on the AWS page."
    if code in ELSEWHERE:
        return (
            "The bucket is in another region than the jobs. Enter a bucket in the same region on "
            "the AWS page."
        )
    return f"{message} ({code})"


def _action(error: BaseException, message: str) -> str:
    """Return the missing permission as AWS names it, or the name of the call."""
    if found := _ACTION.search(message):
        return found[1]
    operation = str(getattr(error, "operation_name", "")) or "this call"
    return f"for {operation}"
