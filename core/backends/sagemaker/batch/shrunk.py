"""Photos with more bytes than a model may be asked about: shrunk on their way to the bucket.

A job fails as a whole on a photo that is too large, so none may be among its photos as it is.
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
    """Why a photo of so many bytes can't be used at all; '' where it can."""
    if size <= settings.MAX_IMAGE_BYTES:
        return ""
    limit = files.human_bytes(settings.MAX_IMAGE_BYTES)
    return f"the file has {files.human_bytes(size)}; at most {limit} can be used"


def shrunk_id(image_id: str) -> str:
    """What the shrunk form of a photo is called: whoever trains on the photo wants it whole."""
    return hashlib.sha256(f"shrunk {image_id}".encode()).hexdigest()


def send(
    store: Store,
    wanted: Mapping[str, Callable[[], bytes]],
    report: Callable[[int], None],
    check_stop: Callable[[], None],
) -> dict[str, str]:
    """Shrink and send photos: target key -> how to read it. By target, why some could not be."""
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
            return "it is not in S3 any more"
        raise
