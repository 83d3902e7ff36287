"""The strip on every page: the name, and what is running and so costs this machine something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core import backends
from core.backends import Endpoint, EndpointState
from core.jobs import store as jobs
from core.jobs.store import Job
from ui import links
from ui.aws import cost_strip
from ui.aws.banner import is_set_up
from ui.shared import jobs_table, live
from ui.text import count

MARK = str(Path(__file__).parent.parent / "assets" / "mark.svg")
# A page that redraws only a part of itself leaves the strip as it was, so it looks again by itself.
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class _Now:
    """What runs; `changed` is when something was started here or ended last."""

    running: list[Job]
    serving: list[Endpoint]
    changed: float


def show() -> None:
    """Logo, running jobs and endpoints, and the account's cost. Reading a few small files, it is
    cheap enough for every page."""
    st.logo(MARK, size="large")
    now = _look()
    running = bool(now.running or now.serving) or is_set_up()
    with st.sidebar:
        # The first time it is handed what was read just now; later it reads for itself.
        live.redrawn(_lines, LOOK_SECONDS, running=running)([now])


def _look() -> _Now:
    known = [job for job in jobs.readable() if not job.tuning_id]
    running = [job for job in known if not job.state.is_finished and job.kind != "endpoint"]
    serving = [
        e
        for e in backends.endpoints()
        if e.state in (EndpointState.CREATING, EndpointState.IN_SERVICE)
    ]
    return _Now(
        running,
        serving,
        max((max(job.created, job.status.ended or 0.0) for job in known), default=0.0),
    )


def _lines(read: list[_Now]) -> None:
    now = read.pop() if read else _look()
    if now.running:
        page = jobs_table.PAGES[now.running[0].kind]
        links.link(
            page,
            f"{count(len(now.running), 'job')} running",
            ":material/progress_activity:",
            job=now.running[0].id,
        )
    if now.serving:
        links.link("deploy", f"{count(len(now.serving), 'endpoint')} up", ":material/bolt:")
    if not now.running and not now.serving:
        st.caption("Nothing is running.")
    cost_strip.show(now.changed)
