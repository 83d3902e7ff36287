"""One dataset on its page: its head, its draft and one of its views."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.datasets.store import Dataset
from ui import choices, links
from ui.datasets import draft as dataset_draft
from ui.datasets import export_form, header, split_form
from ui.datasets import history as dataset_history
from ui.datasets import issues as dataset_issues
from ui.datasets import links as dataset_links
from ui.datasets import map as dataset_map
from ui.datasets.class_balance import show as show_classes
from ui.datasets.photos import gallery as dataset_gallery
from ui.datasets.photos import photo as dataset_photo
from ui.datasets.report import show as show_report
from ui.notices import title
from ui.shared import version_picker


def show(datasets: Mapping[str, Dataset], *, buttons: st.delta_generator.DeltaGenerator) -> None:
    """Draw the dataset and version that the address names; `buttons` is the place of its
    actions."""
    dataset_links.arrive()
    chosen = header.choose(datasets)
    if chosen is None:
        return
    dataset, version = chosen
    with buttons:
        header.actions(dataset, version)
    version_picker.warn_if_moved(dataset)
    dataset_draft.bar(version)
    photo = links.parameter(dataset_links.PAGE)
    if photo:
        dataset_photo.show(dataset, version, photo)
        return
    view = choices.view(
        "View",
        list(VIEWS),
        key=dataset_links.VIEW,
        keep=("dataset", "version"),
        label_visibility="collapsed",
    )
    title.show(f"{dataset.name} {version.id}", view, "Datasets")
    VIEWS[view](dataset, version)


VIEWS = {
    "Photos": dataset_gallery.show,
    "Map": dataset_map.show,
    "Issues": dataset_issues.show,
    "Classes": show_classes,
    "Report": show_report,
    "History": dataset_history.show,
    "New version": split_form.show,
    "Export": export_form.show,
}
