"""The form for a new dataset version: its classes and its split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core import settings
from core.datasets import metadata
from core.datasets.editing import history
from core.datasets.inspection import store as inspection
from core.datasets.store import Dataset, Version
from core.errors import UserError
from ui import choices, messages
from ui.datasets import links as dataset_links
from ui.text import count

TITLES = {
    "official": "Official split",
    "stratified": "Random, stratified by class",
    "grouped": "Random, copies together",
    "by group": "Random, groups together",
    "k-fold": "Cross-validation folds",
}
TOGETHER = {
    "grouped": " Copies and near-copies found by the inspection share a split.",
    "by group": " Photos of one group (from the imported metadata) share a split.",
}


def show(dataset: Dataset, version: Version) -> None:
    """Draw the form: classes and split of the new version. A class that was left out can return;
    corrected labels are kept."""
    st.markdown(
        "Versions never change, so models stay comparable. The new version starts from this one: "
        "corrected labels are kept, and photos that were left out stay out."
    )
    table = _classes(dataset.id, version.id, version)
    labels = choices.many(
        "Classes",
        sorted(table),
        start=version.classes,
        key=f"ds_labels_{dataset.id}_{version.id}",
        help="At least two.",
    )
    split = _split(version, official=table)
    note = st.text_input(
        "Note",
        key="ds_note",
        placeholder="Purpose of this version",
        max_chars=4 * settings.MAX_NAME_LENGTH,
    )
    if split and st.button(
        "Make the version", type="primary", key="ds_make_version", icon=":material/new_label:"
    ):
        _make(version, split, labels, note, whole=set(labels) == set(table))


@st.cache_data(max_entries=16, show_spinner=False)
def _classes(dataset_id: str, version_id: str, _version: Version) -> dict[str, bool]:
    """Return the classes of the version and its ancestors, each with whether the official split has
    any of its photos in train."""
    table = pd.DataFrame(history.everything(_version)[["label", "official"]])
    table = table[table["label"] != ""]
    return {
        str(name): bool(has)
        for name, has in (table["official"] == "train").groupby(table["label"]).any().items()
    }


def _split(version: Version, official: Mapping[str, bool]) -> Mapping[str, Any]:
    """Draw the choice of a split; return it as splits.apply takes it. Empty when an inspection has
    to be made first."""
    able = {
        "official": any(official.values()),
        "by group": metadata.GROUP in metadata.columns_of(version.folder),
    }
    kinds = [kind for kind in TITLES if able.get(kind, True)]
    kind = choices.radio(
        "Split",
        kinds,
        label=TITLES.__getitem__,
        key=f"ds_split_kind_{version.dataset_id}",
        horizontal=True,
    )
    left, middle, right = st.columns(3)
    if kind == "official":
        share = left.slider(
            "Share of train used for validation", 0.05, 0.5, 0.15, 0.05, key="ds_validation_share"
        )
        return {"kind": kind, "validation_share": share, "seed": _seed(middle, kind)}
    if kind == "k-fold":
        folds = left.number_input(
            "Folds",
            2,
            20,
            5,
            key="ds_folds",
            help="Creates one version per fold; the test split is unchanged.",
        )
        st.caption(
            "Each photo of train and validation is in validation in exactly one of the versions."
        )
        return {"kind": kind, "folds": int(folds), "fold": 1, "seed": _seed(middle, kind)}
    if kind == "grouped" and inspection.nearest(version) is None:
        st.info(
            "Copies are not known yet. Inspect this version first, under Issues.",
            icon=":material/search_insights:",
        )
        return {}
    validation = left.slider(
        "Validation", 0.05, 0.45, settings.DEFAULT_RATIOS["validation"], 0.05, key="ds_validation"
    )
    test = middle.slider("Test", 0.05, 0.45, settings.DEFAULT_RATIOS["test"], 0.05, key="ds_test")
    train = round(1 - validation - test, 6)
    together = TOGETHER.get(kind, "")
    st.caption(
        f"Train {100 * train:.0f} %, validation {100 * validation:.0f} %, test {100 * test:.0f} %."
        f"{together}"
    )
    return {
        "kind": kind,
        "ratios": {"train": train, "validation": validation, "test": test},
        "seed": _seed(right, kind),
    }


def _seed(place: Any, kind: str) -> int:
    help_text = "The same seed gives the same split on any machine."
    return int(
        place.number_input(
            "Seed", 0, 2**31 - 1, settings.DEFAULT_SEED, key=f"ds_seed_{kind}", help=help_text
        )
    )


def _units(version: Version, kind: str) -> dict[str, str] | None:
    """Return the group of each photo that a split keeps together, or None."""
    if kind == "by group":
        return metadata.units(version.folder)
    if kind == "grouped":
        return inspection.units(version)
    return None


def _make(
    version: Version, split: Mapping[str, Any], labels: list[str], note: str, *, whole: bool
) -> None:
    words = note or (
        f"{'All classes' if whole else count(len(labels), 'class', 'classes')}, "
        f"{TITLES[split['kind']].lower()}"
    )
    try:
        units = _units(version, split["kind"])
        numbers = range(1, int(split.get("folds", 1)) + 1)
        for number in numbers:
            named = f"{words}, fold {number} of {len(numbers)}" if "folds" in split else words
            how = {**split, "fold": number} if "folds" in split else split
            made = history.resplit(version, how, labels, named, units)
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    dataset_links.to(made.dataset_id, made.id, "Photos")
