"""What an address names and what is not there: the page then says so, and shows its list."""

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
    """Return what the address names; None, with a note on the page, if it can't be read."""
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
    """Return the id of a job that the address names; "", with a note, if it can't be read."""
    if find("job", job_id, jobs.read):
        return job_id
    return ""


def note(what: str, thing_id: str) -> None:
    """Say that the thing is not there any more."""
    st.info(
        f"There is no {what} {plain(thing_id)} any more. It may have been deleted.",
        icon=":material/info:",
    )


def _is_damaged(thing_id: str) -> bool:
    """Whether there is a folder of that name, so that the reason why it can't be read matters."""
    name = Path(thing_id).name
    return name == thing_id and (settings.jobs_dir() / name).is_dir()
