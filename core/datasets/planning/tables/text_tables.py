"""Tables in text files as people have them: any usual encoding and delimiter, with or without a
header, and bounds that a hostile one can't pass."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from core.datasets.planning.tables import encodings
from core.datasets.planning.tables.column_names import PATH_NAMES
from core.datasets.planning.tables.columns import normal
from core.datasets.planning.tables.table import NotATable, Row
from core.io.names import printable

DELIMITERS = ",;\t|"
MAX_BYTES = 2**29
MAX_LINE = 2**20
# So much of a file is read to learn its encoding, and so many of its lines to learn how it is cut.
SAMPLE_BYTES = 2**24
SAMPLE_LINES = 60
MAX_COLUMNS = 4000
# So many lines may stand above a header.
MAX_TITLES = 5


@dataclass(frozen=True)
class Form:
    """How a text table is written. `skipped` counts the lines before its header."""

    encoding: str = "utf-8"
    delimiter: str = ","
    has_header: bool = True
    skipped: int = 0


def form_of(path: Path, encoding: str = "") -> Form:
    """How the table is written, the encoding given or found.

    Raises NotATable for what is too large, can't be read, or holds no text.
    """
    encoding = encoding or encoding_of(path)
    form, first = Form(encoding), list(islice(_lines(path, encoding), SAMPLE_LINES))
    skipped = 0
    while first and _is_comment(first[0]):
        first.pop(0)
        skipped += 1
    if first and (named := _separator(first[0])):
        return replace(form, delimiter=named, skipped=skipped + 1)
    delimiter = _delimiter([line for line in first if line.strip()], path.suffix.lower())
    if delimiter in DELIMITERS:
        skipped += _titles(first, delimiter)
    return replace(form, delimiter=delimiter, skipped=skipped)


def _titles(lines: list[str], delimiter: str) -> int:
    """How many lines above the header only say what the table is: one field is filled where the
    header below has more, one of them a usual name of the column of photos."""
    filled = [[cell for cell in line.split(delimiter) if cell.strip()] for line in lines]
    above = next((n for n, cells in enumerate(filled) if len(cells) > 1), 0)
    if not 0 < above <= MAX_TITLES:
        return 0
    names = {normal(cell.strip('" \n\r')) for cell in filled[above]}
    return above * bool(names & {*PATH_NAMES})


def encoding_of(path: Path) -> str:
    """The encoding of the file's text. Raises NotATable where it can't be read."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if named := encodings.marked(head):
                return named
            file.seek(0)
            sample = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise NotATable(f"it can't be read ({error.strerror or error})") from error
    lines = sample.splitlines()
    # The last line may be cut in the middle of a letter.
    whole = lines[:-1] if len(sample) == SAMPLE_BYTES else lines
    try:
        b"\n".join(whole).decode()
    except UnicodeDecodeError:
        return encodings.guessed(whole)
    return "utf-8"


def header(path: Path, form: Form) -> tuple[str, ...]:
    """The names of the columns: of the first row, each once, or column 1, 2, ... where there is
    none."""
    first = next(_cut(path, form), (0, []))[1]
    if len(first) > MAX_COLUMNS:
        raise NotATable(f"it has {len(first):,} columns; at most {MAX_COLUMNS:,} are read")
    if not form.has_header:
        return tuple(f"column {number}" for number in range(1, len(first) + 1))
    names: list[str] = []
    for number, cell in enumerate(first, 1):
        name = printable(cell.strip().removeprefix("\ufeff")) or f"column {number}"
        names.append(name if name not in names else f"{name} ({number})")
    return tuple(names)


def rows(path: Path, form: Form, columns: tuple[str, ...]) -> Iterator[Row]:
    """Each row with the number of its first line; those that are empty are passed over.

    A row of another length has the missing fields empty and its `error` says so, unless only empty
    fields are too many.
    """
    lines = _cut(path, form)
    if form.has_header:
        next(lines, None)
    for number, fields in lines:
        if any(field.strip() for field in fields):
            yield _row(number, fields, columns)


def _row(number: int, fields: list[str], columns: tuple[str, ...]) -> Row:
    if len(fields) == len(columns):
        return Row(number, dict(zip(columns, fields, strict=True)))
    extra = [field for field in fields[len(columns) :] if field.strip()]
    error = ""
    if extra or len(fields) < len(columns):
        error = "it has more or fewer fields than the header"
    values = dict(zip(columns, [*fields, *[""] * len(columns)], strict=False))
    return Row(number, values, error)


def _cut(path: Path, form: Form) -> Iterator[tuple[int, list[str]]]:
    """The lines cut into fields, each row with the line that it begins at."""
    text = islice(_lines(path, form.encoding), form.skipped, None)
    if form.delimiter == " ":
        yield from _by_blanks(text, form.skipped)
        return
    reader = csv.reader(_not_comments(text), delimiter=form.delimiter)
    while True:
        number = reader.line_num + 1 + form.skipped
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise NotATable(
                f"it can't be read as a table at line {reader.line_num + form.skipped} ({error})"
            ) from error
        if fields is None:
            return
        yield number, fields


def lines(path: Path) -> Iterator[str]:
    """Each line of a text file with its end. Raises NotATable, naming the line."""
    return _lines(path, encoding_of(path))


def _by_blanks(lines: Iterable[str], skipped: int) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1 + skipped):
        if line.strip() and not _is_comment(line):
            yield number, line.split()


def _not_comments(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        # Inside a quoted field a line may begin with anything; comments stand above a table.
        yield "\n" if number < SAMPLE_LINES and _is_comment(line) else line


def _is_comment(line: str) -> bool:
    return line.startswith(("#", "//", "%"))


def _separator(line: str) -> str:
    """The delimiter that a first line `sep=;` names, as spreadsheets write it."""
    text = line.strip().strip('"').casefold()
    return text[4] if text.startswith("sep=") and len(text) == 5 else ""


def _delimiter(lines: list[str], suffix: str) -> str:
    """The delimiter that cuts the first lines into the same number of fields, and most of them."""
    best, most = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        counts = _field_counts(lines, delimiter)
        usual = max(set(counts), key=counts.count) if counts else 0
        agreed = counts.count(usual) / max(len(counts), 1)
        if usual > 1 and (agreed, usual) > most:
            best, most = delimiter, (agreed, usual)
    if suffix not in (".csv", ".tsv") and most[1] < 2 and _is_cut_by_blanks(lines):
        return " "
    return best


def _field_counts(lines: list[str], delimiter: str) -> list[int]:
    try:
        return [len(fields) for fields in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return []  # a field that is too long: reading the table names its line


def _is_cut_by_blanks(lines: list[str]) -> bool:
    return len({len(line.split()) for line in lines}) == 1 and len(lines[0].split()) > 1


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Each line with its end. Raises NotATable, naming the line."""
    number = 0
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NotATable(f"it has more than {MAX_BYTES >> 20} MB; split it")
        with path.open(newline="", encoding=encoding) as file:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise NotATable(f"line {number} has more than {MAX_LINE:,} characters")
                if "\0" in line:
                    raise NotATable(f"line {number} holds bytes that are no text")
                yield line
    except UnicodeError as error:
        raise NotATable(
            f"after line {number} it is not in {encoding.upper()}; save it as CSV in UTF-8"
        ) from error
    except OSError as error:
        raise NotATable(f"it can't be read ({error.strerror or error})") from error
