"""A table of jobs or models: it sorts, filters and selects, and a click on a cell opens its row.

Selections and clicks are kept by id, because rows move while jobs run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from ui import choices

MOST_ROWS_HEIGHT = 520
ROWS_UNSCROLLED = 13
MODES: tuple[Literal["multi-row", "single-cell"], ...] = ("multi-row", "single-cell")
_CHOSEN, _OPENED, _DRAWS = ".chosen", ".opened", ".draws"


@dataclass(frozen=True)
class Run:
    """One row: its cells by column, and the values that filters choose from, by filter."""

    id: str
    cells: Mapping[str, object]
    facets: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def has_text(self, text: str) -> bool:
        """Return whether each word stands in a cell, whatever its case."""
        cells = " ".join(str(value) for value in self.cells.values()).casefold()
        return all(word in cells for word in text.casefold().split())


@dataclass(frozen=True)
class Table:
    """How a table of runs looks: its columns in order, the names of its filters, and what it
    lists. `key` names its state and its parameters in the address."""

    key: str
    columns: Mapping[str, ColumnConfig]
    filters: Sequence[str]
    noun: str


def show(
    runs: Sequence[Run],
    table: Table,
    open_run: Callable[[str], None],
    actions: Callable[[list[str]], None],
) -> None:
    """Draw the filters, the actions and the table.

    `open_run` gets the id of a clicked row. `actions` draws the buttons for the selected ids, in
    the row of the filters.
    """
    opened = st.session_state.pop(f"{table.key}{_OPENED}", "")
    if opened:
        _forget_click(table.key)
        open_run(opened)
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"{table.key}_bar"
    ):
        visible = _filtered(runs, table)
        st.space("stretch")
        actions(selected(table.key, visible))
    if visible:
        _draw(visible, table)
    else:
        st.caption(f"No {table.noun} matches the filters.")


def selected(key: str, runs: Sequence[Run]) -> list[str]:
    """Return the ids of the selected rows among `runs`."""
    chosen = set(st.session_state.get(f"{key}{_CHOSEN}", ()))
    return [run.id for run in runs if run.id in chosen]


def clear_selection(key: str) -> None:
    """Deselect every row."""
    st.session_state.pop(f"{key}{_CHOSEN}", None)
    _forget_click(key)


def local_time(seconds: float | None) -> datetime | None:
    """Return a time in the zone of the browser."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, _zone())


def time_column(title: str) -> ColumnConfig:
    return st.column_config.DatetimeColumn(title, format="YYYY-MM-DD HH:mm", width=138)


def accuracy_column(title: str, meaning: str) -> ColumnConfig:
    return st.column_config.NumberColumn(title, format="%.3f", width=84, help=meaning)


def duration_column(title: str) -> ColumnConfig:
    """A column of `length`s."""
    return st.column_config.NumberColumn(title, format="compact", width=90)


def length(seconds: float | None) -> timedelta | None:
    """Return whole seconds as a duration_column shows them."""
    if seconds is None:
        return None
    return timedelta(seconds=round(seconds))


def _zone() -> tzinfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _filtered(runs: Sequence[Run], table: Table) -> list[Run]:
    found = list(runs)
    text = st.text_input(
        "Search",
        key=f"{table.key}_find",
        placeholder=f"Search {table.noun}s",
        label_visibility="collapsed",
        bind="query-params",
        width=170,
    )
    if text:
        found = [run for run in found if run.has_text(text)]
    for name in table.filters:
        wanted = _facet(runs, table, name)
        if wanted:
            found = [run for run in found if wanted in run.facets.get(name, ())]
    return found


def _facet(runs: Sequence[Run], table: Table, name: str) -> str:
    """Draw one filter and return its value. Fewer than two values draw nothing."""
    values = sorted({value for run in runs for value in run.facets.get(name, ())})
    key = f"{table.key}_{name.lower()}"
    if len(values) < 2 and not st.query_params.get(key):
        return ""
    return choices.one(
        name,
        ["", *values],
        key=key,
        label=lambda value: value or f"Any {name.lower()}",
        label_visibility="collapsed",
        bind="query-params",
        width=132,
    )


def _draw(runs: Sequence[Run], table: Table) -> None:
    ids = tuple(run.id for run in runs)
    # The browser keeps a selection by the place of its rows: other rows are another table.
    key = f"{table.key}_table_{hash(ids):x}_{st.session_state.get(f'{table.key}{_DRAWS}', 0)}"
    chosen = set(selected(table.key, runs))
    rows = [place for place, one in enumerate(ids) if one in chosen]
    height: int | Literal["content"] = "content"
    if len(runs) > ROWS_UNSCROLLED:
        height = MOST_ROWS_HEIGHT
    filled = [name for name in table.columns if any(_is_filled(run.cells[name]) for run in runs)]
    st.dataframe(
        pd.DataFrame([run.cells for run in runs], columns=filled),
        hide_index=True,
        height=height,
        column_config={name: table.columns[name] for name in filled},
        on_select=lambda: _select(table.key, key, ids),
        selection_mode=MODES,
        selection_default=cast("Any", {"selection": {"rows": rows}}),
        placeholder="",
        key=key,
        alt=f"Table of {table.noun}s; a click on a cell opens its row",
    )


def _is_filled(cell: object) -> bool:
    return cell is not None and cell != "" and cell != []


def _select(key: str, widget: str, ids: Sequence[str]) -> None:
    selection = st.session_state[widget]["selection"]
    st.session_state[f"{key}{_CHOSEN}"] = [ids[row] for row in selection["rows"] if row < len(ids)]
    if cells := selection["cells"]:
        st.session_state[f"{key}{_OPENED}"] = ids[cells[0][0]]


def _forget_click(key: str) -> None:
    """Draw the table anew, so that the browser's mark on a cell goes."""
    st.session_state[f"{key}{_DRAWS}"] = st.session_state.get(f"{key}{_DRAWS}", 0) + 1
