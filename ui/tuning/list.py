"""The tuning jobs in a list: what each tried, what it reached, and a way to compare them."""

from __future__ import annotations

from statistics import median

import streamlit as st

from core import backends
from core.datasets import store
from core.jobs import store as jobs
from core.jobs.store import Job, State, Unreadable
from ui import links
from ui.shared import job_state, jobs_table, live
from ui.text import age, duration, plain

LOOK_AGAIN_SECONDS = 2.0
RECENT = 20


def heads() -> list[Job]:
    """The readable tuning jobs, newest first, without those that another one goes on with."""
    found = jobs.readable("tuning")
    continued = {job.spec.get("continues") for job in found}
    return [job for job in found if job.id not in continued]


def show() -> None:
    """One line per tuning job; it looks again by itself while one is running."""
    broken = [item for item in jobs.listing("tuning") if isinstance(item, Unreadable)]
    found = heads()
    for item in broken:
        words = f"The tuning job {plain(item.id)} can't be read: {plain(item.reason)}"
        st.warning(words, icon=":material/warning:")
    if not found:
        st.caption("No tuning job yet. Choose what varies above and press Start tuning.")
        return
    if len(found) > 1:
        links.link("tune", "Compare tuning jobs", ":material/compare_arrows:", view="compare")
    running = any(not job.state.is_finished for job in found)
    live.redrawn(_lines, LOOK_AGAIN_SECONDS, running=running)()


def _lines() -> None:
    for job in heads():
        now = job if job.state.is_finished else backends.of(job).refresh(job)
        with st.container(
            key=f"tu_line_{job.id}", horizontal=True, vertical_alignment="center", gap="small"
        ):
            st.markdown(job_state.badge(now.state), width="content")
            links.link("tune", plain(now.name), job=now.id)
            words = jobs_table.tuned(now)
            if now.status.started:
                words += f" in {duration(now.status.seconds)}"
            st.caption(f"{words}, {age(now.created)}{jobs_table.elsewhere(now)}", width="content")


def usual_seconds(version: store.Version, mode: str) -> float | None:
    """The median running time of the last training jobs on this version in this mode; None where
    there are none."""
    seconds = [
        job.status.seconds
        for job in jobs.readable("training")
        if job.state is State.COMPLETED
        and (job.spec.get("dataset_id"), job.spec.get("version_id"))
        == (version.dataset_id, version.id)
        and job.spec.get("hyperparameters", {}).get("mode", "frozen") == mode
    ][:RECENT]
    if seconds:
        return median(found for found in seconds if found is not None)
    return None
