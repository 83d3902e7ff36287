"""The decisions about importing a folder: complete enough to import without guessing, small enough
to be stored with the version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

from core.errors import UserError

# Where labels come from.
BY_TABLES, BY_FOLDERS, UNLABELLED = "tables", "folders", "none"
LABELS = (BY_TABLES, BY_FOLDERS, UNLABELLED)
# The role of a folder that is not a class.
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
THROUGH, NO_LABEL, LEFT_OUT = "look through", "unlabelled", "leave out"
FOLDER_ROLES = (*SPLITS, THROUGH, NO_LABEL, LEFT_OUT)
# How a cell with several labels is used.
AS_TEXT, FIRST, SKIP = "keep as one", "first", "skip"
SEVERAL = (AS_TEXT, FIRST, SKIP)
PIXELS, SHARES = "pixels", "shares"


@dataclass(frozen=True)
class TableUse:
    """One table: whether it is used and `why`, its text format, and the roles of its columns.

    `split` applies to every row. `names` is the file that names its class codes. `several`
    separates the labels of a cell. `is_guess` is true if the label column has an unusual name,
    `is_sample` if the table is a sample submission. `rows` and `matched` count the rows read in
    advance and the photos they name.
    """

    path: str
    kind: str = ""
    is_used: bool = False
    why: str = ""
    encoding: str = ""
    delimiter: str = ""
    has_header: bool = True
    base: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    split: str = ""
    names: str = ""
    several: str = ""
    box_unit: str = PIXELS
    rows: int = 0
    matched: int = 0
    is_export: bool = False
    is_sample: bool = False
    is_guess: bool = False

    def column(self, role: str) -> str:
        """Return the first column with this role, or ''."""
        return next(iter(self.columns(role)), "")

    def columns(self, role: str) -> Sequence[str]:
        """Return the columns with this role."""
        return self._by_role.get(role, ())

    @cached_property
    def _by_role(self) -> dict[str, list[str]]:
        columns: dict[str, list[str]] = {}
        for name, role in self.roles.items():
            columns.setdefault(role, []).append(name)
        return columns


@dataclass(frozen=True)
class Decisions:
    """Everything that importing a folder needs.

    layout: the recognised layout, and `why`. root: the subfolder that paths start from.
    class_level: which of a photo's folders is its class, counted from the top; -1 for the last.
    levels: names under which the other folders are kept. unlisted, loose: the role of photos
    without a table row, and of photos outside class folders. renamed: new names of classes, '' if
    excluded.
    """

    layout: str = ""
    why: str = ""
    root: str = ""
    labels: str = BY_FOLDERS
    tables: tuple[TableUse, ...] = ()
    folders: Mapping[str, str] = field(default_factory=dict)
    class_level: int = 0
    levels: tuple[str, ...] = ()
    group_level: int = -2
    unlisted: str = LEFT_OUT
    loose: str = LEFT_OUT
    several: str = AS_TEXT
    use_split: bool = True
    names: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def used(self) -> list[TableUse]:
        return [table for table in self.tables if table.is_used]

    def with_table(self, table: TableUse) -> Decisions:
        """Return these decisions with another use of one table."""
        tables = tuple(table if other.path == table.path else other for other in self.tables)
        return replace(self, tables=tables)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Return the decisions from `as_dict`; unknown keys are ignored. Raises UserError for an
        unknown value."""
        decisions = cls(
            **_known(cls, stored) | {"tables": tuple(map(_table, stored.get("tables", ())))}
        )
        decisions = replace(decisions, levels=tuple(decisions.levels))
        _require("labels", decisions.labels, LABELS)
        _require("several", decisions.several, SEVERAL)
        for role in decisions.folders.values():
            _require("folder", role, FOLDER_ROLES)
        return decisions


def _table(stored: Mapping[str, Any]) -> TableUse:
    known = _known(TableUse, stored)
    return TableUse(**known | {"doubtful": tuple(known.get("doubtful", ()))})


def _known(kind: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in stored.items() if name in names}


def _require(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise UserError(
            f"The plan has {word!r} for {what}, which is not one of {', '.join(words)}. "
            "Preview the import again.",
            field="plan",
        )
