"""What was decided about a folder that is to be imported: enough to carry it out without another
guess, and small enough to be kept with the version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

from core.errors import UserError

# Where labels come from.
BY_TABLES, BY_FOLDERS, UNLABELLED = "tables", "folders", "none"
LABELS = (BY_TABLES, BY_FOLDERS, UNLABELLED)
# What a folder is, where it is not the name of a class.
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
THROUGH, NO_LABEL, LEFT_OUT = "look through", "unlabelled", "leave out"
FOLDER_ROLES = (*SPLITS, THROUGH, NO_LABEL, LEFT_OUT)
# What becomes of a cell with several labels.
AS_TEXT, FIRST, SKIP = "keep as one", "first", "skip"
SEVERAL = (AS_TEXT, FIRST, SKIP)
PIXELS, SHARES = "pixels", "shares"


@dataclass(frozen=True)
class TableUse:
    """One table: whether it is used and `why`, how it is written, and what its columns are.

    `split` is that of every row; `names` the file that names its codes; `several` separates the
    labels of a cell; `is_guess` says that no column has a label's usual name, `is_sample` that the
    table shows how answers are to be handed in; `rows` and `matched` count what a dry run saw.
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
        """The first column of this role, or the empty string."""
        return next(iter(self.columns(role)), "")

    def columns(self, role: str) -> Sequence[str]:
        return self._by_role.get(role, ())

    @cached_property
    def _by_role(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, role in self.roles.items():
            found.setdefault(role, []).append(name)
        return found


@dataclass(frozen=True)
class Decisions:
    """Everything that an import of a folder has to know.

    layout: the form in a few words, and `why` it is this one. root: the folder, below the one that
    was given, that paths begin at. class_level: which of a photo's folders is its class, counted
    from the top, or -1 for the last. levels: under which names the other folders are kept.
    unlisted, loose: what becomes of photos that no table names, and of those in no class folder.
    renamed: classes under another name, or under none where they are left out.
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
        """These decisions with another use of one table."""
        tables = tuple(table if other.path == table.path else other for other in self.tables)
        return replace(self, tables=tables)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From `as_dict`; unknown keys are passed over. Raises UserError for a word that no
        decision has."""
        made = cls(**_known(cls, stored) | {"tables": tuple(map(_table, stored.get("tables", ())))})
        made = replace(made, levels=tuple(made.levels))
        _require("labels", made.labels, LABELS)
        _require("several", made.several, SEVERAL)
        for role in made.folders.values():
            _require("folder", role, FOLDER_ROLES)
        return made


def _table(stored: Mapping[str, Any]) -> TableUse:
    known = _known(TableUse, stored)
    return TableUse(**known | {"doubtful": tuple(known.get("doubtful", ()))})


def _known(kind: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in stored.items() if name in names}


def _require(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise UserError(
            f"The plan says {word!r} of {what}, which is none of {', '.join(words)}. "
            "Make the plan again.",
            field="plan",
        )
