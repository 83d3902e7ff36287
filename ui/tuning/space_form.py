"""The fields of a search space: which hyperparameters vary, and in which range."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.errors import UserError
from core.training import script as scripts
from core.tuning import presets
from core.tuning.space import MAX_POINTS, Range, check
from ui import choices
from ui.option_labels import Label
from ui.text import plain
from ui.training import model_picker

BAD = float("nan")


def show(origin: Mapping[str, Range], mode: str, *, key: str, grid: bool) -> dict[str, Range]:
    """Draw the fields and return the space. `origin` is the space of a cloned job; `grid` asks for
    the number of values as well."""
    offered = presets.of_mode(mode)
    start = None
    if not origin:
        start = next(iter(offered))
    chosen = choices.pill_or_none(
        "Start from",
        list(offered),
        start=start,
        label=lambda name: offered[name].title,
        key=f"{key}_preset_{mode}",
        help="Fills in the fields below.",
    )
    space = dict(origin)
    if chosen:
        st.caption(offered[chosen].advice)
        space = dict(offered[chosen].space)
    names = choices.many(
        "Hyperparameters to vary",
        presets.tunable(mode),
        start=list(space),
        label=lambda name: name.replace("_", " "),
        key=f"{key}_vary_{mode}_{chosen}",
    )
    return {
        name: _row(
            name, space.get(name) or presets.usual(name), f"{key}_{mode}_{chosen}_{name}", grid
        )
        for name in names
    }


def fixed_by_preset(mode: str, *, key: str) -> dict[str, str]:
    """Return the fixed values that belong to the chosen preset."""
    chosen = st.session_state.get(f"{key}_preset_{mode}", next(iter(presets.of_mode(mode))))
    if chosen:
        return dict(presets.of_mode(mode)[chosen].fixed)
    return {}


def _row(name: str, values: Range, key: str, grid: bool) -> Range:
    with st.container(key=f"{key}_row"):
        label, fields = st.columns([1, 3], vertical_alignment="bottom")
        label.markdown(f"**{name.replace('_', ' ')}**", help=scripts.BY_NAME[name].help)
        with fields:
            made = _fields(name, values, key, grid)
        if message := problem(name, made):
            st.caption(f":red[:material/error: {plain(message)}]")
    return made


def _fields(name: str, values: Range, key: str, grid: bool) -> Range:
    if values.kind == "choice":
        return _choices(name, values, key)
    return _numbers(values, key, grid)


def _choices(name: str, values: Range, key: str) -> Range:
    known = list(scripts.BY_NAME[name].choices) or list(values.choices)
    label: Label = str
    example = "Separated by commas"
    if name == "arch":
        known = list(dict.fromkeys([*values.choices, *scripts.ARCHITECTURES]))
        label, example = model_picker.architecture_title, "lite0@320+lite2@300"
    picked = choices.many(
        "Values",
        known,
        start=values.choices,
        key=f"{key}_choices",
        label=label,
        label_visibility="collapsed",
    )
    if scripts.BY_NAME[name].choices:
        return Range("choice", choices=tuple(picked))
    own = st.text_input(
        "Other values",
        key=f"{key}_own",
        placeholder=example,
        help="Separated by commas.",
    )
    more = [text.strip() for text in own.split(",") if text.strip()]
    return Range("choice", choices=tuple(dict.fromkeys([*picked, *more])))


def _numbers(values: Range, key: str, grid: bool) -> Range:
    widths = [2, 2, 2]
    if grid:
        widths.append(1)
    columns = st.columns(widths, vertical_alignment="bottom")
    low = columns[0].text_input("From", f"{values.low:g}", key=f"{key}_low")
    high = columns[1].text_input("To", f"{values.high:g}", key=f"{key}_high")
    log = columns[2].toggle(
        "Logarithmic",
        values.log,
        key=f"{key}_log",
        help="Draws as many values between 0.001 and 0.01 as between 0.1 and 1.",
    )
    points = values.points
    if grid:
        points = int(
            columns[3].number_input("Values", 2, MAX_POINTS, values.points, key=f"{key}_points")
        )
    return Range(values.kind, _number(low), _number(high), log=log, points=points)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return BAD


def problem(name: str, values: Range) -> str:
    """Return what is wrong with this range alone, or an empty string."""
    fixed = {"mode": "finetune"}
    if "frozen" in scripts.BY_NAME[name].modes:
        fixed = {}
    try:
        check({name: values}, fixed)
    except UserError as error:
        return str(error)
    return ""
