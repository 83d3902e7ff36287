"""The page on which photos are imported: running imports, a preview, or the form."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.datasets.store import Dataset
from core.jobs import store as jobs
from ui import links
from ui.importing import failures, form, plan
from ui.importing import progress as import_progress


def show(datasets: Mapping[str, Dataset], job_id: str, plan_id: str) -> None:
    """Show the import `job_id` or the preview `plan_id`; without either, the form."""
    running = show_running()
    if job_id.startswith(jobs.prefix("import")) and job_id not in running:
        import_progress.outcome(job_id)
    if plan_id:
        plan.show(plan_id)
        links.link("datasets", "Choose other photos", ":material/arrow_back:", view="import")
    elif job_id not in running:
        st.header("Import photos")
        plan.show_waiting()
        form.show(datasets)
        failures.show(without=job_id)
    if datasets:
        links.link("datasets", "Back to the datasets", ":material/arrow_back:")


def show_running() -> list[str]:
    """Show the progress of each running import; return their job ids."""
    running = [job for job in jobs.readable("import") if not job.state.is_finished]
    for job in running:
        import_progress.progress(job)
    return [job.id for job in running]
