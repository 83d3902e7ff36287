"""Input for decoders of TIFF: the first page, under a new directory with only the fields that
pixels need. Without the others no decoder rotates it, reads another page, or fails on a program's
private fields. Cameras' RAW files are TIFFs, too: their first page is a small preview, so they are
refused."""

from __future__ import annotations

import struct

from . import exif
from .bounds import MAX_PARTS, PIXEL_BYTES, BadImage, Photo, check_decoding
from .exif import Field

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _SAMPLES, _PLANES = 254, 256, 257, 258, 277, 284
_STRIPS, _ROWS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _SAMPLE_FORMAT = 273, 278, 322, 323, 324, 339
_DNG = 50706
# Fields of pixels: size, depth, compression, colours, strips and tiles, and the tables that JPEGs
# need.
_NEEDED = {
    *(_WIDTH, _HEIGHT, _BITS, 259, 262, 266, _STRIPS, _SAMPLES, _ROWS, 279, _PLANES, 292, 293),
    *(317, 320, _TILE_WIDTH, _TILE_HEIGHT, _TILES, 325, 332, 334, 338, _SAMPLE_FORMAT, 347),
    *(512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532),
}
_UNSIGNED = 1
_MAX_BITS = 16


def tiff(data: bytes) -> Photo:
    """Keep the first page, and refuse a TIFF that is not a photo of 8 or 16 bits."""
    order = exif.order_of(data)
    found = {field.tag: field for field in exif.fields(data)}
    if data[8:10] == b"CR" or _DNG in found or (_number(found, _SUBFILE, order) or 0) & 1:
        raise BadImage("a RAW photo, which cannot be opened; save it as JPEG or PNG")
    width, height = _number(found, _WIDTH, order) or 0, _number(found, _HEIGHT, order) or 0
    check_decoding("TIFF", width, height)
    _check_depth(data, found, order)
    _check_parts(found, order, width, height)
    kept = [field for tag, field in sorted(found.items()) if tag in _NEEDED]
    if any(field.number > MAX_PARTS for field in kept):
        raise BadImage(f"more than {MAX_PARTS:,} strips or tiles, but photos have a few")
    entries = b"".join(struct.pack(f"{order}HHI4s", *field) for field in kept)
    # A directory starts at an even byte.
    body = data[8:] + bytes(len(data) % 2)
    start = struct.pack(f"{order}I", 8 + len(body))
    made = struct.pack(f"{order}H", len(kept)) + entries + bytes(4)
    turned = exif.orientation(data) or 1
    return Photo(data[:4] + start + body + made, turned, format="TIFF")


def _number(found: dict[int, Field], tag: int, order: str) -> int | None:
    return exif.integer(found[tag], order) if tag in found else None


def _check_depth(data: bytes, found: dict[int, Field], order: str) -> None:
    bits = _first(data, found, _BITS, order)
    kind = _first(data, found, _SAMPLE_FORMAT, order)
    if (bits or 1) > _MAX_BITS or (kind or _UNSIGNED) != _UNSIGNED:
        raise BadImage(
            f"a TIFF of {bits} bits, which holds measurements and not colours; save it with 8 or "
            "16 bits"
        )


def _first(data: bytes, found: dict[int, Field], tag: int, order: str) -> int | None:
    """Return the first of an entry's values, which are stored elsewhere if they take more than 4
    bytes."""
    field = found.get(tag)
    if field is None or field.kind != 3 or field.number <= 2:
        return _number(found, tag, order)
    (at,) = struct.unpack(f"{order}I", field.value)
    return int(struct.unpack_from(f"{order}H", data, at)[0])


def _check_parts(found: dict[int, Field], order: str, width: int, height: int) -> None:
    """Raise BadImage for a page that has more strips or tiles than pixels, or larger ones."""
    across, down = _number(found, _TILE_WIDTH, order), _number(found, _TILE_HEIGHT, order)
    if _TILES in found and across and down:
        tag, one = _TILES, (across, down)
        check_decoding("TIFF", across, down)
    else:
        rows = max(1, min(_number(found, _ROWS, order) or height, height))
        tag, one = _STRIPS, (width, rows)
    planes = 1
    if _number(found, _PLANES, order) == 2:
        planes = min(PIXEL_BYTES["TIFF"], _number(found, _SAMPLES, order) or 1)
    most = -(-width // one[0]) * -(-height // one[1]) * planes
    if tag in found and found[tag].number > most:
        raise BadImage(f"{found[tag].number:,} strips or tiles, but its size needs {most:,}")
