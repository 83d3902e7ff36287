"""How errors reach a person: beside the field they belong to, or as a note in place of what
could not be shown."""

from __future__ import annotations

import logging
from types import TracebackType

import streamlit as st

from core.errors import FieldmarkError, UserError
from core.io import files
from ui.text import plain

logger = logging.getLogger(__name__)


class report_errors:  # noqa: N801, read as a verb: `with messages.report_errors():`
    """Shows what Fieldmark or the system's disk refuses inside the block as an error note instead
    of a traceback."""

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
            logger.warning("A page could not go on.", exc_info=error)
        else:
            return False
        st.error(plain(words), icon=":material/error:")
        return True


def beside(errors: dict[str, str], field: str) -> None:
    """The message that belongs to a form field, if there is one, right below it."""
    if message := errors.get(field):
        st.caption(f":red[:material/error: {plain(message)}]")


def as_fields(error: UserError) -> dict[str, str]:
    """One error as the `errors` of a form; what names no field stands at the form's end, under
    the empty name."""
    return {error.field: str(error)}
