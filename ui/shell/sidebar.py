"""The sidebar of every page: the name, and the running jobs and endpoints."""

from __future__ import annotations

from collections import Counter
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
# The sidebar refreshes itself, because a page may redraw only a part of itself.
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class _Now:
    """What is running; `changed` is when a job was last created or ended."""

    running: list[Job]
    serving: list[Endpoint]
    changed: float


def show() -> None:
    """Draw the logo, the running jobs and endpoints, and the cost of the AWS account."""
    st.logo(MARK, size="large")
    now = _look()
    running = bool(now.running or now.serving) or is_set_up()
    with st.sidebar:
        # The first time it gets what was read above; later it reads again.
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


def _by_noun(running: list[Job]) -> dict[str, list[Job]]:
    """Return the running jobs by noun; training, tuning and batches are all "job"."""
    found: dict[str, list[Job]] = {}
    for job in running:
        noun = "job"
        if job.kind not in jobs_table.JOB_KINDS:
            noun = jobs_table.NOUNS.get(job.kind, job.kind)
        found.setdefault(noun, []).append(job)
    return found


def _lines(read: list[_Now]) -> None:
    now = read.pop() if read else _look()
    for noun, found in _by_noun(now.running).items():
        links.link(
            jobs_table.PAGES[found[0].kind],
            f"{count(len(found), noun)} running",
            ":material/progress_activity:",
            job=found[0].id,
        )
    for state, number in Counter(str(one.state).lower() for one in now.serving).items():
        links.link("deploy", f"{count(number, 'endpoint')} {state}", ":material/bolt:")
    if not now.running and not now.serving:
        st.caption("Nothing is running.")
    cost_strip.show(now.changed)
