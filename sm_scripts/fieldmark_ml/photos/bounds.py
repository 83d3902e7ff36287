"""Limits of what decoding a photo may take, and the errors for photos over them."""

from __future__ import annotations

from typing import NamedTuple

# A photo with more pixels is decoded at a half, a quarter or an eighth of its sides.
WHOLE_PIXELS = 50_000_000
FACTORS = (1, 2, 4, 8)
# libjpeg decodes a JPEG at those sides line by line, so only its time is bounded: 200-megapixel
# telephones are ordinary, and a side has at most 65,535 pixels.
MAX_JPEG_PIXELS = 250_000_000
# Memory that decoders may take before a photo is reduced, and the bytes per pixel of each: Pillow's
# image and what it is made from, or, of a JPEG in several scans, two bytes of each component.
MAX_DECODING_BYTES = 2**30
PIXEL_BYTES = {"AVIF": 16, "BMP": 8, "GIF": 8, "HEIF": 16, "PNG": 8, "TIFF": 8, "WEBP": 16}
# A progressive JPEG costs a decoder 3 ns for each pixel and scan, however few bytes the scan has.
# Cameras and encoders write 1 to 20 scans.
MAX_SCANS = 100
MAX_SCANNED_PIXELS = 1_500_000_000
# Segments, chunks and blocks are walked in Python; files of 64 MB have some thousand.
MAX_PARTS = 100_000
# Pillow decodes run-length BMPs in Python.
MAX_RLE = 10_000_000


class BadImage(ValueError):
    """Bytes that cannot be opened as a photo; the message says why."""


class Photo(NamedTuple):
    """A file's bytes as passed to decoders, its orientation (1 to 8), whether it is an 8-bit JPEG
    of one or three components, its format as Pillow calls it, and a JPEG's size before it is
    turned."""

    data: bytes
    orientation: int = 1
    is_plain_jpeg: bool = False
    format: str = ""
    width: int = 0
    height: int = 0


def factor(width: int, height: int) -> int:
    """Return the factor by which the sides of a photo of this size are divided in decoding."""
    fitting = (by for by in FACTORS if width * height <= WHOLE_PIXELS * by * by)
    return next(fitting, FACTORS[-1])


def reduced(width: int, height: int) -> tuple[int, int]:
    """Return the size to which a photo of this size is decoded."""
    by = factor(width, height)
    return -(-width // by), -(-height // by)


def check_decoding(kind: str, width: int, height: int) -> None:
    """Raise BadImage if decoding such a photo would take too much memory, or time."""
    if width < 1 or height < 1:
        raise BadImage("the image has no pixels")
    most = MAX_JPEG_PIXELS
    if kind != "JPEG":
        most = MAX_DECODING_BYTES // PIXEL_BYTES[kind]
    _check(kind, width, height, most)


def check_buffered(width: int, height: int, components: int) -> None:
    """Raise BadImage for a progressive JPEG that a decoder would have to hold in memory as a
    whole."""
    _check("progressive JPEG", width, height, MAX_DECODING_BYTES // (2 * max(1, components)))


def _check(kind: str, width: int, height: int, most: int) -> None:
    if width * height > most:
        limit = f"{most // 1_000_000} million pixels"
        called = {"HEIF": "HEIC"}.get(kind, kind)
        raise BadImage(f"{width} x {height} is more than {limit}, the limit for a {called}")


def count(parts: int) -> int:
    """Count one more part. Raises BadImage if there are too many."""
    if parts >= MAX_PARTS:
        raise BadImage(f"more than {MAX_PARTS:,} segments, but photos have a few")
    return parts + 1
