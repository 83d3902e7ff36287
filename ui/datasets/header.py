"""The head of a dataset's page: which dataset and version, how large, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core import settings
from core.datasets import remote, store
from core.datasets.store import Dataset, Version
from core.io import files
from core.jobs import store as jobs
from ui import links, messages, removal
from ui.datasets import about
from ui.notices import answers, popovers
from ui.shared import version_picker
from ui.text import count, plain


def choose(datasets: Mapping[str, Dataset]) -> tuple[Dataset, Version] | None:
    """Draw the choice of dataset and version with the figures of the version beside it.

    Returns None when the address names one that is not there, until a person chooses another.
    """
    row = st.container(horizontal=True, vertical_alignment="center", key="ds_head")
    with row:
        left = st.container(width=210)
        middle = st.container(width=190)
    before = links.parameter("dataset")
    chosen = version_picker.dataset(
        datasets, key="ds_choice", parameter="dataset", label_visibility="collapsed", on=left
    )
    if chosen is None:
        return None
    if chosen != before:
        links.set_parameters(version="")
    store.latest(chosen)  # raises, saying that no version can be read
    version = version_picker.version(
        chosen,
        key=f"ds_version_{chosen}",
        parameter="version",
        label_visibility="collapsed",
        on=middle,
    )
    if version is None:
        return None
    with row, st.container(key="ds_figures", width="stretch"):
        st.markdown(_figures(version), help=about.source(datasets[chosen], version))
    return datasets[chosen], version


def actions(dataset: Dataset, version: Version) -> None:
    """Draw the buttons: train, add photos, all datasets, more."""
    if version.classes:
        links.button(
            "Train",
            "train",
            key="ds_train",
            icon=":material/model_training:",
            kind="primary",
            hint=f"Train a model on {version.id} of {plain(dataset.name)}.",
            dataset=dataset.id,
            version=version.id,
        )
    links.button(
        "Add photos",
        "datasets",
        key="ds_add",
        icon=":material/add_photo_alternate:",
        hint="New photos create the next version. Photos already in the dataset are skipped.",
        view="import",
        into=dataset.id,
    )
    key = popovers.key(f"ds_more_{dataset.id}")
    with st.popover("More", icon=":material/more_horiz:", key=key):
        _more(dataset)


def _figures(version: Version) -> str:
    parts = version.split_counts()
    used = [(split, parts[split]) for split in settings.SPLITS[:3]]
    splits = " / ".join(f"{number:,} {split}" for split, number in used)
    figures = [
        f"**{count(sum(number for _, number in used), 'photo')}**",
        count(len(version.classes), "class", "classes"),
        splits,
    ]
    if version.unlabelled:
        figures.append(f"{version.unlabelled:,} without a label")
    return ", ".join(figures)


def _more(dataset: Dataset) -> None:
    name = st.text_input(
        "Name", dataset.name, key=f"ds_rename_{dataset.id}", max_chars=settings.MAX_NAME_LENGTH
    )
    if st.button("Rename", key=f"ds_rename_go_{dataset.id}") and name.strip():
        with messages.report_errors():
            store.rename(dataset.id, name)
            popovers.close(f"ds_more_{dataset.id}")
            answers.tell(f"Renamed to {name.strip()}")
            st.rerun()
    if remote.begins(dataset.root):
        _copies(dataset)
    newest = store.latest(dataset.id)
    removal.show(
        dataset.name,
        dataset.id,
        lambda: _delete(dataset),
        key="ds_delete",
        parameter="dataset",
        facts=f"{newest.id}, {count(newest.images, 'photo')}",
        help="Deletes all its versions. Photos in your own folder are not touched.",
    )
    st.caption(f"`{dataset.id}`, {version_picker.size_and_time(dataset)}")


def _delete(dataset: Dataset) -> None:
    removal.tell(dataset.name, store.move_to_bin(dataset.id))
    links.to("datasets")


def _copies(dataset: Dataset) -> None:
    """Draw what is cached here of photos that lie in S3, and a button that clears it."""
    photos, size = remote.kept(dataset.root)
    st.caption(
        f"Local copies of photos in S3: {photos:,}, {files.human_bytes(size)}. A removed copy is "
        "downloaded again when it is needed."
    )
    is_busy = any(
        job.spec.get("dataset_id") == dataset.id and not job.state.is_finished
        for job in jobs.readable()
    )
    reason = None
    if is_busy:
        reason = "A running job uses these photos. Wait until it has finished."
    if st.button(
        f"Remove the copies of {plain(removal.shortened(dataset.name))}",
        key=f"ds_forget_{dataset.id}",
        icon=":material/cleaning_services:",
        disabled=is_busy or not photos,
        help=reason,
    ):
        remote.forget(dataset.root)
        answers.tell(f"{count(photos, 'local copy', 'local copies')} removed.")
        st.rerun()
