"""What can be done with a tuning job: stop it, go on with it, clone it, delete it; and what it
was asked for."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core import backends, settings
from core.bin import entries as bin_folder
from core.jobs import labels
from core.jobs import store as jobs
from core.jobs.status.asked import tuning_spec
from core.jobs.status.progress import TuningProgress
from core.jobs.store import Job
from core.tuning import leaderboard
from core.tuning import objectives as search
from core.tuning.leaderboard import Board
from ui import links, messages, removal
from ui.notices import answers
from ui.shared import job_state
from ui.text import plain
from ui.training import job as job_card
from ui.tuning import compare as tuning_compare

MORE_TRIALS = 10


def show(job: Job, board: Board) -> None:
    """The buttons beside the state."""
    if not job.state.is_finished:
        job_state.stop_button(job)
        return
    later = next(
        (other for other in jobs.readable("tuning") if other.spec.get("continues") == job.id), None
    )
    if later:
        links.link(
            "tune", f"It goes on as {plain(later.name)}", ":material/arrow_forward:", job=later.id
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
    links.button("Clone", "tune", key="tu_clone", icon=":material/content_copy:", clone=job.id)


def _more_trials(job: Job, board: Board) -> None:
    """Goes on with the same trials as a new job: what is there is not repeated."""
    left = board.spec.max_trials - len(board.trials)
    with st.popover("Go on", icon=":material/resume:", key=f"tu_go_on_{job.id}"):
        st.caption(
            "Continues the search with all its trials. Nothing that was tried is tried again."
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
            with messages.report_errors():
                links.to("tune", job=backends.of(job).tune(spec).id)


def details(job: Job) -> None:
    """What was asked for, and the way to delete the job with its trials."""
    board = leaderboard.read(job.id)
    with st.expander("Settings", icon=":material/tune:"):
        rows = tuning_compare.asked_for(board)
        if board.spec.warm_start:
            told = TuningProgress.from_json(job.status.progress)
            rows["learned from"] += f" ({told.warm_start_trials} trials)"
        st.dataframe(
            {"setting": list(rows), "value": list(rows.values())},
            hide_index=True,
            alt="Settings of the tuning job",
        )
        st.caption(f"Job `{job.id}`, kept in `{job.folder.path}`.")
        links.link(
            "datasets",
            "Its dataset version",
            ":material/photo_library:",
            dataset=board.spec.dataset_id,
            version=board.spec.version_id,
        )
        _rename_or_delete(job)
    job_card.as_code(job)
    with st.expander("Log", icon=":material/article:"):
        st.code(
            backends.of(job).log(job).text[-20_000:] or "Nothing to report.",
            language=None,
            height=200,
        )


def _rename_or_delete(job: Job) -> None:
    name = st.text_input(
        "Name", job.name, key=f"tu_rename_{job.id}", max_chars=settings.MAX_NAME_LENGTH
    )
    if name.strip() and name != job.name:
        with messages.report_errors():
            labels.set_label(job.id, name=name)
            answers.tell(f"Renamed to {name.strip()}")
            st.rerun()
    removal.show(
        job.name,
        job.id,
        lambda: _delete(job),
        key="tu_delete",
        parameter="job",
        facts="the tuning job, its trials and their models",
        disabled=not job.state.is_finished,
    )


def _delete(job: Job) -> None:
    group = bin_folder.new_group()
    for trial in jobs.readable("training"):
        if trial.tuning_id == job.id:
            # What is left of one that died ends first.
            jobs.move_to_bin(backends.of(trial).refresh(trial).id, group)
    removal.tell(job.name, jobs.move_to_bin(job.id, group))
    links.to("tune")
