"""What a decoder gets of the photos of telephones: HEIC and AVIF, both in a container of boxes.

Such a file says itself how its pixels are turned: what its EXIF says besides is left alone, as by
every viewer. HEIC needs the package pillow-heif, which is imported for a HEIC only.
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
    """The photo in a container of boxes. Raises BadImage for a film and for a RAW photo."""
    (length,) = struct.unpack_from(">I", data)
    first = data[8:12]
    brands = {first, *(data[at : at + 4] for at in range(16, min(length, 256), 4))}
    if first == b"crx ":
        raise BadImage("a RAW photo (.cr3), which can't be opened here; save it as JPEG or PNG")
    if brands & _AVIF and first not in _HEIF - {b"mif1", b"msf1"}:
        return Photo(data, _turn_of_avif(data), format="AVIF")
    if brands & _HEIF:
        return Photo(data, format="HEIF")
    if brands & _FILMS:
        raise BadImage("a film, not a photo")
    return Photo(data)


def _turn_of_avif(data: bytes) -> int:
    """Pillow hands on how the pixels are turned as the orientation of the EXIF."""
    try:
        import_module("PIL._avif")
    except ImportError:
        raise BadImage("an AVIF photo, which this Pillow can't open; save it as JPEG") from None
    try:
        with Image.open(io.BytesIO(data), formats=("AVIF",)) as image:
            block = image.info.get("exif", b"")
    except Exception:
        # It is opened once more, and refused there in words.
        return 1
    return exif.orientation(exif.without_header(block)) or 1


def opened_heif(data: bytes) -> Any:
    """The HEIC, not decoded yet and upright. Raises BadImage where nothing here can decode it."""
    try:
        reader = import_module("pillow_heif")
    except ImportError:
        raise BadImage(
            "a HEIC photo, and the package pillow-heif, which opens those, is not installed here; "
            "save it as JPEG or PNG"
        ) from None
    # Of all that stands beside the photo nothing is read; photos are decoded side by side already.
    reader.options.THUMBNAILS = reader.options.DEPTH_IMAGES = reader.options.AUX_IMAGES = False
    reader.options.DECODE_THREADS = 1
    return reader.HeifImageFile(io.BytesIO(data))
