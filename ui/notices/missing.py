"""Unknown ids in the address: the page shows a note above its list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import streamlit as st

from core import settings
from core.errors import NotFound
from core.jobs import store as jobs
from ui.text import plain

T = TypeVar("T")


def find(what: str, thing_id: str, read: Callable[[str], T]) -> T | None:
    """Return the thing that the address names; if it can't be read, draw a note and return None."""
    if not thing_id:
        return None
    try:
        return read(thing_id)
    except NotFound as error:
        if _is_damaged(thing_id):
            st.error(plain(str(error)), icon=":material/error:")
        else:
            note(what, thing_id)
        return None


def known_job(job_id: str) -> str:
    """Return the id of a job if it can be read; otherwise draw a note and return ""."""
    if find("job", job_id, jobs.read):
        return job_id
    return ""


def note(what: str, thing_id: str) -> None:
    """Draw the note that there is no such thing."""
    st.info(
        f"There is no {what} {plain(thing_id)} any more. It may have been deleted.",
        icon=":material/info:",
    )


def _is_damaged(thing_id: str) -> bool:
    """Whether there is a folder of that name, which can't be read."""
    name = Path(thing_id).name
    return name == thing_id and (settings.jobs_dir() / name).is_dir()
