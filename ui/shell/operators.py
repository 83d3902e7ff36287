"""The log of the app, without secrets, and the message if it can't start."""

from __future__ import annotations

import logging

from core import log
from core.errors import UserError

# The loggers with which Streamlit and its server report errors.
OTHERS = ("streamlit.error_util", "uvicorn.error")


def begin_log() -> None:
    """Set up the log as configured; exit with a message if the configuration is not valid."""
    try:
        log.begin()
    except UserError as error:
        raise SystemExit(str(error)) from None
    for name in OTHERS:
        logging.getLogger(name).addFilter(log.Secrets())
