"""Fields for the hyperparameters, made from the training script's own table, each checked where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from core import scripts
from core.scripts import Hyperparameter
from core.specs import TrainingSpec
from ui.text import plain

# These have fields of their own above.
ELSEWHERE = (*scripts.OURS, "preset", "mode", "arch")


def show(origin: TrainingSpec | None) -> dict[str, str]:
    """What was set to something else than its default, by name. A value that can't be used says so below its field."""
    given = dict(origin.hyperparameters) if origin else {}
    mode = st.session_state.get(f"tr_mode_{origin.id if origin else 'new'}") or given.get("mode", "frozen")
    table = [parameter for parameter in scripts.TABLE if parameter.name not in ELSEWHERE and mode in parameter.modes]
    values: dict[str, str] = {}
    with st.expander("All hyperparameters", icon=":material/tune:", expanded=bool(set(given) - set(ELSEWHERE))):
        for group, members in groupby(table, key=lambda parameter: parameter.group):
            st.markdown(f"**{group}**")
            values |= _group(list(members), given, origin.id if origin else "new")
    return values


def _group(members: Sequence[Hyperparameter], given: dict[str, str], suffix: str) -> dict[str, str]:
    values = {}
    columns = st.columns(3)
    for number, parameter in enumerate(members):
        with columns[number % 3]:
            value = _field(parameter, given.get(parameter.name, parameter.default), f"tr_h_{parameter.name}_{suffix}")
            if value != parameter.default:
                values[parameter.name] = value
            if message := scripts.problem(parameter.name, value):
                st.caption(f":red[:material/error: {plain(message)}]")
    return values


def _field(parameter: Hyperparameter, start: str, key: str) -> str:
    label = parameter.name.replace("_", " ")
    if parameter.kind == "bool":
        return str(st.toggle(label, start.lower() == "true", key=key, help=parameter.help)).lower()
    if parameter.choices:
        options = [*((scripts.AUTO,) if parameter.automatic else ()), *parameter.choices]
        return str(st.selectbox(label, options, index=options.index(start) if start in options else 0, key=key, help=parameter.help))
    return st.text_input(label, start, key=key, help=parameter.help, max_chars=256).strip() or parameter.default
