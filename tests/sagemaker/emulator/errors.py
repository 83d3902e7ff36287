"""What the service refuses, in the words that the real one uses."""

from __future__ import annotations


class ApiError(Exception):
    """An error answer. `code` is what a client switches on, `status` the HTTP status, `body` the whole answer where it has more to say."""

    body = ""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def invalid(message: str) -> ApiError:
    """Return a request that can't be: SageMaker's answer too for most things that do not exist."""
    return ApiError("ValidationException", message)


class JobFailure(Exception):
    """What DescribeTrainingJob and DescribeTransformJob show as FailureReason."""
