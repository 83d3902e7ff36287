"""The fields that choose what a job learns from: a dataset and one of its versions."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.datasets import store
from ui import links
from ui.text import count


def datasets(*, key: str) -> dict[str, store.Dataset]:
    """The datasets by id; where there are none, the way to one is shown."""
    found = {item.id: item for item in store.datasets() if isinstance(item, store.Dataset)}
    if not found:
        st.info("There is nothing to train on yet. Import photos or take the sample first.", icon=":material/photo_library:")
        links.button("Get a dataset", "datasets", key=key, icon=":material/add_photo_alternate:", kind="primary", view="import")
    return found


def show(datasets: Mapping[str, store.Dataset], wanted: str, wanted_version: str, *, prefix: str) -> store.Version | None:
    """Dataset and version, those that are wanted first, with the split in words; None where no version can be read."""
    ids = list(datasets)
    left, right = st.columns(2)
    chosen = left.selectbox(
        "Dataset",
        ids,
        index=ids.index(wanted) if wanted in ids else 0,
        format_func=lambda i: datasets[i].name,
        key=f"{prefix}_dataset_{wanted}",
    )
    versions = {item.id: item for item in store.versions(chosen) if isinstance(item, store.Version)}
    names = list(versions)
    if not names:
        st.error("No version of this dataset can be read.", icon=":material/error:")
        return None
    picked = right.selectbox(
        "Version",
        names,
        index=names.index(wanted_version) if wanted_version in names else 0,
        format_func=lambda name: f"{name}: {versions[name].note}",
        key=f"{prefix}_version_{chosen}_{wanted_version}",
    )
    version = versions[picked]
    parts = version.split_counts()
    st.caption(
        f"{count(len(version.classes), 'class', 'classes')}; {parts['train']:,} photos to learn from, "
        f"{parts['validation']:,} to choose settings by, {parts['test']:,} to be tested on once, at the end."
    )
    return version
