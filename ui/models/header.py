"""The head of a model's page: its name, what it is and comes from, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from core.datasets import store
from core.errors import NotFound
from core.io import files
from core.jobs import store as jobs
from core.models.store import Model
from ui import links
from ui.shared import downloads
from ui.text import age, duration, plain


def show(model: Model) -> None:
    """Draw the title with the actions beside it, and one line about the model below."""
    with st.container(horizontal=True, vertical_alignment="center", key="mo_head"):
        st.title(plain(model.name), width="content")
        st.space("stretch")
        _actions(model)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mo_line"):
        links.link(
            "datasets",
            _dataset_of(model),
            ":material/photo_library:",
            dataset=model.dataset_id,
            version=model.version_id,
        )
        st.markdown(facts(model), width="content")
        _origin(model)
    if model.job.note:
        st.caption(plain(model.job.note))


def facts(model: Model) -> str:
    """Return the model's preset, network, age and training time as one line of Markdown."""
    about = model.description
    hyperparameters = about.get("hyperparameters", {})
    took = about.get("seconds", {}).get("total")
    trained = f"trained {age(model.job.status.ended)}"
    if took:
        trained += f" in {duration(took)}"
    parts = [
        str(hyperparameters.get("preset", "")),
        str(about.get("arch", "")),
        trained,
    ]
    tags = "".join(f" :gray-badge[{plain(tag)}]" for tag in model.job.tags)
    return " · ".join(plain(part) for part in parts if part) + tags


def _dataset_of(model: Model) -> str:
    """Return the name and version of the dataset that the model was trained on."""
    try:
        name = store.dataset(model.dataset_id).name
    except NotFound:
        name = f"{model.dataset_id} (deleted)"
    return f"{plain(name)} {plain(model.version_id)}"


def _origin(model: Model) -> None:
    """Link to the job that this model's training resumed, or to the tuning job of its trial."""
    spec = model.job.spec
    resumed = str(spec.get("resumed_from", ""))
    if resumed:
        links.link("train", f"resumed from {_name(resumed)}", ":material/resume:", job=resumed)
    if model.job.tuning_id:
        links.link(
            "tune",
            f"trial {spec.get('trial', '')} of {_name(model.job.tuning_id)}",
            ":material/tune:",
            job=model.job.tuning_id,
            trial=str(spec.get("trial", "")),
        )


def _name(job_id: str) -> str:
    try:
        return plain(jobs.read(job_id).name)
    except NotFound:
        return "a deleted job"


def _actions(model: Model) -> None:
    links.button(
        "Deploy",
        "deploy",
        key="mo_deploy",
        icon=":material/rocket_launch:",
        kind="primary",
        model=model.id,
    )
    links.button(
        "Run a batch", "batch", key="mo_batch", icon=":material/grid_view:", model=model.id
    )
    artifact = model.folder.artifact
    if artifact.exists() or model.job.tuning_id:
        words = "Download"
        if artifact.exists():
            words += f" ({files.human_bytes(artifact.stat().st_size)})"
        downloads.link(words, model.id, "model.tar.gz", key="mo_download")
    links.button("Open the job", "train", key="mo_job", icon=":material/show_chart:", job=model.id)
