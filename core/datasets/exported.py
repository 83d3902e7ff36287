"""The table of an export of Fieldmark's own, read back to the letter: labels, splits, boxes, and what a person left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from core import cells, settings
from core.datasets import manifest
from core.datasets.edits import LEFT_OUT
from core.datasets.found import BadRow, Box, Found, Layout, box_of
from core.datasets.names import clean_name, shown
from core.errors import UserError

# The photo's path in the dataset, in the exact table of an export whose folders have paths of their own.
SOURCE_PATH = "source_path"
# How a table for a spreadsheet ends its lines, and an exact one does not.
SAFE_END = "\r\n"


def is_header(names: Sequence[str]) -> bool:
    """Whether a table with these columns was written by Fieldmark."""
    return tuple(names[: len(manifest.COLUMNS)]) == manifest.COLUMNS


def is_safe(header: str, names: Sequence[str]) -> bool:
    """Whether cells of the table with this header were made safe for spreadsheets."""
    return is_header(names) and header.endswith(SAFE_END) and SOURCE_PATH not in names


def guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """A manifest whose cells, once they are safe for a spreadsheet, can be told from what was in them: those that look like one that
    was made safe get one more apostrophe."""
    texts = [name for name, column in frame.items() if not pd.api.types.is_numeric_dtype(column)]
    return frame.assign(**{str(name): [f"'{text}" if _looks_safe(text) else text for text in frame[name]] for name in texts})


def cell(text: str) -> str:
    """What was in a cell before it was guarded and made safe."""
    return text[1:] if _looks_safe(text) else text


def _looks_safe(text: str) -> bool:
    return text.startswith("'") and cells.is_formula(text.lstrip("'"))


def found(row: Mapping[str, str], path: str) -> Found:
    """What a row says of the photo at `path`. Raises BadRow."""
    values = {name: row[name] for name in manifest.COLUMNS}
    try:
        label = clean_name(values["label"], "class name")
    except UserError as error:
        raise BadRow(str(error).rstrip(".")) from error
    if values["split"] not in settings.SPLITS:
        raise BadRow(f"the split {shown(values['split'])!r} is none of {', '.join(settings.SPLITS)}")
    if values["official"] not in manifest.OFFICIAL:
        raise BadRow(f"the official split {shown(values['official'])!r} is neither train, validation nor test")
    problem = values["problem"] if values["problem"].startswith(LEFT_OUT) else ""
    return Found(path, label, values["official"], _box(values), values["split"], problem)


def complete(layout: Layout) -> None:
    """Makes the splits the official ones where the dataset had no official split."""
    if not any(item.official for item in layout.found):
        layout.found = [replace(item, official=item.split if item.split != "unused" else "") for item in layout.found]


def _box(values: Mapping[str, str]) -> Box | None:
    texts = [values[name] for name in manifest.BOX]
    if not any(texts):
        return None
    try:
        box = box_of(*map(float, texts))
    except ValueError:
        raise BadRow("its box is not four numbers") from None
    if box is None:
        raise BadRow("its box holds nothing, or can't be in a photo")
    return box
