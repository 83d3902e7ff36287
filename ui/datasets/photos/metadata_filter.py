"""The gallery's filter by metadata: one column and the values that pass."""

from __future__ import annotations

import streamlit as st

from core.datasets import metadata
from core.datasets.store import Version
from ui import choices

Condition = tuple[str, str, str]


def column(version: Version) -> str:
    """Draw the choice of a metadata column; return its name, or '' when none is chosen."""
    columns = metadata.columns_of(version.folder)
    if not columns:
        return ""
    return choices.one(
        "Metadata",
        ["", *columns],
        label=lambda name: name or "Any",
        key="ds_meta",
        bind="query-params",
        on_change=_first_page,
    )


def condition(version: Version, name: str) -> tuple[Condition, ...]:
    """Draw the fields for a condition on this column; return it, or nothing when it is empty."""
    if not name:
        return ()
    columns = metadata.columns_of(version.folder)
    middle, right = st.columns(2)
    kind = columns[name]
    if kind == "flag":
        value = choices.segment(
            "Is", ["true", "false"], label={"true": "Yes", "false": "No"}.__getitem__,
            key="ds_meta_flag", bind="query-params", on_change=_first_page, on=middle,
        )  # fmt: skip
        return ((name, value, ""),)
    if kind == "text":
        part = _text(middle, "Contains", "ds_meta_from")
        return ((name, part, ""),) if part else ()
    hint = "A number" if kind == "number" else "2026-05-31"
    low = _text(middle, "From", "ds_meta_from", hint)
    high = _text(right, "To", "ds_meta_to", hint)
    return ((name, low, high),) if low or high else ()


def _text(place: st.delta_generator.DeltaGenerator, label: str, key: str, hint: str = "") -> str:
    text = place.text_input(
        label,
        key=key,
        bind="query-params",
        placeholder=hint or "Part of the text",
        max_chars=80,
        on_change=_first_page,
    )
    return (text or "").strip()


def _first_page() -> None:
    st.session_state["ds_page"] = 1
