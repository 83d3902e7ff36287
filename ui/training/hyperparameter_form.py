"""Fields for the hyperparameters, built from the training script's own table, checked in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import streamlit as st

from core.training import script as scripts
from core.training.script import Hyperparameter
from ui import choices
from ui.text import plain

# These have their own fields.
# Abbreviations that a capital would spoil.
LABELS = {"lr": "Learning rate", "backbone_lr_scale": "Backbone learning rate scale", "ema": "EMA"}
ELSEWHERE = (*scripts.OURS, "preset", "mode", "arch")


def show(
    given: Mapping[str, str],
    mode: str,
    *,
    key: str,
    without: Sequence[str] = (),
    title: str = "All hyperparameters",
) -> dict[str, str]:
    """Draw the fields and return the values that differ from their defaults, by name. The error of
    a value stands below its field.

    `given` are the values of a cloned job; `without` names hyperparameters that are not offered.
    """
    hidden = {*ELSEWHERE, *without}
    table = [
        parameter
        for parameter in scripts.TABLE
        if parameter.name not in hidden and mode in parameter.modes
    ]
    values: dict[str, str] = {}
    with st.expander(title, icon=":material/tune:", expanded=bool(set(given) - hidden)):
        for group, members in groupby(table, key=lambda parameter: parameter.group):
            st.markdown(f"**{group}**")
            values |= _group(list(members), given, key)
    return values


def _group(members: Sequence[Hyperparameter], given: Mapping[str, str], key: str) -> dict[str, str]:
    values = {}
    columns = st.columns(3)
    for number, parameter in enumerate(members):
        with columns[number % 3]:
            value = _field(
                parameter, given.get(parameter.name, parameter.default), f"{key}_{parameter.name}"
            )
            if value != parameter.default:
                values[parameter.name] = value
            if message := scripts.problem(parameter.name, value):
                st.caption(f":red[:material/error: {plain(message)}]")
    return values


def _field(parameter: Hyperparameter, start: str, key: str) -> str:
    label = LABELS.get(parameter.name) or parameter.name.replace("_", " ").capitalize()
    if parameter.kind == "bool":
        return str(st.toggle(label, start.lower() == "true", key=key, help=parameter.help)).lower()
    if parameter.choices:
        options = list(parameter.choices)
        if parameter.automatic:
            options.insert(0, scripts.AUTO)
        return choices.one(label, options, start=start, key=key, help=parameter.help)
    return (
        st.text_input(label, start, key=key, help=parameter.help, max_chars=256).strip()
        or parameter.default
    )
