"""The actions of a tuning job (stop, add trials, clone, edit, delete) and its settings."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core import backends
from core.jobs import store as jobs
from core.jobs.status.asked import tuning_spec
from core.jobs.status.progress import TuningProgress
from core.jobs.store import Job
from core.tuning import leaderboard
from core.tuning import objectives as search
from core.tuning.leaderboard import Board
from ui import links, messages, removal
from ui.shared import job_state
from ui.text import plain
from ui.training import heading
from ui.training import job as job_card
from ui.tuning import compare as tuning_compare
from ui.tuning import list as tuning_list

MORE_TRIALS = 10


def above(job: Job) -> None:
    """Draw what the job is, and the buttons that change or delete it."""
    heading.show(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        links.button("Clone", "tune", key="tu_clone", icon=":material/content_copy:", clone=job.id)
        heading.edit(job)
        heading.delete(job, lambda: _delete(job), "the tuning job, its trials and their models")


def show(job: Job, board: Board) -> None:
    """Draw the buttons beside the state."""
    if not job.state.is_finished:
        job_state.stop_button(job)
        return
    later = next(
        (other for other in jobs.readable("tuning") if other.spec.get("continues") == job.id), None
    )
    if later:
        links.link(
            "tune", f"Continued as {plain(later.name)}", ":material/arrow_forward:", job=later.id
        )
    else:
        _more_trials(job, board)
    links.button(
        "Compare",
        "tune",
        key="tu_to_compare",
        icon=":material/compare_arrows:",
        view="compare",
        jobs=job.id,
    )


def _more_trials(job: Job, board: Board) -> None:
    """Add trials to the same search, as a new job that contains the finished ones."""
    left = board.spec.max_trials - len(board.trials)
    with st.popover("Add trials", icon=":material/add:", key=f"tu_go_on_{job.id}"):
        st.caption(
            "Continues the search as a new job that keeps all finished trials. No trial is "
            "repeated."
        )
        if left <= 0:
            left = MORE_TRIALS
        more = st.number_input("More trials", 1, search.MAX_TRIALS, left, key=f"tu_more_{job.id}")
        st.session_state.setdefault(f"tu_next_{job.id}", jobs.new_id("tuning"))
        if st.button("Start", key=f"tu_go_{job.id}", type="primary", icon=":material/play_arrow:"):
            spec = replace(
                tuning_spec(job),
                max_trials=len(board.trials) + int(more),
                continues=job.id,
                id=st.session_state[f"tu_next_{job.id}"],
                patience=0,
                target=None,
            )
            with messages.report_errors(), st.spinner("Starting"):
                links.to("tune", job=backends.of(job).tune(spec).id)


def details(job: Job) -> None:
    """Draw the settings, the programs and the log."""
    board = leaderboard.read(job.id)
    with st.expander("Settings", icon=":material/tune:"):
        rows = tuning_compare.asked_for(board)
        if board.spec.warm_start:
            told = TuningProgress.from_json(job.status.progress)
            rows["warm start"] += f" ({told.warm_start_trials} trials)"
        st.dataframe(
            {"setting": list(rows), "value": list(rows.values())},
            hide_index=True,
            alt="Settings of the tuning job",
        )
        st.caption(f"Job `{job.id}`, stored in `{job.folder.path}`.")
        links.link(
            "datasets",
            heading.dataset_version(job),
            ":material/photo_library:",
            dataset=board.spec.dataset_id,
            version=board.spec.version_id,
        )
    job_card.as_code(job)
    with st.expander("Log", icon=":material/article:"):
        st.code(
            backends.of(job).log(job).text[-job_card.LOG_LETTERS :] or "The log is empty.",
            language=None,
            height=200,
        )


def _delete(job: Job) -> None:
    removal.tell(job.name, tuning_list.remove(job.id, ""))
    links.to("tune")
