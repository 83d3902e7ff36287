"""How errors reach a person: beside the field they belong to, or as a note in place of what could not be shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import FieldmarkError, UserError
from ui.text import plain


@contextmanager
def shown() -> Iterator[None]:
    """Shows what Fieldmark refuses inside the block as an error note instead of a traceback."""
    try:
        yield
    except FieldmarkError as error:
        st.error(plain(str(error)), icon=":material/error:")


def beside(errors: dict[str, str], field: str) -> None:
    """The message that belongs to a form field, if there is one, right below it."""
    if message := errors.get(field):
        st.caption(f":red[:material/error: {plain(message)}]")


def as_fields(error: UserError) -> dict[str, str]:
    """One error as the `errors` of a form; what names no field stands at the form's end, under the empty name."""
    return {error.field: str(error)}
