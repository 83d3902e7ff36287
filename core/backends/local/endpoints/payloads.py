"""Photos inside JSON, in every variant of base64 that clients send."""

from __future__ import annotations

import base64
import binascii
import re

# The prefix that `canvas.toDataURL` writes.
_DATA_URL = re.compile(r"\s*data:[^,]{0,200};base64,", re.IGNORECASE)
# `base64` and `encodebytes` wrap lines; URL-safe alphabets and missing padding are common too.
_TO_STANDARD = str.maketrans("-_", "+/", " \t\r\n")


def decode_base64(text: object) -> bytes:
    """Return the bytes of a photo in base64: wrapped or not, URL-safe or not, as a data URL or
    bare.

    Raises ValueError or TypeError, with the reason.
    """
    if not isinstance(text, str):
        raise TypeError(f"a photo must be a base64 string, not {type(text).__name__}")
    if text.lstrip()[:5].lower() == "data:" and not _DATA_URL.match(text):
        raise ValueError("this data URL is not base64; send data:image/jpeg;base64,...")
    digits = _DATA_URL.sub("", text, count=1).translate(_TO_STANDARD).rstrip("=")
    if not digits:
        raise ValueError("the string is empty; send the photo in base64")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is not base64, or it is incomplete") from None
