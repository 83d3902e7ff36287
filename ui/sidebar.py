"""The strip on every page: the name, and what is running and so costs this machine something."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core import backends, jobs
from core.backends import EndpointState
from ui import aws_strip, jobs_table, links
from ui.text import count

MARK = str(Path(__file__).parent / "assets" / "mark.svg")


def show() -> None:
    """Logo, running jobs and endpoints. Reading a few small files, it is cheap enough for every page."""
    st.logo(MARK, size="large")
    running = [job for job in jobs.readable() if not job.state.is_finished and job.kind != "endpoint" and not job.tuning_id]
    serving = [e for e in backends.endpoints() if e.state in (EndpointState.CREATING, EndpointState.IN_SERVICE)]
    with st.sidebar:
        if running:
            page = jobs_table.PAGES[running[0].kind]
            links.link(page, f"{count(len(running), 'job')} running", ":material/progress_activity:", job=running[0].id)
        if serving:
            links.link("deploy", f"{count(len(serving), 'endpoint')} up", ":material/bolt:")
        if not running and not serving:
            st.caption("Nothing is running.")
        aws_strip.show(max([job.created for job in running] + [endpoint.created for endpoint in serving], default=0.0))
