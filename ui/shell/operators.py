"""What operators see of the app: its log, without secrets, and why it does not start."""

from __future__ import annotations

import logging

from core import log
from core.errors import UserError

# Where Streamlit and its server say which error ended a page or a request.
OTHERS = ("streamlit.error_util", "uvicorn.error")


def begin_log() -> None:
    """Let the app log as it is set; end it where that can't be understood."""
    try:
        log.begin()
    except UserError as error:
        raise SystemExit(str(error)) from None
    for name in OTHERS:
        logging.getLogger(name).addFilter(log.Secrets())
