"""A place to paste an image into, which core Streamlit has not: a picture copied anywhere
arrives with Ctrl+V."""

from __future__ import annotations

import base64
import binascii

from core import settings
from core.errors import UserError
from ui.components import browser_code

_PLACE = browser_code.component("fieldmark_paste", __file__)


def paste_image(*, key: str) -> bytes:
    """The bytes of an image that was just pasted, else none. Raises UserError for what did not
    arrive whole."""
    data = {
        "words": "Copy an image anywhere, then press Ctrl+V (on a Mac Cmd+V) here.",
        "most": settings.MAX_IMAGE_BYTES,
        "too_large": f"An image may have at most {settings.MAX_IMAGE_BYTES / 2**20:.0f} MB.",
    }
    result = _PLACE(data=data, key=key, on_pasted_change=lambda: None)
    try:
        return base64.b64decode(result.pasted or "", validate=True)
    except binascii.Error as error:
        raise UserError("The pasted image did not arrive whole. Paste it again.") from error
