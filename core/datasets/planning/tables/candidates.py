"""The files of a listing that may be tables, opened by what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from core.datasets.planning.decisions import TableUse
from core.datasets.planning.folders import part_named
from core.datasets.planning.listing import Listing
from core.datasets.planning.matching import Ambiguous, Photos, is_photo
from core.datasets.planning.tables import (
    camtrap,
    json_tables,
    known_datasets,
    parquet_tables,
    text_tables,
    voc,
)
from core.datasets.planning.tables.column_names import PATH_NAMES
from core.datasets.planning.tables.columns import normal
from core.datasets.planning.tables.table import NotATable, Row, Table
from core.datasets.planning.tables.text_tables import Form
from core.errors import UserError
from core.io.names import printable

TEXT = (".csv", ".tsv", ".tab", ".txt", ".lst", ".list")
JSON = (".json", ".jsonl", ".ndjson", ".manifest")
PARQUET = (".parquet",)
NOTES = (".txt", ".json")
SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
# The kinds that describe a whole dataset, in tables of their own.
PACKAGES = frozenset({*known_datasets.KINDS, camtrap.KIND, voc.KIND})
# A folder with more text files than that keeps a note beside each photo, not tables.
MAX_IN_FOLDER = 20
MAX_TABLES = 60
MAX_DEPTH = 6
# Files that describe a dataset to people, or to a program, and list no photos.
NO_TABLES = frozenset({"readme.txt", "license.txt", "licence.txt", "requirements.txt", "notes.txt"})


def candidates(listing: Listing) -> list[str]:
    """The paths of the files that may be tables, those nearest the top first."""
    inside = Counter(_folder(path) for path in listing.others)
    photos = {_stem(path) for path in listing.photos}
    found = [
        path
        for path in listing.others
        if _suffix(path) in (*TEXT, *JSON, *PARQUET)
        and path.count("/") < MAX_DEPTH
        and (inside[_folder(path)] <= MAX_IN_FOLDER or _is_list_of_split(path))
        and PurePosixPath(path).name.casefold() not in NO_TABLES
        and not _is_note(path, photos)
    ]
    return sorted(found, key=lambda path: (path.count("/"), path))[:MAX_TABLES]


def _is_note(path: str, photos: set[str]) -> bool:
    """Whether a file is called like a photo, as the boxes in one photo are."""
    stem = _stem(path)
    if _suffix(path) not in NOTES:
        return False
    return stem in photos or (is_photo(stem) and _stem(stem) in photos)


def _is_list_of_split(path: str) -> bool:
    """Whether a file is called like a part of a split: VOC has three more lists for each class."""
    return bool(part_named(_stem(path))) or _stem(path) == "trainval"


def _stem(path: str) -> str:
    return PurePosixPath(path).stem.casefold()


def sheets(listing: Listing) -> list[str]:
    """Spreadsheets, which have to be saved as CSV before they can be read."""
    return [path for path in listing.others if _suffix(path) in SHEETS]


def packages(listing: Listing) -> Iterator[Table]:
    """The published forms of whole datasets that lie here, each as one table."""
    for read in (known_datasets.opened, camtrap.opened, voc.opened):
        yield from read(listing)


def opened(listing: Listing, path: str, use: TableUse | None = None) -> Table:
    """The table in a file; written as `use` says, where it is given.

    Raises NotATable, and UserError where `use` names a package that is not there any more.
    """
    place = listing.root / path
    if use is not None and use.kind and not _is_single(use.kind):
        return _package(listing, use)
    if _suffix(path) in JSON:
        return json_tables.opened(place, path)
    if _suffix(path) in PARQUET:
        return parquet_tables.opened(place, path)
    form = _form(place, use)
    columns = text_tables.header(place, form)
    if use is None and form.has_header and not _is_header(columns):
        form = replace(form, has_header=False)
    return _text_table(place, path, form)


def without_header(table: Table, photos: Photos, base: str, root: Path) -> Table:
    """The table as it is, or with its first row read as a row, where that names a photo."""
    if table.form.get("has_header") != "yes":
        return table
    if not any(_is_photo(cell, photos, base) for cell in table.columns):
        return table
    form = Form(table.form["encoding"], table.form["delimiter"], False)
    return _text_table(root / table.path, table.path, form)


def _is_photo(cell: str, photos: Photos, base: str) -> bool:
    """Whether a cell of a first row is a photo's name rather than a column's."""
    if normal(cell) in PATH_NAMES:
        return False
    try:
        return photos.find(cell, base) is not None
    except Ambiguous:
        return True


def _text_table(place: Path, path: str, form: Form) -> Table:
    columns = text_tables.header(place, form)
    if len(columns) < 1:
        raise NotATable("it is empty")
    words = {
        "encoding": form.encoding,
        "delimiter": form.delimiter,
        "has_header": "yes" if form.has_header else "no",
    }
    rows = partial(text_tables.rows, place, form, columns)
    return Table(path, "table", columns, rows, form=words)


def _form(place: Path, use: TableUse | None) -> Form:
    if use is None or not use.encoding:
        return text_tables.form_of(place)
    form = text_tables.form_of(place, use.encoding)
    return replace(form, delimiter=use.delimiter or form.delimiter, has_header=use.has_header)


def _is_header(columns: tuple[str, ...]) -> bool:
    """Whether a first row could name columns: no number and no empty cell alone stands there."""
    return not all(column.replace(".", "", 1).isdigit() for column in columns)


def _is_single(kind: str) -> bool:
    return kind not in PACKAGES


def _package(listing: Listing, use: TableUse) -> Table:
    for table in packages(listing):
        if (table.path, table.kind) == (use.path, use.kind):
            return table
    raise UserError(
        f"{printable(use.path)} is no {use.kind} any more. Make the plan again.", field="plan"
    )


def sample(table: Table, most: int) -> list[Row]:
    """The table's first rows. Raises NotATable."""
    rows = []
    for row in table.rows():
        rows.append(row)
        if len(rows) == most:
            break
    return rows


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.casefold()
