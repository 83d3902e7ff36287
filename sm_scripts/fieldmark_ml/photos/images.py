"""The one function that opens a photo, for thumbnails, training and serving. Needs Pillow only;
HEIC also needs pillow-heif.

`read` looks at a file's bytes before any decoder does. It reads the orientation, removes metadata,
and refuses a photo that would take a decoder too much time or memory. Decoders get the result and
apply no rotation, so that all of them return a photo the same way up.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

from PIL import Image, JpegImagePlugin

from . import bounds, heifs, readers, tiffs
from .bounds import BadImage, Photo

__all__ = ["BadImage", "Photo", "open_image", "open_sized", "opened", "read", "turned", "upright"]

# Each is opened by its format's name, because Pillow would otherwise try 43 formats, including EPS
# (which starts Ghostscript).
NAMES = "JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC, AVIF"
PIXELS_AT_ONCE = 2**20

# The bounds here are stricter than Pillow's own warning, which would only fill the log.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

Size = tuple[int, int]


def open_image(source: str | Path | bytes) -> Image.Image:
    """Return the photo in `source` (a path, or bytes): RGB, upright, first frame, fully loaded.

    Transparent pixels become white, 16-bit values are scaled to 8 bits, CMYK is converted. A photo
    of more than bounds.WHOLE_PIXELS is reduced. Raises BadImage for anything that is not a complete
    image in one of the formats of NAMES, or that would take too much memory or time (checked before
    decoding), OSError for a missing file.
    """
    return open_sized(source)[0]


def open_sized(source: str | Path | bytes) -> tuple[Image.Image, Size]:
    """As open_image, with the upright photo's own size."""
    photo = read(source if isinstance(source, bytes) else Path(source).read_bytes())
    image = opened(photo)
    try:
        size = image.size
        by = bounds.factor(*size)
        if by > 1 and photo.format == "JPEG":
            image.draft(None, (size[0] // by, size[1] // by))
            by = 1
        image.load()
        made = upright(_rgb(image, by), photo.orientation)
        return made, turned(size, photo.orientation)
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage(f"damaged or cut short ({error})") from None


def read(data: bytes) -> Photo:
    """Return the part of a file that decoders need. Raises BadImage if no decoder should try it."""
    if not data:
        raise BadImage("the file is empty")
    for begins, reader in _READERS:
        if re.match(begins, data, re.DOTALL):
            try:
                return reader(data)
            except (struct.error, IndexError):
                raise BadImage("damaged or cut short (inside a header)") from None
    return Photo(data)


def opened(photo: Photo) -> Image.Image:
    """Return the image, not decoded and not rotated yet. Raises BadImage."""
    if not photo.format:
        raise BadImage(_foreign(photo.data))
    try:
        image = _opened(photo)
    except BadImage:
        raise
    except Image.DecompressionBombError:
        raise BadImage("more than 170 million pixels") from None
    except Exception:
        raise BadImage("damaged or cut short (inside a header)") from None
    bounds.check_decoding(photo.format, image.width, image.height)
    return image


def _opened(photo: Photo) -> Image.Image:
    if photo.format == "HEIF":
        return heifs.opened_heif(photo.data)
    if photo.format == "JPEG":
        # Image.open refuses more than 179 million pixels, even if the photo is decoded reduced.
        return JpegImagePlugin.JpegImageFile(io.BytesIO(photo.data))
    return Image.open(io.BytesIO(photo.data), formats=(photo.format,))


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image rotated and mirrored by its EXIF orientation."""
    if orientation not in _TURNS:
        return image
    return image.transpose(_TURNS[orientation])


def turned(size: Size, orientation: int) -> Size:
    """Return the size of the upright photo."""
    if orientation < 5:
        return size
    return size[1], size[0]


def strips(width: int, height: int, by: int = 1) -> list[tuple[int, int, int, int]]:
    """Return the boxes of an image's strips, each with about PIXELS_AT_ONCE pixels and, but for the
    last, a multiple of `by` rows."""
    rows = max(1, PIXELS_AT_ONCE // width // by) * by
    return [(0, top, width, min(height, top + rows)) for top in range(0, height, rows)]


def _rgb(image: Image.Image, by: int) -> Image.Image:
    """Return the image in RGB, its sides divided by `by`."""
    has_alpha = image.mode in ("LA", "PA", "La", "RGBa", "RGBA") or "transparency" in image.info
    if not has_alpha and not image.mode.startswith("I") and by == 1:
        return image.convert("RGB")
    # In strips: the copies that the conversion needs would take a gigabyte for a large photo.
    convert = _on_white if has_alpha else _plain
    if image.mode.startswith("I"):
        convert = _scaled
    made = Image.new("RGB", (-(-image.width // by), -(-image.height // by)))
    for box in strips(*image.size, by):
        made.paste(convert(image.crop(box)).reduce(by), (0, box[1] // by))
    return made


def _plain(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    # convert() would clip 16-bit values at 255 instead of scaling them.
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


_KINDS = {
    rb"8BPS": "Photoshop",
    rb"%PDF": "PDF",
    rb"FUJIFILMCCD-RAW|IIU\0|IIR[OS]|MMOR|FOVb|\0MRM": "RAW",
    rb"II\+\0|MM\0\+": "BigTIFF",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "JPEG XL",
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "JPEG 2000",
}


def _foreign(data: bytes) -> str:
    named = next((n for begins, n in _KINDS.items() if re.match(begins, data, re.DOTALL)), "")
    if named:
        return f"a {named} file, which cannot be opened; save it as JPEG or PNG"
    return f"not a photo in a supported format ({NAMES})"


_READERS: tuple[tuple[bytes, Callable[[bytes], Photo]], ...] = (
    (rb"\xff\xd8\xff", readers.jpeg),
    (rb"\x89PNG\r\n\x1a\n", readers.png),
    (rb"RIFF....WEBP", readers.webp),
    (rb"GIF8[79]a", readers.gif),
    (rb"BM", readers.bmp),
    (rb"II\*\0|MM\0\*", tiffs.tiff),
    (rb"....ftyp", heifs.container),
)
