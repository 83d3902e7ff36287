"""The parts of the overview beside the checklist: the figures and the endpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from core.backends import Endpoint
from core.jobs.store import Job
from core.models.store import Model
from ui import links
from ui.overview.checklist import Home
from ui.shared.jobs_table import JOB_KINDS
from ui.text import age, plain

SHOWN_ENDPOINTS = 5


def is_job(job: Job) -> bool:
    """Whether a person would call this a job of its own; a trial belongs to its tuning job."""
    return job.kind in JOB_KINDS and not job.tuning_id


def figures(home: Home, columns: int) -> None:
    """Draw the number of datasets, jobs, models and endpoints."""
    jobs = [job for job in home.jobs if is_job(job)]
    running = sum(not job.state.is_finished for job in jobs)
    with st.grid(columns, min_column_width=130, gap="small"):
        _figure("Datasets", len(home.datasets), "")
        _figure("Jobs", len(jobs), f"{running} running" if running else "")
        _figure("Models", len(home.models), _newest(home.models))
        _figure("Endpoints", len(home.endpoints), states(home.endpoints))


def _figure(label: str, number: int, more: str) -> None:
    st.metric(
        label,
        number,
        more or None,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )


def states(endpoints: Sequence[Endpoint]) -> str:
    """Return the number of endpoints in each state, such as "1 live, 1 starting"."""
    counted = Counter(str(endpoint.state).lower() for endpoint in endpoints)
    return ", ".join(f"{number} {state}" for state, number in counted.items())


def _newest(models: Sequence[Model]) -> str:
    """Return the test score of the newest model, "" if it was not measured."""
    newest = models and models[0].metrics("test")
    if newest:
        return f"{int(newest['correct'])}/{int(newest['n'])} on test"
    return ""


def endpoints(found: Sequence[Endpoint]) -> None:
    """Draw one line for each endpoint."""
    if not found:
        st.caption("No endpoints.")
    for endpoint in found[:SHOWN_ENDPOINTS]:
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key=f"home_{endpoint.id}"
        ):
            links.link("deploy", plain(endpoint.name), ":material/bolt:", endpoint=endpoint.id)
            st.caption(f"{endpoint.state}, {age(endpoint.created)}", width="content")
