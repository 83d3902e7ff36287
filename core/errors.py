"""The exceptions of the project. Each message says what happened, to what, and what the person can
do about it."""

from __future__ import annotations


class FieldmarkError(Exception):
    """Anything Fieldmark itself refuses or reports; pages show its text instead of a traceback."""


class UserError(FieldmarkError):
    """A value or choice that cannot be used; `field` names the form field that it is about."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class BadImage(FieldmarkError):
    """Bytes that are not an image Fieldmark opens. The person can replace or leave out the file."""


class BadArchive(FieldmarkError):
    """An archive that is refused whole; the message names the entry. The person can repack it."""


class NotFound(FieldmarkError):
    """A dataset, job, model or endpoint that is not there, or whose folder cannot be read."""


class Unwritable(FieldmarkError, OSError):
    """What could not be written, in words: a full disk, no right to write, a disk that only reads.
    It stays an OSError, with its number, for whoever goes on without the file."""

    def __init__(self, message: str, number: int, strerror: str) -> None:
        super().__init__(message)
        self.errno, self.strerror = number, strerror

    def __str__(self) -> str:
        return str(self.args[0])


class BackendError(FieldmarkError):
    """The platform that runs jobs refused or failed; the message carries its reason."""


class PhotoRefused(BackendError):
    """An endpoint can't use this photo, however often it is asked. Another file might do."""
