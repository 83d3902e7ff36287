"""Input for decoders of HEIC and AVIF, the formats of telephones: both are containers of boxes.

The container itself has the rotation of its pixels; its EXIF orientation is ignored, as in every
viewer. HEIC needs the package pillow-heif, which is imported only for a HEIC.
"""

from __future__ import annotations

import io
import struct
from importlib import import_module
from typing import Any

from PIL import Image

from . import exif
from .bounds import BadImage, Photo

_AVIF = {b"avif", b"avis"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_FILMS = {b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V "}


def container(data: bytes) -> Photo:
    """Return the photo in a container of boxes. Raises BadImage for a film and for a RAW photo."""
    (length,) = struct.unpack_from(">I", data)
    first = data[8:12]
    brands = {first, *(data[at : at + 4] for at in range(16, min(length, 256), 4))}
    if first == b"crx ":
        raise BadImage("a RAW photo (.cr3), which cannot be opened; save it as JPEG or PNG")
    if brands & _AVIF and first not in _HEIF - {b"mif1", b"msf1"}:
        return Photo(data, _turn_of_avif(data), format="AVIF")
    if brands & _HEIF:
        return Photo(data, format="HEIF")
    if brands & _FILMS:
        raise BadImage("a film, not a photo")
    return Photo(data)


def _turn_of_avif(data: bytes) -> int:
    """Pillow returns the rotation of the container as the EXIF orientation."""
    try:
        import_module("PIL._avif")
    except ImportError:
        raise BadImage(
            "an AVIF photo, which this version of Pillow cannot open; save it as JPEG"
        ) from None
    try:
        with Image.open(io.BytesIO(data), formats=("AVIF",)) as image:
            block = image.info.get("exif", b"")
    except Exception:
        # It is opened again later, and refused there with a message.
        return 1
    return exif.orientation(exif.without_header(block)) or 1


def opened_heif(data: bytes) -> Any:
    """Return the HEIC, upright and not decoded yet. Raises BadImage if nothing here can decode
    it."""
    try:
        reader = import_module("pillow_heif")
    except ImportError:
        raise BadImage(
            "a HEIC photo, but the package pillow-heif is not installed; save it as JPEG or PNG"
        ) from None
    # Nothing beside the photo is read, and there is one thread, because photos are decoded in
    # parallel already.
    reader.options.THUMBNAILS = reader.options.DEPTH_IMAGES = reader.options.AUX_IMAGES = False
    reader.options.DECODE_THREADS = 1
    return reader.HeifImageFile(io.BytesIO(data))
