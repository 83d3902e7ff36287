"""The table of an export of Fieldmark's own, read back to the letter: labels, splits, boxes, and
what a person left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core import settings
from core.datasets import manifest
from core.datasets.editing.edits import LEFT_OUT
from core.datasets.importing.found import BadRow, Box, Found, Layout, box_of
from core.errors import UserError
from core.io import cells
from core.io.names import clean_name, printable

READ = ("path", "label", "split", *manifest.BOX)
# Where a photo lay in the dataset that was exported.
SOURCE = "source_path"


def roles(columns: Sequence[str]) -> dict[str, str]:
    """What the columns of an export are to an import: further ones are kept."""
    of = {
        **dict.fromkeys(columns, "keep"),
        **dict.fromkeys((*manifest.COLUMNS, SOURCE), "ignore"),
        **{name: name for name in READ},
    }
    return {name: of[name] for name in columns}


def is_header(names: Sequence[str]) -> bool:
    """Whether a table with these columns was written by Fieldmark."""
    return tuple(names[: len(manifest.COLUMNS)]) == manifest.COLUMNS


def found(row: Mapping[str, str], path: str) -> Found:
    """What a row says of the photo at `path`. Raises BadRow."""
    values = {name: cells.as_it_was(row[name]) for name in manifest.COLUMNS}
    try:
        label = clean_name(values["label"], "class name") if values["label"] else ""
    except UserError as error:
        raise BadRow(str(error).rstrip(".")) from error
    if values["split"] not in settings.SPLITS:
        raise BadRow(
            f"the split {printable(values['split'])!r} is none of {', '.join(settings.SPLITS)}"
        )
    if values["official"] not in manifest.OFFICIAL:
        raise BadRow(
            f"the official split {printable(values['official'])!r} is neither train, validation "
            "nor test"
        )
    problem = values["problem"] if values["problem"].startswith(LEFT_OUT) else ""
    return Found(path, label, values["official"], _box(values), values["split"], problem)


def complete(layout: Layout) -> None:
    """Makes the splits the official ones where the dataset had no official split."""
    if not any(item.official for item in layout.found):
        layout.found = [
            replace(item, official=item.split if item.split != "unused" else "")
            for item in layout.found
        ]


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
