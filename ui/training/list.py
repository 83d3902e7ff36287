"""The training jobs as a table: data, settings, accuracies, tags; select several to compare, tag or
delete them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends
from core.jobs import store as jobs
from core.jobs.store import Job, Unreadable
from core.models import scores
from core.models.scores import Score
from core.training.setup import setup_of
from ui import links
from ui.shared import job_state, jobs_table, live, run_actions, runs_table
from ui.shared.runs_table import Run, Table
from ui.text import count
from ui.training import heading

REFRESH_SECONDS = 2.0
KEY = "tr"


def show() -> None:
    """The whole list. It refreshes itself while one of the jobs runs."""
    found = _listed()
    if not found:
        st.caption("No training jobs yet.")
        _trials_toggle()
        return
    is_running = any(isinstance(job, Job) and not job.state.is_finished for job in found)
    live.redrawn(_draw, REFRESH_SECONDS, running=is_running)(is_running)


def _listed() -> list[Job | Unreadable]:
    """The jobs of the list; trials are among them if the toggle asks for them."""
    found = jobs.listing("training")
    if st.session_state.get("tr_trials"):
        return found
    return jobs.without_trials(found)


def _draw(was_running: bool) -> None:
    found = _listed()
    readable = {job.id: backends.of(job).refresh(job) for job in found if isinstance(job, Job)}
    if was_running and all(job.state.is_finished for job in readable.values()):
        # The whole page is drawn once more, so that it stops refreshing.
        st.rerun(scope="app")
    jobs_table.unreadable([item for item in found if isinstance(item, Unreadable)])
    runs_table.show(
        _runs(list(readable.values())),
        _table(),
        lambda job_id: links.to("train", job=job_id),
        lambda chosen: _actions([readable[job_id] for job_id in chosen]),
    )
    _trials_toggle()


def _trials_toggle() -> None:
    trials = sum(bool(job.tuning_id) for job in jobs.readable("training"))
    if trials:
        st.toggle(
            f"Show {count(trials, 'trial')} of tuning jobs",
            key="tr_trials",
            on_change=lambda: runs_table.clear_selection(KEY),
        )


def _actions(chosen: Sequence[Job]) -> None:
    if st.button(
        "Compare",
        key="tr_to_compare",
        icon=":material/compare_arrows:",
        help="Select two or more jobs by the boxes in front of them.",
        disabled=len(chosen) == 1,
    ):
        links.to("train", view="compare", **_named(chosen))
    run_actions.tag(chosen, key=KEY)
    run_actions.delete(chosen, "job", key=KEY, facts=" with models and logs")


def _named(chosen: Sequence[Job]) -> dict[str, str]:
    """The selected jobs as a parameter of the address; with none, the comparison chooses."""
    if chosen:
        return {"jobs": ",".join(job.id for job in chosen)}
    return {}


def _runs(found: Sequence[Job]) -> list[Run]:
    datasets = {str(job.spec.get("dataset_id", "")) for job in found}
    names = {dataset_id: heading.dataset_name(dataset_id) for dataset_id in datasets}
    return [_run(job, names[str(job.spec.get("dataset_id", ""))]) for job in found]


def _run(job: Job, dataset: str) -> Run:
    setup, reached = setup_of(job.spec.get("hyperparameters", {})), scores.of_job(job)
    state = job_state.word(job.state)
    version = f"{dataset} {job.spec.get('version_id', '')}".strip()
    return Run(
        job.id,
        {
            "state": [state],
            "name": job.name,
            "dataset": version,
            "model": setup.model,
            "mode": setup.mode,
            "validation": _share(reached.validation),
            "test": _share(reached.test),
            "started": runs_table.local_time(job.status.started),
            "duration": runs_table.length(job.status.seconds),
            "tags": list(job.tags),
            "note": job.note,
        },
        {"State": [state], "Dataset": [version], "Tag": job.tags},
    )


def _share(score: Score | None) -> float | None:
    if score is None:
        return None
    return score.share


def _table() -> Table:
    config = st.column_config
    return Table(
        KEY,
        {
            "state": job_state.column(),
            "name": config.TextColumn("Name", width=150),
            "dataset": config.TextColumn("Dataset", width=112),
            "model": config.TextColumn("Model", width=142),
            "mode": config.TextColumn("Mode", width=78),
            "validation": runs_table.accuracy_column(
                "Validation", "Top-1 accuracy of the job's model on the validation split."
            ),
            "test": runs_table.accuracy_column(
                "Test", "Top-1 accuracy of the job's model on the test split."
            ),
            "started": runs_table.time_column("Started"),
            "duration": runs_table.duration_column("Duration"),
            "tags": config.MultiselectColumn("Tags", width="small"),
            "note": config.TextColumn("Note", width="small"),
        },
        ("State", "Dataset", "Tag"),
        "job",
    )
