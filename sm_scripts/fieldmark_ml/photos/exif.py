"""The one reader of a photo's EXIF orientation, in any file format.

Only the orientation of the first directory counts, of any integer type and in either byte order.
XMP is ignored.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

ORIENTATION = 0x0112
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}


class Field(NamedTuple):
    """An entry of a directory: its tag, type and number of values, and 4 bytes with its value or
    the value's position."""

    tag: int
    kind: int
    number: int
    value: bytes


def order_of(tiff: bytes) -> str:
    """Return the byte order of a block, as struct writes it; empty if it is not one."""
    return {b"II": "<", b"MM": ">"}.get(tiff[:2], "")


def fields(tiff: bytes) -> Iterator[Field]:
    """Yield the entries of the first directory. Raises struct.error if the block ends within
    them."""
    order = order_of(tiff)
    if not order:
        return
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values, value = struct.unpack_from(f"{order}HHI4s", tiff, entry)
        yield Field(tag, kind, values, value)


def integer(field: Field, order: str) -> int | None:
    """Return the first integer of an entry that stores it inline; None for any other entry."""
    if field.kind not in INTEGERS:
        return None
    return int(struct.unpack_from(order + INTEGERS[field.kind], field.value)[0])


def orientation(tiff: bytes) -> int:
    """Return the orientation in a block, 0 if there is no valid one."""
    try:
        for field in fields(tiff):
            value = integer(field, order_of(tiff))
            if field.tag == ORIENTATION and value is not None:
                return value if 1 <= value <= 8 else 0
    except struct.error:
        # A photo with damaged EXIF is still a photo.
        return 0
    return 0


def without_header(exif: bytes) -> bytes:
    """Return the block behind the header that JPEGs put before it."""
    return exif[6:] if exif[:5] == b"Exif\0" else exif
