"""The tuning jobs as a table: data, search space, best value, trials; select several to compare,
tag or delete them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import streamlit as st

from core import backends
from core.bin import entries as bin_folder
from core.datasets import store
from core.jobs import store as jobs
from core.jobs.status.progress import TuningProgress
from core.jobs.store import Job, State, Unreadable
from core.tuning import objectives
from ui import links
from ui.shared import job_state, jobs_table, live, run_actions, runs_table
from ui.shared.runs_table import Run, Table
from ui.training import heading

KEY = "tu"
REFRESH_SECONDS = 2.0
RECENT = 20


def heads() -> list[Job]:
    """Return the readable tuning jobs, newest first, without those that another one continues."""
    found = jobs.readable("tuning")
    continued = {job.spec.get("continues") for job in found}
    return [job for job in found if job.id not in continued]


def show() -> None:
    """Draw the list. It refreshes itself while one of the jobs runs."""
    jobs_table.unreadable([item for item in jobs.listing("tuning") if isinstance(item, Unreadable)])
    found = heads()
    if not found:
        st.caption("No tuning jobs yet.")
        return
    running = any(not job.state.is_finished for job in found)
    live.redrawn(_draw, REFRESH_SECONDS, running=running)(running)


def _draw(was_running: bool) -> None:
    found = {job.id: backends.of(job).refresh(job) for job in heads()}
    if was_running and all(job.state.is_finished for job in found.values()):
        # The whole page is drawn once more, so that it stops refreshing.
        st.rerun(scope="app")
    names = {job.id: heading.dataset_version(job) for job in found.values()}
    runs_table.show(
        [_run(job, names[job.id]) for job in found.values()],
        _table(),
        lambda job_id: links.to("tune", job=job_id),
        lambda chosen: _actions([found[job_id] for job_id in chosen]),
    )


def _actions(chosen: Sequence[Job]) -> None:
    if st.button(
        "Compare",
        key="tu_to_compare",
        icon=":material/compare_arrows:",
        help="Select two or more tuning jobs by the boxes in front of them.",
        disabled=len(chosen) == 1,
    ):
        named = ",".join(job.id for job in chosen)
        links.to("tune", view="compare", **({"jobs": named} if named else {}))
    run_actions.tag(chosen, key=KEY)
    run_actions.delete(
        chosen, "tuning job", key=KEY, facts=" with trials and their models", remove=remove
    )


def remove(job_id: str, group: str) -> str:
    """Move a tuning job and its trials into the bin under one group; return the group."""
    group = group or bin_folder.new_group()
    for trial in jobs.readable("training"):
        if trial.tuning_id == job_id:
            # What is left of one that died ends first.
            jobs.move_to_bin(backends.of(trial).refresh(trial).id, group)
    return jobs.move_to_bin(job_id, group)


def _run(job: Job, dataset: str) -> Run:
    told = TuningProgress.from_json(job.status.progress)
    state = job_state.word(job.state)
    objective = objectives.OBJECTIVES.get(str(job.spec.get("objective", "")))
    return Run(
        job.id,
        {
            "state": [state],
            "name": job.name,
            "dataset": dataset,
            "space": ", ".join(name.replace("_", " ") for name in job.spec.get("space", {})),
            "objective": objective.title if objective else "",
            "best": told.best,
            "trials": told.trials,
            "planned": job.spec.get("max_trials"),
            "started": runs_table.local_time(job.status.started),
            "duration": runs_table.length(job.status.seconds),
            "tags": list(job.tags),
            "note": job.note,
        },
        {"State": [state], "Dataset": [dataset], "Tag": job.tags},
    )


def _table() -> Table:
    config = st.column_config
    return Table(
        KEY,
        {
            "state": job_state.column(),
            "name": config.TextColumn("Name", width=150),
            "dataset": config.TextColumn("Dataset", width=112),
            "space": config.TextColumn("Search space", width=150),
            "objective": config.TextColumn("Objective", width=120),
            "best": config.NumberColumn(
                "Best", format="%.4f", width=72, help="Best value of the objective so far."
            ),
            "trials": config.NumberColumn("Trials", width=60, help="Trials that have ended."),
            "planned": config.NumberColumn("Planned", width=72, help="Most trials of the job."),
            "started": runs_table.time_column("Started"),
            "duration": runs_table.duration_column("Duration"),
            "tags": config.MultiselectColumn("Tags", width="small"),
            "note": config.TextColumn("Note", width="small"),
        },
        ("State", "Dataset", "Tag"),
        "tuning job",
    )


def usual_seconds(version: store.Version, mode: str) -> float | None:
    """Return the median duration of the last training jobs on this version in this mode; None
    without any."""
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
