"""The overview's blocks: the next step, the four figures, and what is being served."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.backends import Endpoint, EndpointState
from core.datasets.store import Dataset
from core.jobs import store as jobs
from core.jobs.specs import ImportSpec
from core.models.store import Model
from ui import links
from ui.importing import progress as import_progress
from ui.text import age, count, plain, share

SAMPLE_NAME = "Sketchbook"


def next_step(
    datasets: Sequence[Dataset],
    found: Sequence[jobs.Job | jobs.Unreadable],
    models: Sequence[Model],
    endpoints: Sequence[Endpoint],
) -> None:
    """One card: what a person would do now, judging by what there is."""
    running = [job for job in found if isinstance(job, jobs.Job) and not job.state.is_finished]
    up = [endpoint for endpoint in endpoints if endpoint.state is EndpointState.IN_SERVICE]
    with st.container(border=True):
        if not datasets:
            _first_dataset(next((job for job in running if job.kind == "import"), None))
        elif not models:
            _first_model(datasets, next((job for job in running if job.kind == "training"), None))
        elif not up:
            _first_endpoint(models[0])
        else:
            st.markdown(
                f"**Try it.** The endpoint *{plain(up[0].name)}* is up: drop photos on its page "
                "and see what it says."
            )
            links.button(
                "Drop photos",
                "deploy",
                key="next_try",
                icon=":material/add_a_photo:",
                kind="primary",
                endpoint=up[0].id,
            )


def figures(
    datasets: Sequence[Dataset],
    found: Sequence[jobs.Job | jobs.Unreadable],
    models: Sequence[Model],
    endpoints: Sequence[Endpoint],
) -> None:
    """Datasets, jobs, models and endpoints, each counted."""
    running = sum(isinstance(job, jobs.Job) and not job.state.is_finished for job in found)
    up = sum(endpoint.state is EndpointState.IN_SERVICE for endpoint in endpoints)
    with st.grid(4, min_column_width=180, gap="medium"):
        st.metric("Datasets", len(datasets), border=True, height="stretch")
        st.metric(
            "Jobs",
            len(found),
            f"{running} running" if running else None,
            delta_color="off",
            border=True,
            height="stretch",
        )
        st.metric(
            "Models",
            len(models),
            _newest(models),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
        st.metric(
            "Endpoints",
            len(endpoints),
            f"{up} in service" if up else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )


def _newest(models: Sequence[Model]) -> str | None:
    """What the newest model reached on test, where that was measured."""
    newest = models and models[0].metrics("test")
    if newest:
        return f"newest: {int(newest['correct'])}/{int(newest['n'])} on test"
    return None


def endpoints(found: Sequence[Endpoint]) -> None:
    """The endpoints in one line each."""
    if not found:
        st.caption("Nothing is being served.")
    for endpoint in found[:5]:
        links.link(
            "deploy",
            f"{plain(endpoint.name)} ({endpoint.state}, {age(endpoint.created)})",
            ":material/bolt:",
            endpoint=endpoint.id,
        )


def _first_dataset(importing: jobs.Job | None) -> None:
    st.markdown(
        "**Start with a dataset.** Take the built-in sample to see how everything works, or bring "
        "your own photos."
    )
    if importing:
        import_progress.progress(importing)
        return
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
    st.caption(
        "The sketchbook holds drawings of birds that Fieldmark makes itself; no network is needed."
    )


def _first_model(datasets: Sequence[Dataset], training: jobs.Job | None) -> None:
    if training:
        st.markdown(
            f"**Training is on its way.** *{plain(training.name)}* is {training.state}; its page "
            "shows the curves as they grow."
        )
        links.button(
            "Watch it",
            "train",
            key="next_watch",
            icon=":material/show_chart:",
            kind="primary",
            job=training.id,
        )
        return
    name = plain(datasets[0].name)
    st.markdown(
        f"**Train a first model** on *{name}*. With the defaults it takes about a minute on an "
        "ordinary computer."
    )
    links.button(
        "Train a model",
        "train",
        key="next_train",
        icon=":material/model_training:",
        kind="primary",
        dataset=datasets[0].id,
    )


def _first_endpoint(model: Model) -> None:
    st.markdown(
        f"**Put a model to work.** *{plain(model.name)}* knows "
        f"{count(len(model.classes), 'class', 'classes')}{_reached(model)}."
    )
    with st.container(horizontal=True):
        links.button(
            "Deploy it",
            "deploy",
            key="next_deploy",
            icon=":material/rocket_launch:",
            kind="primary",
            model=model.id,
        )
        links.button(
            "See how good it is",
            "models",
            key="next_model",
            icon=":material/verified:",
            model=model.id,
        )


def _reached(model: Model) -> str:
    for split in ("test", "validation"):
        if figures := model.metrics(split):
            return f", {share(int(figures['correct']), int(figures['n']))} on {split}"
    return ""
