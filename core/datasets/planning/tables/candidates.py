"""Find and open the files of a listing that may be tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from core.datasets.planning.decisions import TableUse
from core.datasets.planning.folders import parse_part
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
from core.datasets.planning.tables.columns import normalise_name
from core.datasets.planning.tables.table import NotATable, Row, Table
from core.datasets.planning.tables.text_tables import Form
from core.errors import UserError
from core.io.names import printable

TEXT = (".csv", ".tsv", ".tab", ".txt", ".lst", ".list")
JSON = (".json", ".jsonl", ".ndjson", ".manifest")
PARQUET = (".parquet",)
NOTES = (".txt", ".json")
SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
# Kinds that describe a whole dataset in their own tables.
PACKAGES = frozenset({*known_datasets.KINDS, camtrap.KIND, voc.KIND})
# A folder with more text files has a note per photo, not tables.
MAX_IN_FOLDER = 20
MAX_TABLES = 60
MAX_DEPTH = 6
# Files that describe a dataset but list no photos.
NO_TABLES = frozenset({"readme.txt", "license.txt", "licence.txt", "requirements.txt", "notes.txt"})


def find_candidates(listing: Listing) -> list[str]:
    """Return the paths of files that may be tables, those nearest the top first."""
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
    """Return whether a file has the name of a photo, such as the boxes of one photo."""
    stem = _stem(path)
    if _suffix(path) not in NOTES:
        return False
    return stem in photos or (is_photo(stem) and _stem(stem) in photos)


def _is_list_of_split(path: str) -> bool:
    """Return whether a file has the name of a split; VOC has more lists for each class."""
    return bool(parse_part(_stem(path))) or _stem(path) == "trainval"


def _stem(path: str) -> str:
    return PurePosixPath(path).stem.casefold()


def find_spreadsheets(listing: Listing) -> list[str]:
    """Return the spreadsheets, which can't be read unless saved as CSV."""
    return [path for path in listing.others if _suffix(path) in SHEETS]


def open_packages(listing: Listing) -> Iterator[Table]:
    """Yield each published dataset found here as one table."""
    for read in (known_datasets.open_tables, camtrap.open_tables, voc.open_tables):
        yield from read(listing)


def open_table(listing: Listing, path: str, use: TableUse | None = None) -> Table:
    """Open the table in a file, in the format that `use` gives, if any.

    Raises NotATable, and UserError if the package that `use` names no longer exists.
    """
    place = listing.root / path
    if use is not None and use.kind and not _is_single(use.kind):
        return _package(listing, use)
    if _suffix(path) in JSON:
        return json_tables.open_table(place, path)
    if _suffix(path) in PARQUET:
        return parquet_tables.open_table(place, path)
    form = _form(place, use)
    columns = text_tables.read_header(place, form)
    if use is None and form.has_header and not _is_header(columns):
        form = replace(form, has_header=False)
    return _text_table(place, path, form)


def correct_header(table: Table, photos: Photos, base: str, root: Path) -> Table:
    """Return the table; if its header names a photo, the header is read as a row."""
    if table.form.get("has_header") != "yes":
        return table
    if not any(_is_photo(cell, photos, base) for cell in table.columns):
        return table
    form = Form(table.form["encoding"], table.form["delimiter"], False)
    return _text_table(root / table.path, table.path, form)


def _is_photo(cell: str, photos: Photos, base: str) -> bool:
    """Return whether a cell of a first row names a photo, not a column."""
    if normalise_name(cell) in PATH_NAMES:
        return False
    try:
        return photos.find(cell, base) is not None
    except Ambiguous:
        return True


def _text_table(place: Path, path: str, form: Form) -> Table:
    columns = text_tables.read_header(place, form)
    if len(columns) < 1:
        raise NotATable("it is empty")
    words = {
        "encoding": form.encoding,
        "delimiter": form.delimiter,
        "has_header": "yes" if form.has_header else "no",
    }
    rows = partial(text_tables.read_rows, place, form, columns)
    return Table(path, "table", columns, rows, form=words)


def _form(place: Path, use: TableUse | None) -> Form:
    if use is None or not use.encoding:
        return text_tables.detect_form(place)
    form = text_tables.detect_form(place, use.encoding)
    return replace(form, delimiter=use.delimiter or form.delimiter, has_header=use.has_header)


def _is_header(columns: tuple[str, ...]) -> bool:
    """Return whether a first row could name columns: not all its cells are numbers."""
    return not all(column.replace(".", "", 1).isdigit() for column in columns)


def _is_single(kind: str) -> bool:
    return kind not in PACKAGES


def _package(listing: Listing, use: TableUse) -> Table:
    for table in open_packages(listing):
        if (table.path, table.kind) == (use.path, use.kind):
            return table
    raise UserError(
        f"{printable(use.path)} is no longer {use.kind}. Preview the import again.", field="plan"
    )


def read_sample(table: Table, most: int) -> list[Row]:
    """Return at most `most` of the table's first rows. Raises NotATable."""
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
