"""The preview of an import: what was recognised in a source, to be checked and corrected before
anything is imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pandas as pd
import streamlit as st

from core import backends, settings
from core.datasets import store
from core.datasets.planning import plan as plans
from core.datasets.planning import plan_store, questions
from core.datasets.planning.decisions import SPLITS, Decisions
from core.datasets.planning.listing import Listing
from core.datasets.planning.plan import Plan
from core.errors import FieldmarkError
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import ImportSpec, PlanSpec
from core.jobs.status.asked import plan_spec
from core.jobs.status.progress import PlanProgress
from ui import choices, links, messages, removal
from ui.importing import plan_tables
from ui.importing import progress as import_progress
from ui.shared import submit
from ui.text import count, plain

CACHED = 8
MOST_NOTES = 6
MOST_COLUMNS_NAMED = 12


def button(
    label: str,
    make: Callable[[], PlanSpec],
    *,
    key: str,
    disabled: bool,
    beside: Mapping[str, Any],
) -> None:
    """Show the button that previews the source described by `make` and opens the preview. `beside`
    as for `submit.button`."""
    submit.button(
        label,
        lambda job_id: backends.LOCAL.plan(replace(make(), id=job_id)),
        lambda job: links.to("datasets", plan=job.id),
        form=key,
        kind=PlanSpec.kind,
        key=key,
        icon=":material/search:",
        disabled=disabled,
        beside=beside,
    )


def show(job_id: str) -> None:
    """Show a running preview's progress, or what it recognised."""
    with messages.report_errors():
        job = backends.LOCAL.refresh(jobs.read(job_id))
        if not job.state.is_finished:
            import_progress.progress(job)
        elif job.state is jobs.State.COMPLETED:
            _preview(job)
        else:
            _failure(job)


def show_waiting() -> None:
    """List the previews that have not been imported yet."""
    for job in jobs.readable("plan"):
        if job.state is jobs.State.COMPLETED and not plan_store.is_imported(job.folder.output):
            _waiting(job)


def _waiting(job: jobs.Job) -> None:
    photos = PlanProgress.from_json(job.status.progress).photos
    with st.container(horizontal=True, vertical_alignment="center"):
        links.link(
            "datasets",
            f"Preview of {plain(job.name)}: {count(photos, 'photo')}, not imported yet",
            ":material/checklist:",
            plan=job.id,
        )
        if st.button(
            "Discard",
            key=f"ds_plan_discard_{job.id}",
            icon=":material/close:",
            type="tertiary",
            help="Deletes the preview and anything unpacked for it. Your own files are unchanged. "
            "A preview is deleted automatically after a week.",
        ):
            with messages.report_errors():
                removal.tell(f"the preview of {job.name}", jobs.move_to_bin(job.id))
                st.rerun()


def _failure(job: jobs.Job) -> None:
    if job.state is jobs.State.FAILED:
        st.error(plain(job.status.reason), icon=":material/error:")
    else:
        st.info("The preview was stopped. Nothing was kept.", icon=":material/stop_circle:")


@lru_cache(maxsize=CACHED)
def _listing(job_id: str) -> Listing:
    return plan_store.load_listing(RunFolder.of(job_id).output)


@lru_cache(maxsize=CACHED)
def _plan(job_id: str, decisions: str) -> Plan:
    """Return the plan for these decisions (JSON); the job made the first one."""
    decided = Decisions.of(json.loads(decisions))
    first = plan_store.load_plan(RunFolder.of(job_id).output)
    if first.decisions == decided:
        return first
    return plans.replan(_listing(job_id), decided)


def _preview(job: jobs.Job) -> None:
    folder = job.folder.output
    decisions = plan_store.load_decisions(folder)
    st.header(f"Preview of {plain(job.name)}")
    try:
        with st.spinner("Reading names and tables"):
            plan = _plan(job.id, json.dumps(decisions.as_dict()))
            unnamed = replace(decisions, renamed={})
            classes = _plan(job.id, json.dumps(unnamed.as_dict())).classes
    except FieldmarkError as error:
        st.error(plain(str(error)), icon=":material/error:")
        plan, classes = plan_store.load_plan(folder), ()
    _summary(plan)
    _questions(job, decisions, plan)
    _import_row(job, decisions, plan)
    _details(job, decisions, plan, classes)


