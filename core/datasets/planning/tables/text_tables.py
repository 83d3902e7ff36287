"""Read tables in text files: any usual encoding and delimiter, with or without a header, and with
bounds against hostile files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from core.datasets.planning.tables import encodings
from core.datasets.planning.tables.column_names import PATH_NAMES
from core.datasets.planning.tables.columns import normalise_name
from core.datasets.planning.tables.table import NotATable, Row
from core.io.names import printable

DELIMITERS = ",;\t|"
MAX_BYTES = 2**29
MAX_LINE = 2**20
# Bytes read to detect the encoding, and lines read to detect the delimiter.
SAMPLE_BYTES = 2**24
SAMPLE_LINES = 60
MAX_COLUMNS = 4000
# Title lines above a header.
MAX_TITLES = 5


@dataclass(frozen=True)
class Form:
    """The format of a text table. `skipped` counts the lines before its header."""

    encoding: str = "utf-8"
    delimiter: str = ","
    has_header: bool = True
    skipped: int = 0


def detect_form(path: Path, encoding: str = "") -> Form:
    """Return the format of a table; `encoding` is detected if ''.

    Raises NotATable for a file that is too large, unreadable, or not text.
    """
    encoding = encoding or detect_encoding(path)
    form, first = Form(encoding), list(islice(_read_lines(path, encoding), SAMPLE_LINES))
    skipped = 0
    while first and _is_comment(first[0]):
        first.pop(0)
        skipped += 1
    if first and (named := _separator(first[0])):
        return replace(form, delimiter=named, skipped=skipped + 1)
    delimiter = _delimiter([line for line in first if line.strip()], path.suffix.lower())
    if delimiter in DELIMITERS:
        skipped += _count_titles(first, delimiter)
    return replace(form, delimiter=delimiter, skipped=skipped)


def _count_titles(lines: list[str], delimiter: str) -> int:
    """Return how many lines above the header are titles: only one of their fields is filled, and
    the header below has the usual name of a photo column."""
    filled = [[cell for cell in line.split(delimiter) if cell.strip()] for line in lines]
    above = next((n for n, cells in enumerate(filled) if len(cells) > 1), 0)
    if not 0 < above <= MAX_TITLES:
        return 0
    names = {normalise_name(cell.strip('" \n\r')) for cell in filled[above]}
    return above * bool(names & {*PATH_NAMES})


def detect_encoding(path: Path) -> str:
    """Return the encoding of a text file. Raises NotATable if it is unreadable."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if named := encodings.detect_mark(head):
                return named
            file.seek(0)
            sample = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise NotATable(f"it can't be read ({error.strerror or error})") from error
    lines = sample.splitlines()
    # The last line may end in the middle of a character.
    whole = lines[:-1] if len(sample) == SAMPLE_BYTES else lines
    try:
        b"\n".join(whole).decode()
    except UnicodeDecodeError:
        return encodings.guess_encoding(whole)
    return "utf-8"


def read_header(path: Path, form: Form) -> tuple[str, ...]:
    """Return the column names: unique names from the header, or column 1, 2, ... without one."""
    first = next(_split_lines(path, form), (0, []))[1]
    if len(first) > MAX_COLUMNS:
        raise NotATable(f"it has {len(first):,} columns; at most {MAX_COLUMNS:,} are read")
    if not form.has_header:
        return tuple(f"column {number}" for number in range(1, len(first) + 1))
    names: list[str] = []
    for number, cell in enumerate(first, 1):
        name = printable(cell.strip().removeprefix("\ufeff")) or f"column {number}"
        names.append(name if name not in names else f"{name} ({number})")
    return tuple(names)


def read_rows(path: Path, form: Form, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield each row with the number of its first line; empty rows are skipped.

    A row with missing fields or with too many filled fields gets an `error`.
    """
    lines = _split_lines(path, form)
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


def _split_lines(path: Path, form: Form) -> Iterator[tuple[int, list[str]]]:
    """Yield each row as its first line number and its fields."""
    text = islice(_read_lines(path, form.encoding), form.skipped, None)
    if form.delimiter == " ":
        yield from _split_by_blanks(text, form.skipped)
        return
    reader = csv.reader(_blank_comments(text), delimiter=form.delimiter)
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


def read_lines(path: Path) -> Iterator[str]:
    """Yield each line of a text file, with its ending. Raises NotATable, naming the line."""
    return _read_lines(path, detect_encoding(path))


def _split_by_blanks(lines: Iterable[str], skipped: int) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1 + skipped):
        if line.strip() and not _is_comment(line):
            yield number, line.split()


def _blank_comments(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        # Comments are only expected near the top: a quoted field may contain lines that look alike.
        yield "\n" if number < SAMPLE_LINES and _is_comment(line) else line


def _is_comment(line: str) -> bool:
    return line.startswith(("#", "//", "%"))


def _separator(line: str) -> str:
    """Return the delimiter in a first line such as `sep=;`, written by spreadsheets; or ''."""
    text = line.strip().strip('"').casefold()
    return text[4] if text.startswith("sep=") and len(text) == 5 else ""


def _delimiter(lines: list[str], suffix: str) -> str:
    """Return the delimiter that splits most lines into the same number of fields, the largest."""
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
        return []  # an overlong field is reported when the table is read


def _is_cut_by_blanks(lines: list[str]) -> bool:
    return len({len(line.split()) for line in lines}) == 1 and len(lines[0].split()) > 1


def _read_lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield each line with its ending. Raises NotATable, naming the line."""
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
                    raise NotATable(f"line {number} is not text")
                yield line
    except UnicodeError as error:
        raise NotATable(
            f"after line {number} it is not in {encoding.upper()}; save it as CSV in UTF-8"
        ) from error
    except OSError as error:
        raise NotATable(f"it can't be read ({error.strerror or error})") from error
