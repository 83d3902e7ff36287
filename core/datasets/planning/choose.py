"""Which of the tables that lie there are used, and for what; of the others why they are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from core.datasets.importing import exported
from core.datasets.importing.found import BadRow
from core.datasets.planning import labels
from core.datasets.planning.decisions import PIXELS, SHARES, TableUse
from core.datasets.planning.folders import split_word
from core.datasets.planning.listing import Listing
from core.datasets.planning.matching import Match, Photos, tidy
from core.datasets.planning.tables import candidates, cub_tables
from core.datasets.planning.tables.column_names import GROUP_NAMES
from core.datasets.planning.tables.columns import (
    BOX_CENTRE_X,
    BOX_LIST,
    BOX_ROLES,
    FOLDER,
    GROUP,
    KEEP,
    LABEL,
    ONE_HOT,
    PATH,
    SPLIT,
    Roles,
    normal,
    numbers,
    roles_of,
)
from core.datasets.planning.tables.table import NotATable, Row, Table
from core.io import cells
from core.io.names import printable

# Whose tables name files as they are called, whatever else lies there.
EXACT = frozenset({cub_tables.KIND})
SAMPLE = 500
# An export may name many photos that were left out of it before the first that is there.
MOST = 10**9
SAMPLE_NAME = re.compile(r"(sample|example)[ _-]?submi", re.IGNORECASE)
SUBMISSION = re.compile(r"submission", re.IGNORECASE)
# Two tables are about the same photos where they share so much of what the smaller one names.
SAME = 0.1
NAMED = 6


@dataclass(frozen=True)
class _Looked:
    """A table that was looked into: its use, as far as it is known, and the photos that its first
    rows name."""

    use: TableUse
    photos: frozenset[str]
    codes: tuple[str, ...] = ()

    @property
    def has_labels(self) -> bool:
        return LABEL in self.use.roles.values() or ONE_HOT in self.use.roles.values()


def tables(listing: Listing, photos: Photos) -> tuple[TableUse, ...]:
    """Every file that could be a table, used or not.

    Raises UserError for a published dataset whose tables are damaged.
    """
    package, damaged = _package(listing, photos)
    if package is not None:
        return (package, *_others(listing, package, photos))
    names = labels.name_files(listing)
    passed = {use.path for use in damaged}
    paths = [path for path in candidates.candidates(listing) if path not in passed]
    found, refused = _opened(listing, [path for path in paths if path not in names], photos)
    if not any(looked.has_labels and looked.photos for looked in found):
        # What looks like names of codes may be a table of photos that are called by numbers.
        more, _ = _opened(listing, [path for path in paths if path in names], photos)
        found += [looked for looked in more if looked.has_labels and looked.photos]
    codes = {looked.use.path: looked.codes for looked in found}
    chosen = [labels.with_names(use, codes[use.path], names) for use in _chosen(found)]
    return (*chosen, *damaged, *refused)


def _opened(
    listing: Listing, paths: Sequence[str], photos: Photos
) -> tuple[list[_Looked], list[TableUse]]:
    """The tables among these files, and why the others are none."""
    found, refused = [], []
    for path in paths:
        try:
            found.append(_looked(listing, candidates.opened(listing, path), photos))
        except NotATable as error:
            refused.append(TableUse(path, why=str(error)))
    return found, refused


def _package(listing: Listing, photos: Photos) -> tuple[TableUse | None, list[TableUse]]:
    """The published dataset that names most of the photos, if one does, and those that can't be
    read."""
    packages, damaged = [], []
    for table in candidates.packages(listing):
        try:
            packages.append(_looked(listing, table, photos))
        except NotATable as error:
            damaged.append(TableUse(table.path, why=f"of {table.kind}, {error}"))
    best = max(packages, key=lambda looked: len(looked.photos), default=None)
    if best is None or not best.photos:
        return None, damaged
    why = f"these are the tables of {best.use.kind}"
    return replace(best.use, is_used=True, why=why), damaged


def _others(listing: Listing, package: TableUse, photos: Photos) -> list[TableUse]:
    """The other files that could be tables, beside those of a whole dataset; lists of its split
    are used, where it has none in its own tables."""
    folder = package.path.rpartition("/")[0]
    found = []
    for path in candidates.candidates(listing):
        if path == package.path or path.rpartition("/")[0] == folder:
            continue
        use = TableUse(path, why=f"{package.kind} is read by its own tables")
        if not package.column(SPLIT):
            with suppress(NotATable):
                use = _list_of_split(listing, path, photos) or use
        found.append(use)
    return found


def _list_of_split(listing: Listing, path: str, photos: Photos) -> TableUse | None:
    looked = _looked(listing, candidates.opened(listing, path), photos)
    # VOC's lists of each class say in a second column what its annotations say.
    is_list = list(looked.use.roles.values()) == [PATH]
    if not looked.photos or not is_list or not looked.use.split:
        return None
    return replace(looked.use, is_used=True, why="it gives the split")


def _looked(listing: Listing, table: Table, photos: Photos) -> _Looked:
    """Reads a table's first rows. Raises NotATable."""
    base = table.base or table.path.rpartition("/")[0]
    table = candidates.without_header(table, photos, base, listing.root)
    is_export = exported.is_header(table.columns)
    rows = candidates.sample(table, MOST if is_export else SAMPLE)
    if not rows:
        raise NotATable("it has no rows")
    roles = exported.roles(table.columns) if is_export else None
    found = Roles(roles, 1.0) if roles else roles_of(table, rows, photos, base)
    is_package, stem = table.kind in candidates.PACKAGES, PurePosixPath(table.path).stem
    use = TableUse(
        table.path,
        table.kind,
        encoding=table.form.get("encoding", ""),
        delimiter=table.form.get("delimiter", ""),
        has_header=table.form.get("has_header", "yes") == "yes",
        base=base,
        roles=dict(found.of),
        doubtful=found.doubtful,
        split="" if found.has(SPLIT) or is_package else split_word(stem),
        box_unit=_unit(found, rows),
        rows=len(rows),
        is_export=is_export,
        is_guess=found.is_guess,
    )
    use = replace(use, several=labels.separator(use, rows))
    named = frozenset(_named(use, rows, photos))
    codes = tuple(labels.codes_in(use, rows))
    return _Looked(replace(use, matched=len(named)), named, codes)


