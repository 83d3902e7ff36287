"""What a look into a source found, to be checked and corrected before anything is imported."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import pandas as pd
import streamlit as st

from core import backends, settings
from core.datasets import store
from core.datasets.planning import kept, questions
from core.datasets.planning import plan as plans
from core.datasets.planning.decisions import Decisions
from core.datasets.planning.listing import Listing
from core.datasets.planning.plan import Plan
from core.errors import FieldmarkError
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import ImportSpec, PlanSpec
from core.jobs.status.asked import plan_spec
from core.jobs.status.progress import PlanProgress
from ui import choices, links, messages
from ui.importing import plan_tables
from ui.importing import progress as import_progress
from ui.shared import submit
from ui.text import count, plain

KEPT = 8
SHOWN_NOTES = 6


def button(label: str, make: Callable[[], PlanSpec], *, key: str, disabled: bool) -> None:
    """The button that starts a look into the source which `make` describes, and goes to its
    page."""
    submit.button(
        label,
        lambda job_id: backends.LOCAL.plan(replace(make(), id=job_id)),
        lambda job: links.to("datasets", plan=job.id),
        form=key,
        kind=PlanSpec.kind,
        key=key,
        icon=":material/search:",
        disabled=disabled,
    )


def show(job_id: str) -> None:
    """The look as it goes on, or what it found."""
    with messages.report_errors():
        job = backends.LOCAL.refresh(jobs.read(job_id))
        if not job.state.is_finished:
            import_progress.progress(job)
        elif job.state is jobs.State.COMPLETED:
            _found(job)
        else:
            _failed(job)


def waiting() -> None:
    """Links to what was looked into and not imported yet."""
    for job in jobs.readable("plan"):
        if job.state is jobs.State.COMPLETED and not kept.is_imported(job.folder.output):
            _waiting(job)


def _waiting(job: jobs.Job) -> None:
    photos = PlanProgress.from_json(job.status.progress).photos
    with st.container(horizontal=True, vertical_alignment="center"):
        links.link(
            "datasets",
            f"{plain(job.name)}: {count(photos, 'photo')}, looked into and not imported yet",
            ":material/checklist:",
            plan=job.id,
        )
        if st.button(
            "Forget",
            key=f"ds_plan_forget_{job.id}",
            icon=":material/close:",
            help="What was unpacked for it goes, too; your own folder stays as it is. "
            "After a week it is forgotten by itself.",
        ):
            with messages.report_errors():
                jobs.delete(job.id)
                st.rerun()


def _failed(job: jobs.Job) -> None:
    if job.state is jobs.State.FAILED:
        st.error(plain(job.status.reason), icon=":material/error:")
    else:
        st.info("The look was stopped. Nothing was kept of it.", icon=":material/stop_circle:")
    links.link("datasets", "Choose other photos", ":material/arrow_back:", view="import")


@lru_cache(maxsize=KEPT)
def _listing(job_id: str) -> Listing:
    return kept.listing(RunFolder.of(job_id).output)


@lru_cache(maxsize=KEPT)
def _plan(job_id: str, decisions: str) -> Plan:
    """The plan under these decisions (JSON); the first one was made by the job."""
    decided = Decisions.of(json.loads(decisions))
    first = kept.first(RunFolder.of(job_id).output)
    if first.decisions == decided:
        return first
    return plans.again(_listing(job_id), decided)


def _found(job: jobs.Job) -> None:
    folder = job.folder.output
    decisions = kept.decisions(folder)
    st.subheader(f"What was found in {plain(job.name)}")
    try:
        with st.spinner("Reading names and tables"):
            plan = _plan(job.id, json.dumps(decisions.as_dict()))
            unnamed = replace(decisions, renamed={})
            classes = _plan(job.id, json.dumps(unnamed.as_dict())).classes
    except FieldmarkError as error:
        st.error(plain(str(error)), icon=":material/error:")
        plan, classes = kept.first(folder), ()
    _summary(plan)
    _ask(job, decisions, plan)
    _import(job, decisions, plan)
    _details(job, decisions, plan, classes)


def _summary(plan: Plan) -> None:
    decisions = plan.decisions
    layout = decisions.layout[:1].upper() + decisions.layout[1:]
    st.markdown(f"**{plain(layout)}**: {plain(decisions.why)}.")
    named = [item for item in plan.classes if item.photos]
    with st.grid(4, min_column_width=130, gap="small"):
        st.metric("Photos", f"{plan.photos:,}", border=True)
        st.metric("Classes", f"{len(named):,}", border=True)
        st.metric("Without a label", f"{plan.unlabelled:,}", border=True)
        st.metric("Files left out", f"{sum(left.files for left in plan.left_out):,}", border=True)
    st.caption(" ".join(_lines(plan)))
    for note in plan.notes[:SHOWN_NOTES]:
        st.caption(f":material/info: {plain(note)}")


def _lines(plan: Plan) -> list[str]:
    """What the photos come with, a sentence each."""
    said = []
    if plan.splits:
        parts = ", ".join(f"{number:,} {part}" for part, number in plan.splits.items())
        said.append(f"They come with a split: {parts}.")
    elif plan.photos > plan.unlabelled:
        said.append("They come without a split: one is made by ratios.")
    if plan.boxes:
        said.append(f"{count(plan.boxes, 'photo')} with a box.")
    if plan.groups:
        said.append(f"{count(plan.groups, 'group')} of photos that belong together.")
    if plan.kept:
        names = ", ".join(plain(name) for name in plan.kept[:12])
        said.append(f"Kept with each photo: {names}.")
    if plan.missing:
        said.append(f"{count(plan.missing, 'photo')} in the tables that are not here.")
    return said


def _ask(job: jobs.Job, decisions: Decisions, plan: Plan) -> None:
    """The questions, each with the answer that was chosen for it."""
    if not plan.questions:
        return
    with st.container(border=True):
        st.markdown("**Please check**")
        for question in plan.questions:
            words = dict(question.options)
            given = choices.one(
                question.text,
                list(words),
                label=words.__getitem__,
                start=question.answer,
                key=f"ds_plan_{job.id}_{question.id}_{question.answer}",
            )
            if given != question.answer:
                _decide(job, questions.answered(decisions, question.id, given))


def _decide(job: jobs.Job, decisions: Decisions) -> None:
    kept.decide(job.folder.output, decisions)
    st.rerun()


def _import(job: jobs.Job, decisions: Decisions, plan: Plan) -> None:
    spec = plan_spec(job)
    name = spec.name
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    if spec.dataset_id:
        left.caption(f"The new photos make the next version of **{plain(name)}**.")
    else:
        name = left.text_input(
            "Name of the dataset",
            spec.name,
            key=f"ds_plan_name_{job.id}",
            max_chars=settings.MAX_NAME_LENGTH,
        )

    def made() -> ImportSpec:
        if not spec.dataset_id and name.strip() != spec.name:
            store.require_free(name)
        return spec.import_spec(name, decisions.as_dict())

    import_progress.button(
        f"Import {count(plan.photos, 'photo')}",
        made,
        key=f"ds_plan_import_{job.id}",
        icon=":material/download:",
        on=right,
        disabled=not plan.photos,
        width="stretch",
    )


def _details(
    job: jobs.Job, decisions: Decisions, plan: Plan, classes: tuple[plans.Class, ...]
) -> None:
    """Everything else, to be looked at and changed."""

    def decide(made: Decisions) -> None:
        kept.decide(job.folder.output, made)

    tabs = st.tabs(["Classes", "Tables", "Folders", "Left out"])
    with tabs[0]:
        plan_tables.classes(job.id, _listing(job.id).root, decisions, classes, decide)
    with tabs[1]:
        plan_tables.tables(job.id, decisions, decide)
    with tabs[2]:
        plan_tables.folders(job.id, _listing(job.id), decisions, decide)
    with tabs[3]:
        _left_out(plan)


def _left_out(plan: Plan) -> None:
    if plan.left_out:
        table = pd.DataFrame(
            [(left.reason, left.files, left.example) for left in plan.left_out],
            columns=["why", "files", "one of them"],
        )
        st.dataframe(table, hide_index=True, alt="Files that are left out, by reason")
    else:
        st.caption("Nothing: every file is a photo of the dataset.")
    if plan.error_count:
        st.markdown(f"**{count(plan.error_count, 'row')} of the tables can't be used**")
        for text in plan.errors:
            st.caption(plain(text))
