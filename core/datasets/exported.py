"""The table of an export of Fieldmark's own, read back to the letter: labels, splits, boxes, and what a person left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core import settings
from core.datasets import manifest
from core.datasets.edits import LEFT_OUT
from core.datasets.found import BadRow, Box, Found, Layout, box_of
from core.datasets.names import clean_name, shown
from core.errors import UserError

# A spreadsheet would run a cell that begins so: an apostrophe before it makes it text. One more before cells that begin with
# apostrophes and then so, whether or not formulas are made safe, lets every cell be read back as it was.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r\n]")


def is_header(names: Sequence[str]) -> bool:
    """Whether a table with these columns was written by Fieldmark."""
    return tuple(names[: len(manifest.COLUMNS)]) == manifest.COLUMNS


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and that `cell` reads back."""
    return f"'{text}" if _FORMULA.match(text) else text


def cell(text: str) -> str:
    """What was in a cell before it was made safe for spreadsheets."""
    return text[1:] if _NEUTRALISED.match(text) else text


def found(row: Mapping[str, str], path: str) -> Found:
    """What a row says of the photo at `path`. Raises BadRow."""
    values = {name: cell(row[name]) for name in manifest.COLUMNS}
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