def _named(use: TableUse, rows: Sequence[Row], photos: Photos) -> list[str]:
    found, cell = [], cell_of(use)
    for row in rows:
        with suppress(BadRow):
            if one := match(use, cell(row), photos):
                found.append(one.path)
    return found


def match(use: TableUse, text: str, photos: Photos) -> Match | None:
    """The photo that a row's cell means, or None. Raises BadRow where several are called so."""
    if use.kind in EXACT:
        return photos.exactly(text, use.base)
    return photos.find(text, use.base)


def why_none(text: str) -> str:
    """Why a row with this cell has no photo."""
    wanted = tidy(text)
    return (
        f"the file {printable(wanted)} is not there, or is no image"
        if wanted
        else "no file is named"
    )


def cell_of(use: TableUse) -> Callable[[Row], str]:
    """What a row calls its photo: a cell, or that of its folder and that of its file."""
    column, folder = use.column(PATH), use.column(FOLDER)
    if use.is_export:
        return lambda row: cells.as_it_was(row.values.get(column, ""))
    if not folder:
        return lambda row: row.values.get(column, "")

    def both(row: Row) -> str:
        text = row.values.get(column, "")
        return f"{row.values.get(folder, '')}/{text}" if text.strip() else ""

    return both


def _unit(roles: Roles, rows: Sequence[Row]) -> str:
    """Shares of the photo's size where no number of a box is above 1 and one of them is a
    fraction."""
    columns = [
        name
        for name, role in roles.of.items()
        if role in (*BOX_ROLES, BOX_LIST, BOX_CENTRE_X, "box_centre_y")
    ]
    found = [value for row in rows for name in columns for value in numbers(row.values[name])]
    is_share = bool(found) and max(found) <= 1 and any(value % 1 for value in found)
    return SHARES if is_share else PIXELS


