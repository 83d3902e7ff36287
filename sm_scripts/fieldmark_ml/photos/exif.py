"""The one reader of which way up a photo is: EXIF, in whatever file it stands.

Only the orientation of the first directory counts, of any integer type and in either byte order.
What XMP says of it does not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

ORIENTATION = 0x0112
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}


class Field(NamedTuple):
    """An entry of a directory: its tag, type and number of values, and the 4 bytes of its value or
    of where that stands."""

    tag: int
    kind: int
    number: int
    value: bytes


def order_of(tiff: bytes) -> str:
    """The byte order of a block, as struct writes it; empty where it is none."""
    return {b"II": "<", b"MM": ">"}.get(tiff[:2], "")


def fields(tiff: bytes) -> Iterator[Field]:
    """The entries of the first directory. Raises struct.error where the block ends within them."""
    order = order_of(tiff)
    if not order:
        return
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values, value = struct.unpack_from(f"{order}HHI4s", tiff, entry)
        yield Field(tag, kind, values, value)


def integer(field: Field, order: str) -> int | None:
    """The first integer of an entry that holds it itself; None for any other entry."""
    if field.kind not in INTEGERS:
        return None
    return int(struct.unpack_from(order + INTEGERS[field.kind], field.value)[0])


def orientation(tiff: bytes) -> int:
    """The orientation in a block, 0 if there is none that has a meaning."""
    try:
        for field in fields(tiff):
            value = integer(field, order_of(tiff))
            if field.tag == ORIENTATION and value is not None:
                return value if 1 <= value <= 8 else 0
    except struct.error:
        # Broken EXIF does not make a broken photo.
        return 0
    return 0


def without_header(exif: bytes) -> bytes:
    """The block behind the header that JPEGs put before it."""
    return exif[6:] if exif[:5] == b"Exif\0" else exif
