"""The form that makes a new dataset version: which classes, which split."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import settings
from core.datasets import store
from core.datasets.store import Dataset, Version
from core.errors import UserError
from ui import links, messages
from ui.text import count


def show(dataset: Dataset, version: Version) -> None:
    """Species and split for a new version. It starts from the import, so that a class left out once can come back."""
    first = store.version(dataset.id, "v1")
    st.markdown(
        "A version never changes once it is made: models stay comparable. A new one is made from the import with the choices below."
    )
    labels = st.multiselect(
        "Classes",
        sorted(first.counts),
        default=[name for name in version.classes if name in first.counts],
        key=f"ds_labels_{dataset.id}_{version.id}",
        help="Choose two or more, or all.",
    )
    split = _split(dataset, first)
    note = st.text_input("Note", key="ds_note", placeholder="What this version is for", max_chars=4 * settings.MAX_NAME_LENGTH)
    if st.button("Make the version", type="primary", key="ds_make_version", icon=":material/new_label:"):
        _make(first, split, labels, note)


def _split(dataset: Dataset, first: Version) -> dict[str, Any]:
    official = first.split.get("kind") == "official"
    kinds = ["official", "stratified"] if official else ["stratified"]
    titles = {"official": "The official split", "stratified": "At random, class by class"}
    kind = st.radio("Split", kinds, format_func=titles.__getitem__, key=f"ds_split_kind_{dataset.id}", horizontal=True)
    left, middle, right = st.columns(3)
    if kind == "official":
        share = left.slider("Share of train used for validation", 0.05, 0.5, 0.15, 0.05, key="ds_validation_share")
        seed = middle.number_input("Seed", 0, 2**31 - 1, settings.DEFAULT_SEED, key="ds_seed_official")
        return {"kind": "official", "validation_share": share, "seed": int(seed)}
    validation = left.slider("Validation", 0.05, 0.45, settings.DEFAULT_RATIOS["validation"], 0.05, key="ds_validation")
    test = middle.slider("Test", 0.05, 0.45, settings.DEFAULT_RATIOS["test"], 0.05, key="ds_test")
    seed = right.number_input(
        "Seed", 0, 2**31 - 1, settings.DEFAULT_SEED, key="ds_seed", help="The same seed makes the same split, on any machine."
    )
    train = round(1 - validation - test, 6)
    st.caption(f"Train {train:.0%}, validation {validation:.0%}, test {test:.0%}.")
    return {"kind": "stratified", "ratios": {"train": train, "validation": validation, "test": test}, "seed": int(seed)}


def _make(first: Version, split: dict[str, Any], labels: list[str], note: str) -> None:
    everything = set(labels) == set(first.counts)
    words = note or ("All classes" if everything else count(len(labels), "class", "classes")) + f", {split['kind']} split"
    try:
        made = store.derive(first, split, labels, words)
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    links.to("datasets", dataset=made.dataset_id, version=made.id)
