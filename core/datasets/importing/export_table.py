"""The table of an export by Fieldmark, read back exactly: labels, splits, boxes, and excluded
photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core import settings
from core.datasets import manifest
from core.datasets.editing.edits import LEFT_OUT
from core.datasets.importing.entries import BadRow, Box, Layout, PhotoEntry, make_box
from core.errors import UserError
from core.io import cells
from core.io.names import clean_name, printable

READ = ("path", "label", "split", *manifest.BOX)
# A photo's path in the exported dataset.
SOURCE = "source_path"


def column_roles(columns: Sequence[str]) -> dict[str, str]:
    """Return the role of each column of an export; additional columns are kept."""
    of = {
        **dict.fromkeys(columns, "keep"),
        **dict.fromkeys((*manifest.COLUMNS, SOURCE), "ignore"),
        **{name: name for name in READ},
    }
    return {name: of[name] for name in columns}


def is_header(names: Sequence[str]) -> bool:
    """Return whether Fieldmark wrote a table with these columns."""
    return tuple(names[: len(manifest.COLUMNS)]) == manifest.COLUMNS


def read_row(row: Mapping[str, str], path: str) -> PhotoEntry:
    """Return the photo at `path` as its row describes it. Raises BadRow."""
    values = {name: cells.as_it_was(row[name]) for name in manifest.COLUMNS}
    try:
        label = clean_name(values["label"], "class name") if values["label"] else ""
    except UserError as error:
        raise BadRow(str(error).rstrip(".")) from error
    if values["split"] not in settings.SPLITS:
        raise BadRow(
            f"the split {printable(values['split'])!r} is not one of {', '.join(settings.SPLITS)}"
        )
    if values["official"] not in manifest.OFFICIAL:
        raise BadRow(
            f"the official split {printable(values['official'])!r} is not train, validation or test"
        )
    problem = values["problem"] if values["problem"].startswith(LEFT_OUT) else ""
    return PhotoEntry(path, label, values["official"], _read_box(values), values["split"], problem)


def complete_official_split(layout: Layout) -> None:
    """Use the splits as official ones if the dataset had no official split."""
    if not any(item.official for item in layout.photos):
        layout.photos = [
            replace(item, official=item.split if item.split != "unused" else "")
            for item in layout.photos
        ]


def _read_box(values: Mapping[str, str]) -> Box | None:
    texts = [values[name] for name in manifest.BOX]
    if not any(texts):
        return None
    try:
        box = make_box(*map(float, texts))
    except ValueError:
        raise BadRow("its box is not four numbers") from None
    if box is None:
        raise BadRow("its box is empty or can't be in a photo")
    return box
