"""The checklist for new users: five steps that tick themselves, with a button for the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from core.backends import Endpoint, EndpointState
from core.datasets.store import Dataset
from core.jobs.specs import ImportSpec
from core.jobs.store import Job
from core.models.store import Model
from ui import links
from ui.importing import progress as import_progress
from ui.notices import first_run
from ui.text import count, plain, share

SAMPLE_NAME = "Sketchbook"


@dataclass(frozen=True)
class Home:
    """What there is in this home; `jobs` are all jobs that can be read, endpoints among them."""

    datasets: Sequence[Dataset]
    jobs: Sequence[Job]
    models: Sequence[Model]
    endpoints: Sequence[Endpoint]

    def running(self, kind: str) -> Job | None:
        """Return a running job of this kind."""
        return next((j for j in self.jobs if j.kind == kind and not j.state.is_finished), None)

    @property
    def live(self) -> list[Endpoint]:
        return [one for one in self.endpoints if one.state is EndpointState.IN_SERVICE]


@dataclass(frozen=True)
class Step:
    """One line of the checklist; `draw` shows what to do if it is the next one."""

    title: str
    is_done: bool
    draw: Callable[[Home], None]


def steps(home: Home) -> list[Step]:
    """Return the steps in their order."""
    marks = first_run.marks()
    kinds = {job.kind for job in home.jobs}
    has_asked = first_run.ASKED in marks or "transform" in kinds
    return [
        Step("Import photos", bool(home.datasets), _import),
        Step("Train a model", bool(home.models), _train),
        Step("Look at its mistakes", first_run.MISTAKES in marks, _look),
        Step("Deploy it", bool(home.endpoints) or "endpoint" in kinds, _deploy),
        Step("Classify photos of your own", has_asked, _classify),
    ]


def is_wanted(home: Home) -> bool:
    """Whether to show the checklist: until it was hidden."""
    return not home.datasets or first_run.HIDDEN not in first_run.marks()


def show(home: Home) -> None:
    """Draw the checklist; the first step that is not done shows its buttons."""
    found = steps(home)
    done = sum(step.is_done for step in found)
    with st.container(border=True, key="checklist"):
        _head(home, done, len(found))
        following = next((step for step in found if not step.is_done), None)
        for step in found:
            if step.is_done:
                st.markdown(f":green[:material/check_circle:] {step.title}")
            elif step is following:
                st.markdown(f":material/arrow_circle_right: **{step.title}**")
                step.draw(home)
            else:
                st.markdown(f":gray[:material/radio_button_unchecked: {step.title}]")


def _head(home: Home, done: int, total: int) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.header("Getting started", anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.caption(f"{done} of {total} done", width="content")
            if home.datasets and st.button(
                "Hide", key="checklist_hide", type="tertiary", help="Help explains the steps, too."
            ):
                first_run.mark(first_run.HIDDEN)
                st.rerun()


def _import(home: Home) -> None:
    running = home.running("import")
    if running:
        import_progress.progress(running)
        return
    st.caption("Try the built-in sample first, or import your own photos.")
    with st.container(horizontal=True):
        import_progress.button(
            "Use the sample sketchbook",
            lambda: ImportSpec(name=SAMPLE_NAME, source="sample"),
            key="next_sample",
            icon=":material/draw:",
        )
        links.button(
            "Import my photos",
            "datasets",
            key="next_import",
            icon=":material/add_photo_alternate:",
            view="import",
        )
    st.caption("The sketchbook holds 600 drawings of ten bird species. It needs no network.")


def _train(home: Home) -> None:
    training = home.running("training")
    if training:
        st.caption(f"*{plain(training.name)}* is being trained.")
        links.button(
            "Watch it",
            "train",
            key="next_watch",
            icon=":material/show_chart:",
            kind="primary",
            job=training.id,
        )
        return
    dataset = home.datasets[0]
    st.caption(f"On *{plain(dataset.name)}*. The defaults take about a minute.")
    links.button(
        "Train a model",
        "train",
        key="next_train",
        icon=":material/model_training:",
        kind="primary",
        dataset=dataset.id,
    )


def _look(home: Home) -> None:
    if not home.models:
        st.caption("After training, the model's page shows every wrong answer.")
        return
    model = home.models[0]
    st.caption(f"*{plain(model.name)}* {_score(model)}.")
    links.button(
        "See its mistakes",
        "models",
        key="next_model",
        icon=":material/verified:",
        kind="primary",
        model=model.id,
    )


def _deploy(home: Home) -> None:
    if not home.models:
        st.caption("An endpoint serves a model, here or on Amazon SageMaker.")
        return
    st.caption("An endpoint answers for one photo or many, on its page and from code.")
    links.button(
        "Deploy it",
        "deploy",
        key="next_deploy",
        icon=":material/rocket_launch:",
        kind="primary",
        model=home.models[0].id,
    )


def _classify(home: Home) -> None:
    st.caption("Drop photos on an endpoint's page to see the top classes of each.")
    if home.live:
        links.button(
            "Drop photos",
            "deploy",
            key="next_try",
            icon=":material/add_a_photo:",
            kind="primary",
            endpoint=home.live[0].id,
        )
    else:
        links.button("Open Deploy", "deploy", key="next_endpoints", icon=":material/rocket_launch:")


def _score(model: Model) -> str:
    for split in ("test", "validation"):
        if figures := model.metrics(split):
            return f"gets {share(int(figures['correct']), int(figures['n']))} right on {split}"
    return f"knows {count(len(model.classes), 'class', 'classes')}"
