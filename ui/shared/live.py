"""What draws itself again while something runs: the one place that says how often, and when it
ends."""

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
    """`draw` as a part of the page that draws itself again every so many seconds while something
    runs; what has ended stays as it is."""
    if running:
        return st.fragment(draw, run_every=seconds)
    return st.fragment(draw)


def job(draw: Callable[[Job], None], of: Job, seconds: float) -> None:
    """Draws a job as it is now, and again while it runs; the page whole, once it has ended."""
    was_finished = of.state.is_finished

    # Under the name of `draw`: a page tells its parts apart by that.
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
    """A toast and the title of the tab, once, if the job has ended while its page was open."""
    if st.session_state.get(_ENDED) != of.id:
        return
    del st.session_state[_ENDED]
    said = END_WORDS.get(of.state, str(of.state))
    title.show(f"{said}: {of.name}")
    st.toast(f"{said}: {plain(of.name)}", icon=END_ICONS.get(of.state), duration="long")


def bar(done: float, total: float, words: str) -> None:
    """How far something is; empty where nobody knows how much there is."""
    share = 0.0
    if total:
        share = min(1.0, done / total)
    st.progress(share, text=words)
