"""What a photo needs to be decoded, and giving it back to the system afterwards.

The allocator of a server keeps what was freed, so that no photo waits for fresh pages. What a huge
photo took, or many large bodies at once, is given back all the same.
"""

from __future__ import annotations

import ctypes
import time

import psutil
from PIL import Image

from sm_scripts.fieldmark_ml.photos import images

# Bytes for each pixel. libjpeg decodes in lines, or with three coefficients of two bytes where the
# JPEG is progressive; what Pillow decodes takes four bytes, and is then converted and copied.
BASELINE_JPEG, PROGRESSIVE_JPEG, OTHER = 3, 9, 24
LARGE_BYTES = 96 * 2**20
# Each scan of a progressive JPEG costs as much time as all of a small photo; cameras write ten.
MANY_SCANS, SCAN = 30, b"\xff\xda"
# What the process may keep above what it had when it was warm.
MAX_KEPT_BYTES = 96 * 2**20
SECONDS_BETWEEN = 5.0


def is_large(photo: bytes) -> bool:
    """Whether decoding takes more than LARGE_BYTES or very long, by what the file says of itself.

    False for what is no photo.
    """
    try:
        with images.opened(images.read(photo)) as image:
            if "progressive" in image.info and photo.count(SCAN) > MANY_SCANS:
                return True
            return image.width * image.height * _bytes_a_pixel(image) > LARGE_BYTES
    except Exception:
        # Whatever it is, it is refused where it is decoded.
        return False


def _bytes_a_pixel(image: Image.Image) -> int:
    if image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return OTHER
    return PROGRESSIVE_JPEG if "progressive" in image.info else BASELINE_JPEG


class Keeper:
    """Gives memory back to the system where the process has kept too much of it."""

    def __init__(self) -> None:
        self._trim = _trim()
        self._process = psutil.Process()
        self._warm, self._last = self._process.memory_info().rss, 0.0

    def give_back(self) -> None:
        """To be called often: it looks at one figure, and trims every SECONDS_BETWEEN at most."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN or not self._trim:
            return
        if self._process.memory_info().rss - self._warm > MAX_KEPT_BYTES:
            self._last = now
            self._trim(0)


def _trim() -> ctypes._NamedFuncPointer | None:
    """glibc's malloc_trim; other systems' allocators give memory back by themselves."""
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None
