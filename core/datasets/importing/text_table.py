"""Text tables from strangers, line by line: their encoding, and bounds that a hostile one can't
pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import UserError
from core.io import files
from core.io.names import shown

MAX_BYTES = 2**29
MAX_LINE = 2**20
# With the mark that Excel and Windows put first, and, of UTF-16, without.
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def encoding_of(path: Path) -> str:
    """UTF-16 where the first bytes say so, else UTF-8."""
    with path.open("rb") as file:
        head = file.read(4)
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    if len(head) == 4 and head[1] == head[3] == 0 and head[0] and head[2]:
        return "utf-16-le"
    if len(head) == 4 and head[0] == head[2] == 0 and head[1] and head[3]:
        return "utf-16-be"
    return "utf-8"


def header(path: Path) -> str:
    """The first line, whatever its bytes; empty where it is too long or can't be read."""
    try:
        with path.open(newline="", encoding=encoding_of(path), errors="replace") as file:
            line = file.readline(MAX_LINE + 1)
    except (OSError, UnicodeError):
        return ""
    return line if len(line) <= MAX_LINE else ""


def lines(path: Path) -> Iterator[str]:
    """Each line with its end.

    Raises UserError, naming file and line, for one that is too long or no text, and for a file that
    is too large or can't be read.
    """
    name, number = shown(path.name), 0
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            most = files.human_bytes(MAX_BYTES)
            raise UserError(
                f"The table {name} has {files.human_bytes(size)}; at most {most} can be read. "
                "Split it.",
                field="path",
            )
        with path.open(newline="", encoding=encoding_of(path)) as file:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                _check(line, f"Line {number} of {name}")
                yield line
    except UnicodeError as error:
        raise UserError(
            f"The table {name} can't be read as text at line {_undecodable_line(path)}: it is not "
            "in UTF-8. "
            "Save it as CSV in UTF-8, or move it away.",
            field="path",
        ) from error
    except OSError as error:
        raise UserError(
            f"The table {name} can't be read ({error.strerror or error}). Mend that, or move it "
            "away.",
            field="path",
        ) from error


def _undecodable_line(path: Path) -> int:
    """The first line that is not UTF-8, or the last one: text is decoded in pieces of many
    lines."""
    number = 1
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE):
            try:
                line.decode()
            except UnicodeDecodeError:
                break
            number += line.endswith(b"\n")
    return number


def _check(line: str, where: str) -> None:
    if len(line) > MAX_LINE:
        raise UserError(
            f"{where} has more than {MAX_LINE:,} characters. Mend the table, or move it away.",
            field="path",
        )
    if "\0" in line:
        raise UserError(
            f"{where} holds bytes that are no text. Save it as CSV in UTF-8, or move it away.",
            field="path",
        )