def _chosen(found: Sequence[_Looked]) -> list[TableUse]:
    """Each table used, or why not."""
    able = [looked for looked in found if looked.photos and not _is_submission(looked, found)]
    exports = [looked for looked in able if looked.use.is_export]
    labelled = exports[:1] or [looked for looked in able if looked.has_labels]
    if not exports:
        able = [_unless_told(looked, labelled) for looked in able]
        labelled = [looked for looked in able if looked.has_labels]
    used = _without_rivals(labelled)
    plain = [] if exports else [looked for looked in able if not looked.has_labels]
    uses = {looked.use.path: _used(looked, used) for looked in used}
    uses |= {looked.use.path: _used(looked, used) for looked in plain}
    return [uses.get(looked.use.path) or _unused(looked, used, found) for looked in found]


def _is_submission(looked: _Looked, found: Sequence[_Looked]) -> bool:
    name = PurePosixPath(looked.use.path).name
    return bool(SAMPLE_NAME.search(name) or (SUBMISSION.search(name) and len(found) > 1))


def _without_rivals(labelled: Sequence[_Looked]) -> list[_Looked]:
    """The tables that are about different photos; of those about the same ones, the one that says
    most."""
    order = sorted(
        labelled, key=lambda looked: (looked.use.is_guess, -len(looked.photos), looked.use.path)
    )
    used: list[_Looked] = []
    for looked in order:
        if not any(_is_rival(looked, other) for other in used):
            used.append(looked)
    return sorted(used, key=lambda looked: looked.use.path)


def _unless_told(looked: _Looked, labelled: Sequence[_Looked]) -> _Looked:
    """The table; without its label where that is a guess, and another one that is none is about the
    same photos."""
    label = looked.use.column(LABEL)
    sure = [other for other in labelled if not other.use.is_guess]
    if not looked.use.is_guess or not any(_is_rival(looked, other) for other in sure):
        return looked
    role = GROUP if normal(label) in GROUP_NAMES else KEEP
    use = replace(looked.use, roles={**looked.use.roles, label: role}, several="")
    return replace(looked, use=use, codes=())


def _is_rival(one: _Looked, other: _Looked) -> bool:
    shared = len(one.photos & other.photos)
    return shared > SAME * min(len(one.photos), len(other.photos))


def _used(looked: _Looked, used: Sequence[_Looked]) -> TableUse:
    use = looked.use
    if not looked.has_labels:
        what = "the split" if use.split or use.column(SPLIT) else "more about the photos"
        return replace(use, is_used=True, why=f"it gives {what}")
    why = "it names the photos and their labels"
    if use.is_export:
        why = "Fieldmark exported it"
    elif use.split and len(used) > 1:
        why = f"it names the {use.split} photos and their labels"
    return replace(use, is_used=True, why=why)


def _unused(looked: _Looked, used: Sequence[_Looked], found: Sequence[_Looked]) -> TableUse:
    use = looked.use
    if _is_submission(looked, found):
        why = "a sample submission holds no real labels"
        return replace(use, why=why, is_sample=True)
    if rival := next((other for other in used if _is_rival(looked, other)), None):
        return replace(use, why=f"{rival.use.path} is about the same photos")
    columns = ", ".join(f'"{printable(name)}"' for name in list(use.roles)[:NAMED])
    if not use.column(PATH):
        return replace(use, why=f"none of its columns names a photo: {columns}")
    return replace(use, why=_elsewhere(use, looked))


def _elsewhere(use: TableUse, looked: _Looked) -> str:
    return (
        f"none of the photos that its first {use.rows:,} rows name is here, by its column "
        f'"{printable(use.column(PATH))}"'
    )


def roles_by_name(use: TableUse, roles: Mapping[str, str]) -> TableUse:
    """The table's use with other roles of its columns, as a person chose them."""
    return replace(use, roles={name: roles.get(name, role) for name, role in use.roles.items()})
