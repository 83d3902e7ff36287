"""Photos above the size limit of a request: shrunk before the upload.

One photo that is too large would fail the whole job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from core import settings
from core.aws import connection
from core.aws import errors as aws_errors
from core.aws.storage import Store
from core.errors import BackendError, BadImage
from core.io import files, images

SUFFIX = ".jpg"


def is_large(size: int) -> bool:
    return size > settings.MAX_INVOCATION_BYTES


def too_large(size: int) -> str:
    """Return why a photo of this size can't be used at all, or ''."""
    if size <= settings.MAX_IMAGE_BYTES:
        return ""
    limit = files.human_bytes(settings.MAX_IMAGE_BYTES)
    return f"the file has {files.human_bytes(size)}; the limit is {limit}"


def shrunk_id(image_id: str) -> str:
    """Return the id of a photo's shrunk copy; training needs the original under its own id."""
    return hashlib.sha256(f"shrunk {image_id}".encode()).hexdigest()


def send(
    store: Store,
    wanted: Mapping[str, Callable[[], bytes]],
    report: Callable[[int], None],
    check_stop: Callable[[], None],
) -> dict[str, str]:
    """Shrink and upload photos: target key -> reader. Return the problems by target."""
    problems: dict[str, str] = {}
    for number, (target, read) in enumerate(wanted.items(), 1):
        check_stop()
        if problem := _send(store, target, read, check_stop):
            problems[target] = problem
        report(number)
    return problems


def _send(
    store: Store,
    target: str,
    read: Callable[[], bytes],
    check_stop: Callable[[], None],
) -> str:
    try:
        if store.has(target):
            return ""
        small = images.shrunk(connection.retry(read, check_stop), settings.MAX_INVOCATION_BYTES)
        connection.retry(lambda: store.put(target, small), check_stop)
        return ""
    except BadImage as error:
        return str(error)
    except OSError as error:
        return f"the file can't be read ({error.strerror or error})"
    except BackendError as error:
        if aws_errors.is_missing(error):
            return "it is no longer in S3"
        raise
