"""How errors are shown: below the form field that they are about, or in place of a part of the page
that can't be drawn."""

from __future__ import annotations

import logging
from types import TracebackType

import streamlit as st

from core.errors import FieldmarkError, UserError
from core.io import files
from ui.text import plain

logger = logging.getLogger(__name__)


class report_errors:  # noqa: N801, read as a verb: `with messages.report_errors():`
    """Show a FieldmarkError or OSError that the block raises as a message instead of a
    traceback."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, FieldmarkError):
            words = str(error)
        elif isinstance(error, OSError):
            words = files.os_reason(error)
            logger.warning("A page could not be drawn.", exc_info=error)
        else:
            return False
        st.error(plain(words), icon=":material/error:")
        return True


def beside(errors: dict[str, str], field: str) -> None:
    """Draw the error message of a form field, if there is one."""
    if message := errors.get(field):
        st.caption(f":red[:material/error: {plain(message)}]")


def as_fields(error: UserError) -> dict[str, str]:
    """Return one error as the `errors` of a form, by field; "" if it is about no field."""
    return {error.field: str(error)}
