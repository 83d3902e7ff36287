"""Untrusted images. sm_scripts/fieldmark_ml/photos/images.py decodes them; this module translates
its errors and caches thumbnails."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import types
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from core import settings
from core.errors import BadImage, Unwritable
from core.io import exif, files
from sm_scripts.fieldmark_ml.photos import images as photos

IMAGE_ID = re.compile(r"[0-9a-f]{64}")
JPEG_QUALITY = 85
THREADS = 4
# The short sides to shrink a photo to, largest first: a model uses its centre at 224 to 512 pixels.
SHRUNK_SIDES = (1024, 724, 512, 256)
SHRUNK_QUALITY = 95
# One at a time: a large photo takes 200 MB while it is open.
_shrinking = threading.Lock()
MAX_UNKEPT = 500

# Thumbnails that did not fit on a full disk, so that pages still show them.
_unkept: dict[str, bytes] = {}


class Facts(NamedTuple):
    """The facts of an image file: SHA-256 of its bytes, upright size in pixels, size in bytes, why
    it cannot be used ('' if it can), and its EXIF (exif.facts)."""

    image_id: str
    width: int
    height: int
    size_bytes: int
    problem: str
    metadata: Mapping[str, str] = types.MappingProxyType({})


def open_image(source: Path | bytes) -> Image.Image:
    """Return the photo in RGB, upright, first frame, fully decoded: the same pixels as in training
    and serving. A very large photo is reduced. Raises BadImage with the reason."""
    return open_sized(source)[0]


def open_sized(source: Path | bytes) -> tuple[Image.Image, tuple[int, int]]:
    """Return as `open_image` does, with the upright photo's own width and height."""
    try:
        return photos.open_sized(source if isinstance(source, bytes) else _bytes_of(source))
    except photos.BadImage as error:
        raise BadImage(str(error)) from None


def probe(path: Path) -> tuple[str, int, int, int]:
    """Return `(image_id, width, height, size_bytes)` after a full decode; width and height are the
    upright image's. Raises BadImage."""
    facts = examine(path)
    if facts.problem:
        raise BadImage(f"{path}: {facts.problem}")
    return facts[:4]


def examine(path: Path) -> Facts:
    """Return as `probe` does, with the reason in `problem` instead of raised. A file that cannot be
    read or is too large has no image_id."""
    data = content(path)
    return data if isinstance(data, Facts) else examine_bytes(data)


def content(path: Path) -> bytes | Facts:
    """Return the bytes of a file that may be an image, or why there are none."""
    try:
        return _bytes_of(path)
    except BadImage as error:
        size = path.stat().st_size if path.exists() else 0
        return Facts("", 0, 0, size, str(error))


def examine_bytes(data: bytes) -> Facts:
    """Return the facts of the image with these bytes."""
    image_id = hashlib.sha256(data).hexdigest()
    try:
        _, (width, height) = open_sized(data)
    except BadImage as error:
        return Facts(image_id, 0, 0, len(data), str(error))
    return Facts(image_id, width, height, len(data), "", exif.facts(data))


def shrunk(data: bytes, most: int) -> bytes:
    """Return the photo's bytes if they are at most `most`, else a smaller, upright JPEG of it that
    is.

    Raises BadImage for what is not a photo, or can't be made that small.
    """
    if len(data) <= most:
        return data
    with _shrinking:
        image = open_image(data)
        for side in SHRUNK_SIDES:
            small = _with_short_side(image, side)
            if len(small) <= most:
                return small
    raise BadImage(f"{image.width} x {image.height} can't be shrunk to {files.human_bytes(most)}")


def _with_short_side(image: Image.Image, side: int) -> bytes:
    share = min(1.0, side / min(image.size))
    size = max(1, round(share * image.width)), max(1, round(share * image.height))
    buffer = io.BytesIO()
    resized = image.resize(size, Image.Resampling.BICUBIC) if size != image.size else image
    resized.save(buffer, "JPEG", quality=SHRUNK_QUALITY, subsampling=0)
    return buffer.getvalue()


def thumbnail_path(image_id: str) -> Path:
    """Return the path of this image's thumbnail."""
    if not IMAGE_ID.fullmatch(image_id):
        raise BadImage(f"{image_id[:80]!r} is not an image id")
    return settings.thumbnails_dir() / image_id[:2] / f"{image_id}.jpg"


def thumbnail(image_id: str, path: Path) -> Path:
    """Return the thumbnail of the image at `path`: a JPEG, settings.THUMBNAIL_SIDE pixels on its
    long side, made once per `image_id`.

    Raises BadImage if the file can't be opened, or is not the one that was imported any more.
    """
    target = thumbnail_path(image_id)
    if target.is_file():
        return target
    data = _bytes_of(path)
    if hashlib.sha256(data).hexdigest() != image_id:
        raise BadImage(f"{path.name} has changed since it was imported; import its folder again")
    made = io.BytesIO()
    _reduced(data).save(made, "JPEG", quality=JPEG_QUALITY)
    try:
        files.folder_below(settings.thumbnails_dir(), target.parent.name)
        files.write_bytes(target, made.getvalue())
    except Unwritable:
        _remember(image_id, made.getvalue())
        raise
    return target


def unkept(image_id: str) -> bytes | None:
    """Return a recent thumbnail that did not fit on the disk."""
    return _unkept.get(image_id)


def _remember(image_id: str, thumbnail: bytes) -> None:
    _unkept[image_id] = thumbnail
    for oldest in list(_unkept)[:-MAX_UNKEPT]:
        _unkept.pop(oldest, None)


def thumbnails(images: Sequence[tuple[str, Path]]) -> list[Path | None]:
    """Return `thumbnail` for each `(image_id, path)`, several at a time, in order; None for an
    image that can't be opened any more."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda image: _thumbnail_or_none(*image), images))


def _thumbnail_or_none(image_id: str, path: Path) -> Path | None:
    try:
        return thumbnail(image_id, path)
    except BadImage:
        return None


def _reduced(data: bytes) -> Image.Image:
    """Return the image at thumbnail size.

    A plain JPEG is decoded at a fraction of its own size, which is several times faster.
    """
    box = (settings.THUMBNAIL_SIDE, settings.THUMBNAIL_SIDE)
    try:
        photo = photos.read(data)
        if photo.is_plain_jpeg and (jpeg := photos.opened(photo)).mode in ("RGB", "L"):
            jpeg.thumbnail(box, Image.Resampling.BICUBIC, reducing_gap=1.0)
            return photos.upright(jpeg, photo.orientation).convert("RGB")
    except Exception:
        # open_image decides about special cases, and says why.
        return _fitted(open_image(data), box)
    return _fitted(open_image(data), box)


def _fitted(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    image.thumbnail(box, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return image


def _bytes_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > settings.MAX_IMAGE_BYTES:
            raise BadImage(
                f"the file has {files.human_bytes(size)}; the limit is "
                f"{files.human_bytes(settings.MAX_IMAGE_BYTES)}"
            )
        return path.read_bytes()
    except OSError as error:
        raise BadImage(f"the file can't be read ({error.strerror or error})") from None
