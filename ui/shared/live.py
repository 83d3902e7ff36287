"""Parts of a page that refresh themselves while a job runs, and the note at its end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from core import backends
from core.jobs import store as jobs
from core.jobs.store import Job, State
from ui.notices import title
from ui.text import plain

P = ParamSpec("P")
_ENDED = "live.ended"
END_WORDS = {State.COMPLETED: "Done"}
END_ICONS = {
    State.COMPLETED: ":material/check_circle:",
    State.FAILED: ":material/error:",
    State.STOPPED: ":material/stop_circle:",
}


def redrawn(draw: Callable[P, None], seconds: float, *, running: bool) -> Callable[P, None]:
    """Return `draw` as a part of the page that refreshes itself every `seconds` while `running`."""
    if running:
        return st.fragment(draw, run_every=seconds)
    return st.fragment(draw)


def job(draw: Callable[[Job], None], of: Job, seconds: float) -> None:
    """Draw a job, again and again while it runs, and the whole page once when it ends."""
    was_finished = of.state.is_finished

    # Keeps the name of `draw`, by which a page tells its parts apart.
    @functools.wraps(draw)
    def look() -> None:
        known = jobs.read(of.id)
        now = backends.of(known).refresh(known)
        if now.state.is_finished and not was_finished:
            st.session_state[_ENDED] = now.id
            st.rerun()
        draw(now)

    redrawn(look, seconds, running=not was_finished)()


def announce_end(of: Job) -> None:
    """Draw a toast and title the tab, once, if the job has ended while its page was open."""
    if st.session_state.get(_ENDED) != of.id:
        return
    del st.session_state[_ENDED]
    said = END_WORDS.get(of.state, str(of.state))
    title.show(f"{said}: {of.name}")
    st.toast(f"{said}: {plain(of.name)}", icon=END_ICONS.get(of.state), duration="long")


def bar(done: float, total: float, words: str) -> None:
    """Draw a progress bar; empty if the total is unknown."""
    share = 0.0
    if total:
        share = min(1.0, done / total)
    st.progress(share, text=words)
