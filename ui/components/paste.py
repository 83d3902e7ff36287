"""Pasting a photo with Ctrl+V anywhere on the page, which Streamlit itself does not offer."""

from __future__ import annotations

import base64
import binascii

from core import settings
from core.errors import UserError
from ui.components import browser_code

_PASTE = browser_code.component("fieldmark_paste", __file__)


def paste_image(*, key: str) -> bytes:
    """Return the bytes of the image that was pasted since the last run, else none; nothing is
    drawn. Raises UserError if the image arrived incomplete."""
    data = {
        "max_bytes": settings.MAX_IMAGE_BYTES,
        "too_large": (
            "The pasted photo is too large. The limit is "
            f"{settings.MAX_IMAGE_BYTES / 2**20:.0f} MB."
        ),
    }
    result = _PASTE(data=data, key=key, on_pasted_change=lambda: None)
    try:
        return base64.b64decode(result.pasted or "", validate=True)
    except binascii.Error as error:
        raise UserError("The pasted photo arrived incomplete. Paste it again.") from error
