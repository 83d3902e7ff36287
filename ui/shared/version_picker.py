"""The choice of a dataset and one of its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.datasets import remote, store
from core.errors import NotFound
from ui import choices, links, option_labels
from ui.text import count, plain


def datasets(*, key: str) -> dict[str, store.Dataset]:
    """Return the datasets by id; when there are none, draw a link to the import."""
    found = {item.id: item for item in store.datasets() if isinstance(item, store.Dataset)}
    if not found:
        st.info(
            "There is no dataset to train on yet. Import photos or use the sample.",
            icon=":material/photo_library:",
        )
        links.button(
            "Get a dataset",
            "datasets",
            key=key,
            icon=":material/add_photo_alternate:",
            kind="primary",
            view="import",
        )
    return found


def dataset(
    datasets: Mapping[str, store.Dataset],
    *,
    key: str,
    title: str = "Dataset",
    wanted: str = "",
    start: str = "",
    parameter: str = "",
    label_visibility: str = "visible",
    on: Any = st,
) -> str | None:
    """Return the id of the chosen dataset: see choices.thing."""
    return choices.thing(
        title,
        list(datasets),
        what="dataset",
        key=key,
        label=lambda i: datasets[i].name,
        hint=lambda i: made(datasets[i]),
        wanted=wanted,
        start=start,
        parameter=parameter,
        always=True,
        label_visibility=label_visibility,
        on=on,
    )


def made(of: store.Dataset) -> str:
    """Return what distinguishes a dataset from another of its name: size, import time, end of its
    id."""
    return f"{size_and_time(of)}, {option_labels.short_id(of.id)}"


def size_and_time(of: store.Dataset) -> str:
    """Return the number of photos of a dataset and the time of its import."""
    try:
        size = f"{count(store.latest(of.id).images, 'photo')}, "
    except NotFound:
        size = ""
    return f"{size}{of.created[:16].replace('T', ' ')}"


def warn_if_moved(of: store.Dataset) -> None:
    """Say when the folder of a dataset's photos is missing, and what to do about it."""
    if remote.begins(of.root) or of.root.is_dir():
        return
    st.warning(
        f"**The folder {plain(str(of.root))} was moved or deleted**, so photos can't be opened and "
        "jobs on this dataset will fail. Move the folder back, or import the photos from their new "
        "place.",
        icon=":material/folder_off:",
    )


def version(
    dataset_id: str,
    *,
    key: str,
    title: str = "Version",
    wanted: str = "",
    start: str = "",
    parameter: str = "",
    label_visibility: str = "visible",
    on: Any = st,
) -> store.Version | None:
    """Return the chosen version of the dataset, the newest first: see choices.thing. Returns None,
    with an error drawn, when no version can be read."""
    found = {
        item.id: item for item in store.versions(dataset_id) if isinstance(item, store.Version)
    }
    if not found:
        on.error("No version of this dataset can be read.", icon=":material/error:")
        return None
    chosen = choices.thing(
        title,
        list(found),
        what="version",
        key=key,
        label=lambda name: f"{name}: {found[name].note}" if found[name].note else name,
        wanted=wanted,
        start=start,
        parameter=parameter,
        label_visibility=label_visibility,
        on=on,
    )
    if chosen:
        return found[chosen]
    return None


def show(
    datasets: Mapping[str, store.Dataset], wanted: str, wanted_version: str, *, prefix: str
) -> store.Version | None:
    """Draw the choice of dataset and version, by default the wanted ones, with the sizes of the
    splits. Returns None when nothing is chosen or readable."""
    left, right = st.columns(2)
    chosen = dataset(datasets, key=f"{prefix}_dataset_{wanted}", wanted=wanted, on=left)
    if chosen is None:
        return None
    key = f"{prefix}_version_{chosen}_{wanted_version}"
    if chosen != wanted:
        wanted_version = ""
    found = version(
        chosen,
        key=key,
        wanted=wanted_version,
        on=right,
    )
    if found is None:
        return None
    warn_if_moved(datasets[chosen])
    parts = found.split_counts()
    st.caption(
        f"{count(len(found.classes), 'class', 'classes')}; {parts['train']:,} photos for training, "
        f"{parts['validation']:,} for validation, {parts['test']:,} for the final test."
    )
    return found
