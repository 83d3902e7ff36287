"""The second number of a model: how often it is right on photos of a site, animal or day that it
has never seen, beside that on photos like those it knows."""

from __future__ import annotations

import streamlit as st

from core.models import generalisation
from core.models.generalisation import Generalisation, Number
from core.models.store import Model
from ui import choices, messages
from ui.text import count, plain


def remark(model: Model) -> None:
    """Say both numbers below a model's scores, or that the second is not known, if the photos have
    groups."""
    options = generalisation.options(model)
    if not options:
        return
    measured = generalisation.of(model)
    for found in measured.values():
        st.caption(_both(found, options.get(found.by, found.by)))
    if not measured:
        st.caption(
            "These scores are for photos like those the model knows. The photos have a column "
            f"*{plain(next(iter(options)))}*: measure the model on new values under Slices."
        )


def _both(found: Generalisation, words: str) -> str:
    sentence = (
        f"Cross-validated: **{found.known.value:.3f}** on photos like these "
        f"({_interval(found.known)}), **{found.new.value:.3f}** on a new {plain(words)} "
        f"({_interval(found.new)}, {count(found.groups, 'group')})."
    )
    if found.left_out:
        photos = count(found.left_out, "photo")
        sentence += f" {photos} of classes that lie in one group were left out."
    return sentence


def _interval(number: Number) -> str:
    shown = f"{number.correct:,}/{number.n:,}"
    if number.low is None or number.high is None:
        return f"{shown}, too few groups for an interval"
    return f"{shown}, 95 % CI {number.low:.3f} to {number.high:.3f}"


def show(model: Model) -> None:
    """Draw the form that measures a model on new groups."""
    options = generalisation.options(model)
    if not options:
        return
    with st.expander("Measure it on new groups", icon=":material/travel_explore:"):
        st.markdown(
            "Splits the photos into five parts that keep each group whole, trains the head on four "
            "and asks it about the fifth, on the cached features; then the same with random parts. "
            "Takes seconds for hundreds of photos, minutes for thousands."
        )
        by = choices.one(
            "Groups", list(options), label=options.__getitem__, key=f"mo_new_groups_{model.id}"
        )
        if not st.button("Measure", key="mo_measure_groups", icon=":material/straighten:"):
            return
        with st.spinner("Cross-validating"), messages.report_errors():
            generalisation.measure(model, by)
            st.rerun()
