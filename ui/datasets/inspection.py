"""The inspection of a dataset version: the button that starts it, and its progress."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import backends
from core.datasets.inspection import store as inspection
from core.datasets.inspection.store import Inspection
from core.datasets.store import Dataset, Version
from core.jobs import store as jobs
from core.jobs.specs import ExportSpec, InspectSpec
from core.jobs.status.asked import inspect_spec
from core.jobs.status.progress import InspectionProgress
from ui import messages
from ui.datasets import links as dataset_links
from ui.shared import job_state, live, submit
from ui.text import left, plain

LIVE_SECONDS = 0.7


def current(dataset: Dataset, version: Version) -> Inspection | None:
    """Return the newest inspection of this version or its nearest ancestor; draw its progress or
    age. Returns None, with an invitation drawn, when there is none."""
    found = inspection.nearest(version)
    running = _job(version, finished=False)
    if running:
        live.job(_progress, running, LIVE_SECONDS)
    elif found is None:
        _invite(dataset, version)
    elif found.version.id != version.id:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"Inspection of {found.version.id}. Photos changed since are left out.",
                width="content",
            )
            button(dataset, version, f"Inspect {version.id} itself")
    return found


def follow(job_id: str) -> None:
    """Go to the view of an inspect or export job that the address names."""
    with messages.report_errors():
        job = jobs.read(job_id)
        if job.kind == ExportSpec.kind:
            dataset_links.to(str(job.spec["dataset_id"]), str(job.spec["version_id"]), "Export")
        if job.kind == InspectSpec.kind:
            spec = inspect_spec(job)
            dataset_links.to(spec.dataset_id, spec.version_id, "Issues")


def button(
    dataset: Dataset,
    version: Version,
    label: str,
    *,
    kind: Any = "secondary",
    maps: tuple[str, ...] = ("pca",),
) -> None:
    """Draw the button that starts an inspection; a double click starts one."""
    named = "_".join(maps)
    submit.button(
        label,
        lambda job_id: backends.LOCAL.inspect(
            InspectSpec(dataset.name, dataset.id, version.id, maps, id=job_id)
        ),
        lambda _: st.rerun(),
        form=f"ds_inspect_{version.id}_{named}",
        kind="inspect",
        key=f"ds_inspect_{named}",
        icon=":material/search_insights:",
        type=kind,
    )


def _invite(dataset: Dataset, version: Version) -> None:
    with st.container(border=True, key="ds_inspect_invite"):
        st.markdown(
            f"**{version.id} has not been inspected yet.** An inspection looks for wrong labels, "
            "copies and leaks, outliers, and blurred, dark or odd-sized photos, and draws the map. "
            "The features are cached, so training afterwards is faster."
        )
        last = _job(version, finished=True)
        if last and last.state is jobs.State.FAILED:
            st.error(plain(last.status.reason), icon=":material/error:")
        button(dataset, version, "Inspect this version", kind="primary")
        st.caption("Runs on this machine. It keeps running if you close this page or the app.")


def _job(version: Version, *, finished: bool) -> jobs.Job | None:
    """Return the newest inspection job of this version if it has ended, or if it is running."""
    for job in jobs.readable("inspect"):
        if (job.spec.get("dataset_id"), job.spec.get("version_id")) == (
            version.dataset_id,
            version.id,
        ):
            newest = backends.of(job).refresh(job)
            if newest.state.is_finished is finished:
                return newest
            return None
    return None


def _progress(job: jobs.Job) -> None:
    progress = InspectionProgress.from_json(job.status.progress)
    words = f"Inspecting: {plain(job_state.phase(job))}{left(progress.eta_seconds)}"
    with st.container(horizontal=True, vertical_alignment="center"):
        live.bar(progress.share, 1, words)
        job_state.stop_button(job)
    job_state.notes(job)
