"""The models as a table, newest first: data, settings, accuracies, tags; select several to compare,
tag or delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.datasets import store
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.store import Job, State
from core.models import store as models
from core.models.store import Model
from core.training.setup import setup_of
from ui import choices, links
from ui.shared import run_actions, runs_table
from ui.shared.runs_table import Run, Table
from ui.text import share

KEY = "mo"
REFRESH_SECONDS = 3.0


def show() -> None:
    """Draw the list. It refreshes itself when a model is added or removed elsewhere."""
    found = models.listing()
    _watch(_finished())
    if not found:
        st.info(
            "No models yet. A completed training job leaves its model here.",
            icon=":material/model_training:",
        )
        links.button(
            "Train a model",
            "train",
            key="models_train",
            icon=":material/model_training:",
            kind="primary",
        )
        return
    by_id = {model.id: model for model in found}
    runs_table.show(
        _runs(found),
        _table(),
        lambda model_id: links.to("models", model=model_id),
        lambda chosen: _actions([by_id[model_id].job for model_id in chosen]),
    )


@st.fragment(run_every=REFRESH_SECONDS)
def _watch(known: frozenset[str]) -> None:
    """Draw the page again when other jobs are completed than those in `known`."""
    if _finished() != known:
        st.rerun(scope="app")


def _finished() -> frozenset[str]:
    """Return the ids of the completed training jobs, which a few small files tell."""
    return frozenset(job.id for job in jobs.readable("training") if job.state is State.COMPLETED)


def _actions(chosen: Sequence[Job]) -> None:
    if st.button(
        "Compare",
        key="mo_to_compare",
        icon=":material/compare_arrows:",
        help="Compares two models on the same photos. Select two by the boxes in front of them.",
        disabled=len(chosen) != 2,
    ):
        first, second = chosen
        links.to("models", **{"model": first.id, "mo_view": "Compare", "with": second.id})
    run_actions.tag(chosen, key=KEY)
    run_actions.delete(chosen, "model", key=KEY, facts=" with jobs and logs")


def in_a_line(model: Model) -> str:
    """Return a model's name with its accuracy, for a select box."""
    split = next((s for s in ("test", "validation") if model.metrics(s)), "")
    if split:
        return f"{model.name} ({split} {_accuracy(model, split)})"
    return model.name


def choose(
    models: Mapping[str, Model],
    *,
    key: str,
    title: str = "Model",
    on: Any = st,
) -> str | None:
    """Draw a select box of models, which starts with the one in the address; return the chosen id,
    or None (see choices.thing)."""
    in_address = links.parameter("model")
    return choices.thing(
        title,
        list(models),
        what="model",
        key=f"{key}_{in_address}",
        label=lambda i: in_a_line(models[i]),
        wanted=in_address,
        on=on,
    )


def _runs(found: Sequence[Model]) -> list[Run]:
    names = {dataset_id: _dataset(dataset_id) for dataset_id in {m.dataset_id for m in found}}
    return [_run(model, names[model.dataset_id]) for model in found]


def _dataset(dataset_id: str) -> str:
    """Return the name of a dataset, or its id if it was deleted."""
    try:
        return store.dataset(dataset_id).name
    except NotFound:
        return dataset_id


def _run(model: Model, dataset: str) -> Run:
    about, job = model.description, model.job
    setup = setup_of(job.spec.get("hyperparameters", {}))
    version = f"{dataset} {model.version_id}"
    preset = setup.preset or "custom"
    test, validation = model.metrics("test"), model.metrics("validation")
    return Run(
        model.id,
        {
            "name": model.name,
            "dataset": version,
            "preset": setup.model,
            "mode": setup.mode,
            "test": test.get("top1"),
            "n_test": test.get("n"),
            "validation": validation.get("top1"),
            "n_validation": validation.get("n"),
            "classes": len(model.classes),
            "parameters": about.get("parameters"),
            "created": runs_table.local_time(job.status.ended),
            "duration": runs_table.length(about.get("seconds", {}).get("total")),
            "tags": list(job.tags),
            "note": job.note,
        },
        {"Dataset": [version], "Preset": [preset], "Tag": job.tags},
    )


def _table() -> Table:
    config = st.column_config
    number = config.NumberColumn
    return Table(
        KEY,
        {
            "name": config.TextColumn("Name", width=150),
            "dataset": config.TextColumn("Dataset", width=112),
            "preset": config.TextColumn("Preset", width=125),
            "mode": config.TextColumn("Mode", width=84),
            "test": runs_table.accuracy_column("Test", "Top-1 accuracy on the test split."),
            "n_test": number("n", width=48, help="Labelled photos in the test split."),
            "validation": runs_table.accuracy_column(
                "Validation", "Top-1 accuracy on the validation split."
            ),
            "n_validation": number("n", width=48, help="Labelled photos in the validation split."),
            "classes": number("Classes", width=74),
            "parameters": number("Parameters", format="compact", width=96),
            "created": runs_table.time_column("Created"),
            "duration": runs_table.duration_column("Duration"),
            "tags": config.MultiselectColumn("Tags", width="small"),
            "note": config.TextColumn("Note", width="small"),
        },
        ("Dataset", "Preset", "Tag"),
        "model",
    )


def _accuracy(model: Model, split: str) -> str:
    figures = model.metrics(split)
    return share(int(figures["correct"]), int(figures["n"]))
