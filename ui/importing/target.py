"""The dataset that photos are imported into: a new one, or the next version of an existing one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import streamlit as st

from core import settings
from core.datasets import store
from core.datasets.importing import extending
from core.datasets.store import Dataset
from core.jobs.specs import ImportSpec, PlanSpec
from ui import choices, links
from ui.shared import version_picker
from ui.text import plain

Spec = TypeVar("Spec", ImportSpec, PlanSpec)

NEW = "A new dataset"
JOINS = {
    "train": "Train",
    "shared": "Train, validation and test (70 %, 15 %, 15 %)",
    "unused": "No split: keep them unused for now",
}


@dataclass(frozen=True)
class Target:
    """Where imported photos go: into `dataset`, as the version after `version_id`, or, if it is
    None, into a new dataset."""

    dataset: Dataset | None = None
    version_id: str = ""
    join: str = "train"
    into_own_folder: bool = False

    def apply_to(self, spec: Spec) -> Spec:
        """Return the spec of an import into this target."""
        if self.dataset is None:
            return spec
        return replace(
            spec,
            name=self.dataset.name,
            dataset_id=self.dataset.id,
            version_id=self.version_id,
            join=self.join,
            into_own_folder=self.into_own_folder,
        )

    def ask_name(self, key: str, source: str) -> str:
        """Ask for the name of a new dataset; return that of an existing one."""
        if self.dataset is not None:
            return self.dataset.name
        return st.text_input(
            "Dataset name",
            key=key,
            placeholder=f"Same as the {source}",
            max_chars=settings.MAX_NAME_LENGTH,
        )

    def require_free_name(self, name: str) -> None:
        """Raise UserError if a new dataset can't be called `name`; '' is always free."""
        if name and self.dataset is None:
            store.require_free(name)


def ask(datasets: Mapping[str, Dataset]) -> Target | None:
    """Ask which dataset the photos go into; None until one is chosen."""
    wanted = links.parameter("into")
    if not datasets:
        return Target()
    left, right = st.columns(2)
    chosen = choices.thing(
        "Import into",
        ["", *datasets],
        what="dataset",
        wanted=wanted,
        label=lambda dataset_id: _label(datasets, dataset_id),
        hint=lambda dataset_id: version_picker.made(datasets[dataset_id]),
        key=f"ds_into_{wanted}",
        help=(
            "New photos create the dataset's next version. Photos already in the dataset are "
            "skipped."
        ),
        on=left,
    )
    if chosen is None:
        return None
    if not chosen:
        return Target()
    dataset = datasets[chosen]
    join = choices.one(
        "Split of the new photos",
        list(JOINS),
        label=JOINS.__getitem__,
        key="ds_join",
        help="Models stay comparable if the test split does not change.",
        on=right,
    )
    return Target(dataset, store.latest(chosen).id, join, _may_copy(dataset))


def _label(datasets: Mapping[str, Dataset], dataset_id: str) -> str:
    if dataset_id:
        return datasets[dataset_id].name
    return NEW


def _may_copy(dataset: Dataset) -> bool:
    """Ask whether photos may be copied into the person's own folder, if the dataset is there."""
    if not extending.is_own_folder(dataset):
        return False
    return st.checkbox(
        f"Allow copying photos into {plain(str(dataset.root / extending.ADDED))}",
        key="ds_into_own",
        help=(
            "This dataset's photos are in your own folder. To add photos without copying, put "
            "them there and import that folder."
        ),
    )
