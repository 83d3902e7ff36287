"""The imports that failed: the reason of each, and a way to dismiss them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.jobs import store as jobs
from ui import messages, removal
from ui.text import age, count, plain

MOST_LISTED = 20


def show(without: str = "") -> None:
    """List the failed imports, newest first, except the job `without`, which the page shows
    already."""
    failed = [
        job
        for job in jobs.readable("import")
        if job.state is jobs.State.FAILED and job.id != without
    ]
    if not failed:
        return
    with st.expander(f"Failed imports ({len(failed)})", key="ds_failed"):
        for job in failed[:MOST_LISTED]:
            _line(job)
        if len(failed) > MOST_LISTED:
            st.caption(f"{count(len(failed) - MOST_LISTED, 'older one')} not listed.")
        if len(failed) > 1 and st.button(
            "Dismiss all", key="ds_failed_dismiss_all", icon=":material/clear_all:"
        ):
            _dismiss(failed)


def _line(job: jobs.Job) -> None:
    text, action = st.columns([8, 1], vertical_alignment="center")
    text.markdown(f"**{plain(job.name)}** :small[{age(job.created)}]  \n{plain(job.status.reason)}")
    if action.button(
        "Dismiss",
        key=f"ds_failed_dismiss_{job.id}",
        type="tertiary",
        help="Removes the failed import from this list. Your files are unchanged.",
    ):
        _dismiss([job])


def _dismiss(failed: Sequence[jobs.Job]) -> None:
    with messages.report_errors():
        group = ""
        for job in failed:
            group = jobs.move_to_bin(job.id, group)
        removal.tell(count(len(failed), "failed import"), group)
        st.rerun()
