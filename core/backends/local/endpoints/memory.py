"""Memory for decoding photos, and its release afterwards.

The allocator keeps freed memory, which makes the next photo faster. The memory of huge photos, or
of many large requests, is returned to the system.
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
# How much the process may keep above its size after the start.
MAX_KEPT_BYTES = 96 * 2**20
SECONDS_BETWEEN = 5.0


def is_large(photo: bytes) -> bool:
    """Return whether decoding takes more than LARGE_BYTES or very long, by the file's header.

    False for a file that is not a photo.
    """
    try:
        with images.opened(images.read(photo)) as image:
            if "progressive" in image.info and photo.count(SCAN) > MANY_SCANS:
                return True
            return image.width * image.height * _bytes_a_pixel(image) > LARGE_BYTES
    except Exception:
        # The decoder rejects it later.
        return False


def _bytes_a_pixel(image: Image.Image) -> int:
    if image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return OTHER
    return PROGRESSIVE_JPEG if "progressive" in image.info else BASELINE_JPEG


class Keeper:
    """Returns memory to the system if the process keeps too much."""

    def __init__(self) -> None:
        self._trim = _trim()
        self._process = psutil.Process()
        self._warm, self._last = self._process.memory_info().rss, 0.0

    def give_back(self) -> None:
        """Trim the heap if it is too large, every SECONDS_BETWEEN at most; cheap to call often."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN or not self._trim:
            return
        if self._process.memory_info().rss - self._warm > MAX_KEPT_BYTES:
            self._last = now
            self._trim(0)


def _trim() -> ctypes._NamedFuncPointer | None:
    """Return glibc's malloc_trim, or None: other allocators return memory by themselves."""
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None
