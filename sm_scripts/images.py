"""The one way a photo is opened, in thumbnails, in training and in serving. Needs Pillow and nothing else."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps

# Named, because Pillow would otherwise try 43 formats, EPS (which starts Ghostscript) among them.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MAX_PIXELS = 50_000_000

# MAX_PIXELS is stricter than Pillow's own warning, which would only add noise to a log.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class BadImage(ValueError):
    """Bytes that are not a photo we open; the message says why."""


def open_image(source: str | Path | bytes) -> Image.Image:
    """The photo in `source` (a path, or the file's bytes), RGB, upright, first frame, fully loaded.

    Transparent pixels come out on white, 16-bit values are scaled to 8, CMYK is converted. Raises BadImage for anything that
    is not a whole image in one of FORMATS with at most MAX_PIXELS pixels (checked before decoding), OSError for a missing file.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    if not data:
        raise BadImage("the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise BadImage(f"more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except Exception:
        raise BadImage(f"not an image in a format we open ({', '.join(FORMATS)})") from None
    check_size(image.width, image.height)
    try:
        image.load()
        return _rgb(_upright(image))
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage(f"damaged or cut short ({error})") from None


def check_size(width: int, height: int) -> None:
    """BadImage where width x height is more than MAX_PIXELS, or nothing."""
    if width < 1 or height < 1:
        raise BadImage("the image has no pixels")
    if width * height > MAX_PIXELS:
        raise BadImage(f"{width} x {height} is more than {MAX_PIXELS // 1_000_000} million pixels")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # Broken EXIF does not make a broken photo.
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # convert() would clip 16-bit values at 255 instead of scaling them.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if image.mode in ("LA", "PA", "La", "RGBa", "RGBA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