def _summary(plan: Plan) -> None:
    decisions = plan.decisions
    named = [item for item in plan.classes if item.photos]
    ignored = sum(left.files for left in plan.left_out)
    st.markdown(f"**{plain(decisions.layout)}**: {plain(decisions.why)}.")
    with st.grid(4, min_column_width=105, gap="small"):
        st.metric("Photos", f"{plan.photos:,}", border=True)
        st.metric("Classes", f"{len(named):,}", border=True)
        st.metric("Unlabelled", f"{plan.unlabelled:,}", border=True)
        st.metric("Ignored files", f"{ignored:,}", border=True)
    st.caption(" ".join(_facts(plan)))
    for note in plan.notes[:MOST_NOTES]:
        st.caption(f":material/info: {plain(note)}")


def _facts(plan: Plan) -> list[str]:
    """Split, boxes, groups and columns of the photos, a sentence each."""
    facts = []
    if plan.splits:
        parts = ", ".join(f"{plan.splits[part]:,} {part}" for part in SPLITS if part in plan.splits)
        facts.append(f"Split: {parts}.")
    elif plan.photos > plan.unlabelled:
        ratios = ", ".join(
            f"{share:.0%}".replace("%", " %") + f" {part}"
            for part, share in settings.DEFAULT_RATIOS.items()
        )
        facts.append(f"No split found: {ratios} will be used.")
    if plan.boxes:
        facts.append(f"{count(plan.boxes, 'photo')} with a box.")
    if plan.groups:
        facts.append(
            f"{count(plan.groups, 'group')}: photos of a group stay in one part of the split."
        )
    if plan.kept:
        names = ", ".join(plain(name) for name in plan.kept[:MOST_COLUMNS_NAMED])
        facts.append(f"Extra columns: {names}.")
    if plan.missing:
        facts.append(f"{count(plan.missing, 'photo')} listed in the tables but missing here.")
    return facts


def _questions(job: jobs.Job, decisions: Decisions, plan: Plan) -> None:
    """Show the doubtful decisions, each with the answer that was chosen."""
    if not plan.questions:
        return
    with st.container(border=True):
        st.markdown("**Check these decisions**")
        with st.grid(2, min_column_width=300, gap="small"):
            for question in plan.questions:
                _question(job, decisions, question)


def _question(job: jobs.Job, decisions: Decisions, question: questions.Question) -> None:
    labels = dict(question.options)
    answer = choices.one(
        question.text,
        list(labels),
        label=labels.__getitem__,
        start=question.answer,
        key=f"ds_plan_{job.id}_{question.id}_{question.answer}",
    )
    if answer != question.answer:
        plan_store.save_decisions(
            job.folder.output, questions.apply_answer(decisions, question.id, answer)
        )
        st.rerun()


def _import_row(job: jobs.Job, decisions: Decisions, plan: Plan) -> None:
    spec = plan_spec(job)
    name = spec.name
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    if spec.dataset_id:
        left.caption(f"The new photos create the next version of **{plain(name)}**.")
    else:
        name = left.text_input(
            "Dataset name",
            spec.name,
            key=f"ds_plan_name_{job.id}",
            max_chars=settings.MAX_NAME_LENGTH,
        )

    def make() -> ImportSpec:
        if not spec.dataset_id and name.strip() != spec.name:
            store.require_free(name)
        return spec.import_spec(name, decisions.as_dict())

    import_progress.button(
        f"Import {count(plan.photos, 'photo')}",
        make,
        key=f"ds_plan_import_{job.id}",
        icon=":material/download:",
        on=right,
        disabled=not plan.photos,
        width="stretch",
    )


def _details(
    job: jobs.Job, decisions: Decisions, plan: Plan, classes: tuple[plans.Class, ...]
) -> None:
    """Show classes, tables, folders and ignored files, most of which can be changed."""

    def decide(changed: Decisions) -> None:
        plan_store.save_decisions(job.folder.output, changed)

    tabs = st.tabs(["Classes", "Tables", "Folders", "Ignored files"])
    with tabs[0]:
        plan_tables.classes(job.id, _listing(job.id).root, decisions, classes, decide)
    with tabs[1]:
        plan_tables.tables(job.id, decisions, decide)
    with tabs[2]:
        plan_tables.folders(job.id, _listing(job.id), decisions, decide)
    with tabs[3]:
        _ignored_files(plan)


def _ignored_files(plan: Plan) -> None:
    if plan.left_out:
        table = pd.DataFrame(
            [(left.reason, left.files, left.example) for left in plan.left_out],
            columns=["Reason", "Files", "Example"],
        )
        st.dataframe(table, hide_index=True, alt="Ignored files, by reason")
    else:
        st.caption("No ignored files: every file is a photo of the dataset.")
    if plan.error_count:
        st.markdown(f"**{count(plan.error_count, 'table row')} can't be used**")
        for text in plan.errors:
            st.caption(plain(text))
