"""Tables in any file format: named columns and rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


class NotATable(Exception):
    """A file can't be read as a table; the message says why, starting with "it"."""


@dataclass(frozen=True)
class Row:
    """One row: its line or record number, its values by column, and `error`, which says why it
    can't be used, or ''."""

    number: int
    values: Mapping[str, str]
    error: str = ""


@dataclass(frozen=True)
class Table:
    """A file's table. `kind` names its format. `roles` and `base`, the folder that its paths start
    from, are set if the format defines them. `form` gives encoding and delimiter of a text
    table."""

    path: str
    kind: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    roles: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
