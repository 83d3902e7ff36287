"""The form for a new dataset version: its classes and its split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core import settings
from core.datasets import groups, splits
from core.datasets.editing import history
from core.datasets.inspection import store as inspection
from core.datasets.store import Dataset, Version
from core.errors import UserError
from ui import choices, messages
from ui.datasets import links as dataset_links
from ui.text import count, plain

TITLES = {
    "official": "Official split",
    "stratified": "Random, stratified by class",
    "grouped": "Random, copies together",
    "by group": "Random, groups together",
    "by time": "By time, newest as test",
    "k-fold": "Cross-validation folds",
}
TOGETHER = {
    "grouped": " Copies and near-copies found by the inspection share a split.",
    "by time": " Photos of one moment share a split; photos without a time are trained on.",
}
NOTHING = ""
ALONE_SHOWN = 8


@dataclass(frozen=True)
class _Chosen:
    """A split as splits.apply takes it, and what it needs."""

    how: Mapping[str, Any]
    units: groups.Units | None = None
    times: Mapping[str, float] | None = None


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
    _preview(version, split, labels)
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


def _split(version: Version, official: Mapping[str, bool]) -> _Chosen | None:
    """Draw the choice of a split and return it. None when an inspection has to be made first."""
    together = groups.options(version)
    able = {
        "official": any(official.values()),
        "by group": bool(together),
        "by time": groups.DAY in together,
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
        return _Chosen({"kind": kind, "validation_share": share, "seed": _seed(middle, kind)})
    if kind == "k-fold":
        return _folds(version, together, left, middle, right)
    if kind == "grouped" and inspection.nearest(version) is None:
        st.info(
            "Copies are not known yet. Inspect this version first, under Issues.",
            icon=":material/search_insights:",
        )
        return None
    ratios = _ratios(left, middle, kind)
    if kind == "by time":
        return _Chosen({"kind": kind, "ratios": ratios}, times=groups.times(version))
    how = {"kind": kind, "ratios": ratios, "seed": _seed(right, kind)}
    if kind == "grouped":
        return _Chosen(how, inspection.units(version))
    if kind == "by group":
        by = _together(together, kind)
        return _Chosen({**how, "by": by}, groups.units(version, by))
    return _Chosen(how)


def _folds(
    version: Version, together: Mapping[str, str], left: Any, middle: Any, right: Any
) -> _Chosen:
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
    how = {"kind": "k-fold", "folds": int(folds), "fold": 1, "seed": _seed(middle, "k-fold")}
    by = _together({NOTHING: "nothing", **together}, "k-fold", right) if together else NOTHING
    if by == NOTHING:
        return _Chosen(how)
    return _Chosen({**how, "by": by}, groups.units(version, by))


def _ratios(left: Any, middle: Any, kind: str) -> dict[str, float]:
    validation = left.slider(
        "Validation", 0.05, 0.45, settings.DEFAULT_RATIOS["validation"], 0.05, key="ds_validation"
    )
    test = middle.slider("Test", 0.05, 0.45, settings.DEFAULT_RATIOS["test"], 0.05, key="ds_test")
    train = round(1 - validation - test, 6)
    st.caption(
        f"Train {100 * train:.0f} %, validation {100 * validation:.0f} %, test {100 * test:.0f} %."
        f"{TOGETHER.get(kind, '')}"
    )
    return {"train": train, "validation": validation, "test": test}


def _together(options: Mapping[str, str], kind: str, place: Any = st) -> str:
    return choices.one(
        "Keep together",
        list(options),
        label=options.__getitem__,
        key=f"ds_together_{kind}",
        help="Photos with the same value are never in two splits. The score then says how the "
        "model does on a new site, animal or day, not on more photos of those it knows.",
        on=place,
    )


def _seed(place: Any, kind: str) -> int:
    help_text = "The same seed gives the same split on any machine."
    return int(
        place.number_input(
            "Seed", 0, 2**31 - 1, settings.DEFAULT_SEED, key=f"ds_seed_{kind}", help=help_text
        )
    )


def _preview(version: Version, split: _Chosen | None, labels: list[str]) -> None:
    """Say how many groups and photos each split would get, and which classes lie in one group."""
    if split is None or split.units is None:
        return
    before = groups.spread(history.everything(version), split.units)
    if before.shared:
        st.caption(
            f"In {version.id}, {before.shared:,} of {count(before.groups, 'group')} are in more "
            "than one split."
        )
    try:
        frame = splits.select_classes(history.everything(version), labels)
        made = groups.spread(splits.apply(frame, split.how, split.units), split.units)
    except UserError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return
    parts = [
        f"{name} {count(int(row['groups']), 'group')} with {count(int(row['photos']), 'photo')}"
        for name, row in made.table.iterrows()
    ]
    st.caption(f"The new split: {', '.join(parts)}.")
    if made.alone:
        st.warning(
            f"All photos of {_listed(made.alone)} are in one group, so the split that has them has "
            "all of them.",
            icon=":material/warning:",
        )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(plain(name) for name in names[:ALONE_SHOWN])
    if len(names) > ALONE_SHOWN:
        shown += f" and {len(names) - ALONE_SHOWN} more classes"
    return shown


def _make(version: Version, split: _Chosen, labels: list[str], note: str, *, whole: bool) -> None:
    how = split.how
    words = note or (
        f"{'All classes' if whole else count(len(labels), 'class', 'classes')}, "
        f"{TITLES[how['kind']].lower()}"
    )
    try:
        numbers = range(1, int(how.get("folds", 1)) + 1)
        for number in numbers:
            named = f"{words}, fold {number} of {len(numbers)}" if "folds" in how else words
            this = {**how, "fold": number} if "folds" in how else how
            made = history.resplit(version, this, labels, named, split.units, split.times)
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    dataset_links.to(made.dataset_id, made.id, "Photos")
