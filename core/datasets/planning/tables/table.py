"""What every table is to the import, in whichever file it lies: named columns and rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


class NotATable(Exception):
    """A file that can't be read as a table; the message says why, beginning with "it"."""


@dataclass(frozen=True)
class Row:
    """One row: the number of its line, or of the record, its values by column, and why it can't be
    used, if so."""

    number: int
    values: Mapping[str, str]
    error: str = ""


@dataclass(frozen=True)
class Table:
    """A file's table. `kind` is its format in a few words; `roles` says of columns what they are
    where the format itself fixes that; `base` is the folder that its paths begin at, below the
    import's, where the format fixes it; `form` says how a text table is written."""

    path: str
    kind: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    roles: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
