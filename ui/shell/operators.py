"""What operators see of the app: its log, the errors in it that nobody expected, and why it does not
start."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from core import log
from core.errors import FieldmarkError, UserError

logger = logging.getLogger(__name__)


def begin_log() -> None:
    """Let the app log as it is set; end it where that can't be understood."""
    try:
        log.begin()
    except UserError as error:
        raise SystemExit(str(error)) from None


@contextmanager
def noted() -> Iterator[None]:
    """Log what is raised inside the block and is no refusal in words, with its traceback, and let it
    go on. What Streamlit ends a page with is no error."""
    try:
        yield
    except FieldmarkError:
        raise
    except Exception:
        logger.exception("A page ended unexpectedly.")
        raise
