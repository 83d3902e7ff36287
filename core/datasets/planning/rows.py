"""Read a photo's split and box from a table row."""

from __future__ import annotations

from core.datasets.importing.entries import BadRow, Box, make_box
from core.datasets.planning.decisions import TableUse
from core.datasets.planning.tables import split_words
from core.datasets.planning.tables.columns import (
    BOX_CENTRE_X,
    BOX_CENTRE_Y,
    BOX_LIST,
    BOX_ROLES,
    SPLIT,
    normalise_name,
    parse_number,
    parse_numbers,
)
from core.datasets.planning.tables.table import Row
from core.io.names import printable


def read_split(use: TableUse, row: Row) -> str:
    """Return the row's split, or ''. Raises BadRow for an unknown word."""
    columns = use.columns(SPLIT)
    if not columns:
        return use.split
    parts = [_parse_split(name, row.values.get(name, "")) for name in columns]
    # Of two flags such as is_valid and is_test, the one that is set decides.
    told_parts = [split for split in parts if split and split != "train"]
    return (told_parts or [split for split in parts if split] or [use.split])[0]


def _parse_split(column: str, text: str) -> str:
    part = split_words.parse_cell(normalise_name(column), text)
    if part is None:
        word = text.strip().casefold()
        raise BadRow(f"the split {printable(word)!r} is not train, validation or test")
    return part


def read_box(use: TableUse, row: Row) -> Box | None:
    """Return the box (x, y, width, height) in the table's unit, or None if the row has none.

    Raises BadRow for an invalid box.
    """
    if listed := use.column(BOX_LIST):
        cell = row.values.get(listed, "")
        return _make_box(parse_numbers(cell)) if cell.strip() else None
    cells = {
        role: row.values.get(use.column(role), "").strip()
        for role in (*BOX_ROLES, BOX_CENTRE_X, BOX_CENTRE_Y)
        if use.column(role)
    }
    if not any(cells.values()):
        return None
    values = {role: parse_number(text) for role, text in cells.items()}
    if None in values.values() or len(values) != 4:
        raise BadRow("its box is not four numbers")
    return _make_box(_corner_and_size({role: value or 0.0 for role, value in values.items()}))


def _corner_and_size(values: dict[str, float]) -> list[float]:
    if BOX_CENTRE_X in values:
        width, height = values["box_width"], values["box_height"]
        return [values[BOX_CENTRE_X] - width / 2, values[BOX_CENTRE_Y] - height / 2, width, height]
    x, y = values["box_x"], values["box_y"]
    if "box_right" in values:
        return [x, y, values["box_right"] - x, values["box_bottom"] - y]
    return [x, y, values["box_width"], values["box_height"]]


def _make_box(values: list[float]) -> Box:
    if len(values) != 4:
        raise BadRow("its box is not four numbers")
    box = make_box(*values)
    if box is None:
        raise BadRow("its box is empty or can't be in a photo")
    return box
