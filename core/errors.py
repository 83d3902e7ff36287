"""The exceptions of the project. Each message says what happened, to what, and what to do next."""

from __future__ import annotations


class FieldmarkError(Exception):
    """Base class of Fieldmark's errors; pages show the message instead of a traceback."""


class UserError(FieldmarkError):
    """A value or choice that cannot be used; `field` names its form field."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class BadImage(FieldmarkError):
    """A file that cannot be opened as an image. The user can replace it or leave it out."""


class BadArchive(FieldmarkError):
    """An archive that is refused; the message names the entry. The user can repack it."""


class NotFound(FieldmarkError):
    """A dataset, job, model or endpoint that does not exist, or whose folder cannot be read."""


class Unwritable(FieldmarkError, OSError):
    """A file that could not be written: a full disk, missing permissions, a read-only disk. Still
    an OSError with its number, for callers that can continue without the file."""

    def __init__(self, message: str, number: int, strerror: str) -> None:
        super().__init__(message)
        self.errno, self.strerror = number, strerror

    def __str__(self) -> str:
        return str(self.args[0])


class BackendError(FieldmarkError):
    """The platform that runs jobs refused or failed; the message has its reason."""


class PhotoRefused(BackendError):
    """An endpoint cannot use this photo, and a retry would not help."""
