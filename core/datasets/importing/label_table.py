"""Images with a table of labels beside them: a CSV whose columns are recognised by their names, and
whose rows may be wrong.

A row names its file by its path, by its name alone where only one file is called so, or without the
suffix, as competitions do.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.datasets.importing import exported, text_table
from core.datasets.importing.found import (
    SPLIT_FOLDERS,
    UNLISTED,
    BadRow,
    Box,
    Found,
    Layout,
    OnFile,
    box_of,
    check_classes,
    images_below,
    is_image,
)
from core.errors import UserError
from core.io import cells
from core.io.archives import is_junk
from core.io.names import clean_name, shown

SUFFIXES = (".csv", ".tsv")
DELIMITERS = ",;\t|"
# A table is one of labels where one of its first rows names a file that is there.
SAMPLE_ROWS = 50
MAX_TABLES = 20
MAX_FOLDERS = 20
LISTED_ERRORS = 5

PATH = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "image_name",
    "img",
    "photo",
    "id",
    "image_id",
)
LABEL = ("label", "class", "class_name", "category", "species", "breed", "target", "tag")
SPLIT = ("split", "set", "subset", "partition")
BOXES = (
    ("box_x", "box_y", "box_width", "box_height"),
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
)
CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"))
NO_SPLIT = ("", "unused")


@dataclass(frozen=True)
class Table:
    """A table of labels: its file, and which of its columns say what.

    `split` and `box` may be empty; `corners` says that the box's columns are two corners, not a
    corner and a size; `is_export` that Fieldmark wrote the table.
    """

    file: Path
    delimiter: str
    path: str
    label: str
    split: str = ""
    box: tuple[str, ...] = ()
    corners: bool = False
    is_export: bool = False


def find(folder: Path) -> Table | None:
    """The table of labels directly in this folder; None where there is none, or where its rows name
    no file that is here.

    A table that Fieldmark exported comes before others. Raises UserError for a table of labels that
    can't be read.
    """
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not is_junk(path.name)
    )
    tables = [
        table
        for path in paths[:MAX_TABLES]
        if path.is_file() and not path.is_symlink() and (table := _recognised(path))
    ]
    for table in sorted(tables, key=lambda table: not table.is_export):
        if _names_a_file(table, folder):
            return table
    return None


def read(table: Table, root: Path, on_file: OnFile) -> Layout:
    """The images of a table of labels; rows that can't be used are in `row_errors`.

    Raises UserError where none can.
    """
    layout = Layout(f"table of labels ({table.file.name})", root, is_export=table.is_export)
    files = _Files(
        path.relative_to(root).as_posix() for path in images_below(root, layout.ignored, on_file)
    )
    taken: dict[str, int] = {}
    for number, row in _rows(table):
        on_file()
        try:
            found = _found(row, table, files)
            if found.path in taken:
                raise BadRow(f"{shown(found.path)} has a row already, row {taken[found.path]}")
        except BadRow as error:
            layout.add_row_error(f"Row {number}: {error}.")
            continue
        taken[found.path] = number
        layout.found.append(found)
    if layout.row_errors and not layout.found:
        raise UserError(
            f"No row of {table.file.name} can be used. "
            f"{' '.join(layout.row_errors[:LISTED_ERRORS])}",
            field="path",
        )
    unlisted = len(files) - len(taken)
    layout.ignored.update({UNLISTED: unlisted} if unlisted else {})
    check_classes(layout)
    if table.is_export:
        exported.complete(layout)
    return layout


class _Files:
    """The image files that rows may name."""

    def __init__(self, paths: Iterator[str]) -> None:
        self._paths = set(paths)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in self._paths:
            name = PurePosixPath(path).name
            self._by_name[name].append(path)
            self._by_name[PurePosixPath(name).stem].append(path)

    def __len__(self) -> int:
        return len(self._paths)

    def named(self, text: str) -> str:
        """The path that a row means.

        Raises BadRow where there is no such file, or more than one.
        """
        wanted = text if text in self._paths else _tidy(text)
        if not wanted:
            raise BadRow("no file is named")
        if wanted in self._paths:
            return wanted
        ends = (f"/{wanted}", *(() if is_image(wanted) else (f"/{wanted}.",)))
        fitting = [
            path for path in self._by_name[PurePosixPath(wanted).name] if _fits(f"/{path}", ends)
        ]
        if len(fitting) > 1:
            raise BadRow(f"{len(fitting)} files are called {shown(wanted)}; give the path")
        if not fitting:
            raise BadRow(f"the file {shown(wanted)} is not there, or is no image")
        return fitting[0]


def _fits(path: str, ends: Sequence[str]) -> bool:
    return path.endswith(ends[0]) or (
        len(ends) > 1 and path.rpartition(".")[0].endswith(ends[1][:-1])
    )


def _found(row: Mapping[str, str], table: Table, files: _Files) -> Found:
    if None in row or None in row.values():
        raise BadRow("it has more or fewer fields than the header")
    if table.is_export:
        return exported.found(row, files.named(cells.as_it_was(row[table.path])))
    path = files.named(row[table.path])
    try:
        label = clean_name(row[table.label], "class name")
    except UserError as error:
        raise BadRow(
            "the label is empty" if not row[table.label].strip() else str(error).rstrip(".")
        ) from error
    split = row[table.split].strip().casefold() if table.split else ""
    if split not in NO_SPLIT and split not in SPLIT_FOLDERS:
        raise BadRow(f"the split {shown(split)!r} is neither train, validation nor test")
    return Found(path, label, SPLIT_FOLDERS.get(split, ""), _box(row, table))


def _box(row: Mapping[str, str], table: Table) -> Box | None:
    """(x, y, width, height); None where the row has none."""
    texts = [row[name].strip() for name in table.box]
    if not any(texts):
        return None
    try:
        x, y, right, bottom = map(float, texts)
    except ValueError:
        raise BadRow("its box is not four numbers") from None
    width, height = (right - x, bottom - y) if table.corners else (right, bottom)
    box = box_of(x, y, width, height)
    if box is None:
        raise BadRow("its box holds nothing, or can't be in a photo")
    return box


def _recognised(path: Path) -> Table | None:
    """The table's columns by their names; None where one for files or one for labels is missing, or
    where it is no table."""
    head = text_table.header(path)
    delimiter = max(DELIMITERS, key=head.count)
    try:
        names = next(csv.reader([head], delimiter=delimiter), [])
    except csv.Error:
        return None
    columns = {re.sub(r"\W+", "_", name.strip().casefold()): name for name in names}

    def first(names: Sequence[str]) -> str:
        return next((columns[name] for name in names if name in columns), "")

    file_column, label = first(PATH), first(LABEL)
    if not file_column or not label:
        return None
    box = next(
        (names for names in (*BOXES, *CORNERS) if all(name in columns for name in names)), ()
    )
    boxes = tuple(columns[name] for name in box)
    return Table(
        path,
        delimiter,
        file_column,
        label,
        first(SPLIT),
        boxes,
        box in CORNERS,
        exported.is_header(names),
    )


def _rows(table: Table) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its number; the header is row 1.

    Raises UserError, naming the line, where the file is no table.
    """
    rows = csv.DictReader(text_table.lines(table.file), delimiter=table.delimiter)
    try:
        yield from enumerate(rows, 2)
    except csv.Error as error:
        name = shown(table.file.name)
        raise UserError(
            f"{name} can't be read as a table at line {rows.reader.line_num} ({error}). Save it "
            "as CSV in UTF-8, or move it away.",
            field="path",
        ) from error


def _names_a_file(table: Table, folder: Path) -> bool:
    """Whether one of the first rows names a file here, or in a folder directly below; of an export,
    any row."""
    below = sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.is_symlink() and not is_junk(path.name)
    )
    places = [folder, *below[:MAX_FOLDERS]]
    stems: dict[Path, set[str]] = {}
    for number, row in _rows(table):
        text = row.get(table.path) or ""
        wanted = cells.as_it_was(text) if table.is_export else _tidy(text)
        if wanted and any(_is_there(place, wanted, stems) for place in places):
            return True
        if number > SAMPLE_ROWS and not table.is_export:
            break
    return False


def _is_there(place: Path, wanted: str, stems: dict[Path, set[str]]) -> bool:
    if is_image(wanted):
        return ".." not in wanted.split("/") and _is_file(place / wanted)
    if place not in stems:
        names = _listed(place)
        stems[place] = {PurePosixPath(name).stem for name in names if is_image(name)}
    return wanted in stems[place]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A name that is too long, or a folder that can't be read.
        return False


def _listed(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except PermissionError:
        return []


def _tidy(text: str) -> str:
    return text.strip().replace("\\", "/").removeprefix("./")
