"""What a row's cells say of a photo's split and box."""

from __future__ import annotations

from core.datasets.importing.found import BadRow, Box, box_of
from core.datasets.planning.decisions import TableUse
from core.datasets.planning.tables import split_words
from core.datasets.planning.tables.columns import (
    BOX_CENTRE_X,
    BOX_CENTRE_Y,
    BOX_LIST,
    BOX_ROLES,
    SPLIT,
    normal,
    number,
    numbers,
)
from core.datasets.planning.tables.table import Row
from core.io.names import printable


def split_of(use: TableUse, row: Row) -> str:
    """The row's split, or the empty string.

    Raises BadRow for a word that is none.
    """
    columns = use.columns(SPLIT)
    if not columns:
        return use.split
    found = [_split(name, row.values.get(name, "")) for name in columns]
    # Of two flags, is_valid and is_test, the one that is set says more.
    told = [split for split in found if split and split != "train"]
    return (told or [split for split in found if split] or [use.split])[0]


def _split(column: str, text: str) -> str:
    found = split_words.part(normal(column), text)
    if found is None:
        word = text.strip().casefold()
        raise BadRow(f"the split {printable(word)!r} is neither train, validation nor test")
    return found


def box_of_row(use: TableUse, row: Row) -> Box | None:
    """(x, y, width, height) in the table's unit; None where the row has no box.

    Raises BadRow for what is no box.
    """
    if listed := use.column(BOX_LIST):
        cell = row.values.get(listed, "")
        return _box(numbers(cell)) if cell.strip() else None
    cells = {
        role: row.values.get(use.column(role), "").strip()
        for role in (*BOX_ROLES, BOX_CENTRE_X, BOX_CENTRE_Y)
        if use.column(role)
    }
    if not any(cells.values()):
        return None
    values = {role: number(text) for role, text in cells.items()}
    if None in values.values() or len(values) != 4:
        raise BadRow("its box is not four numbers")
    return _box(_corner_and_size({role: value or 0.0 for role, value in values.items()}))


def _corner_and_size(values: dict[str, float]) -> list[float]:
    if BOX_CENTRE_X in values:
        width, height = values["box_width"], values["box_height"]
        return [values[BOX_CENTRE_X] - width / 2, values[BOX_CENTRE_Y] - height / 2, width, height]
    x, y = values["box_x"], values["box_y"]
    if "box_right" in values:
        return [x, y, values["box_right"] - x, values["box_bottom"] - y]
    return [x, y, values["box_width"], values["box_height"]]


def _box(values: list[float]) -> Box:
    if len(values) != 4:
        raise BadRow("its box is not four numbers")
    box = box_of(*values)
    if box is None:
        raise BadRow("its box holds nothing, or can't be in a photo")
    return box
