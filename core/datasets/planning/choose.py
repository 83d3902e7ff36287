"""Choose which tables are used for labels, splits or extra columns, and say why others are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from core.datasets.importing import export_table
from core.datasets.importing.entries import BadRow
from core.datasets.planning import labels
from core.datasets.planning.decisions import PIXELS, SHARES, TableUse
from core.datasets.planning.folders import find_split_word
from core.datasets.planning.listing import Listing
from core.datasets.planning.matching import Match, Photos, clean_path
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
    assign_roles,
    normalise_name,
    parse_numbers,
)
from core.datasets.planning.tables.table import NotATable, Row, Table
from core.io import cells
from core.io.names import printable

# Kinds whose tables give exact file names.
EXACT = frozenset({cub_tables.KIND})
SAMPLE = 500
# An export may list many absent photos before the first existing one, so all rows are read.
ALL_ROWS = 10**9
SAMPLE_NAME = re.compile(r"(sample|example)[ _-]?submi", re.IGNORECASE)
SUBMISSION = re.compile(r"submission", re.IGNORECASE)
# Two tables describe the same photos if they share this much of the smaller one's photos.
SAME = 0.1
MOST_NAMED = 6


@dataclass(frozen=True)
class _Candidate:
    """A table whose first rows were read: its use so far, the photos that these rows name, and
    their labels if all of them are numbers."""

    use: TableUse
    photos: frozenset[str]
    codes: tuple[str, ...] = ()

    @property
    def has_labels(self) -> bool:
        return LABEL in self.use.roles.values() or ONE_HOT in self.use.roles.values()


def choose_tables(listing: Listing, photos: Photos) -> tuple[TableUse, ...]:
    """Return every file that could be a table, used or not.

    Raises UserError for a published dataset whose tables are damaged.
    """
    package, damaged = _choose_package(listing, photos)
    if package is not None:
        return (package, *_tables_beside(listing, package, photos))
    names = labels.find_name_files(listing)
    damaged_paths = {use.path for use in damaged}
    paths = [path for path in candidates.find_candidates(listing) if path not in damaged_paths]
    tables, refused = _read_candidates(
        listing, [path for path in paths if path not in names], photos
    )
    if not any(candidate.has_labels and candidate.photos for candidate in tables):
        # A file that seems to name class codes may be a table of photos with numbers as names.
        more, _ = _read_candidates(listing, [path for path in paths if path in names], photos)
        tables += [candidate for candidate in more if candidate.has_labels and candidate.photos]
    codes = {candidate.use.path: candidate.codes for candidate in tables}
    chosen = [labels.with_names(use, codes[use.path], names) for use in _decide_uses(tables)]
    return (*chosen, *damaged, *refused)


def _read_candidates(
    listing: Listing, paths: Sequence[str], photos: Photos
) -> tuple[list[_Candidate], list[TableUse]]:
    """Return the tables among these files, and why the others are not tables."""
    tables, refused = [], []
    for path in paths:
        try:
            tables.append(_read_candidate(listing, candidates.open_table(listing, path), photos))
        except NotATable as error:
            refused.append(TableUse(path, why=str(error)))
    return tables, refused


def _choose_package(listing: Listing, photos: Photos) -> tuple[TableUse | None, list[TableUse]]:
    """Return the published dataset that names most photos, or None, and those that can't be
    read."""
    packages, damaged = [], []
    for table in candidates.open_packages(listing):
        try:
            packages.append(_read_candidate(listing, table, photos))
        except NotATable as error:
            damaged.append(TableUse(table.path, why=f"table of {table.kind}: {error}"))
    best = max(packages, key=lambda candidate: len(candidate.photos), default=None)
    if best is None or not best.photos:
        return None, damaged
    why = "has its photos and labels"
    return replace(best.use, is_used=True, why=why), damaged


def _tables_beside(listing: Listing, package: TableUse, photos: Photos) -> list[TableUse]:
    """Return the other possible tables beside those of a published dataset; lists of its split
    are used if its own tables have none."""
    folder = package.path.rpartition("/")[0]
    uses = []
    for path in candidates.find_candidates(listing):
        if path == package.path or path.rpartition("/")[0] == folder:
            continue
        use = TableUse(path, why=f"{package.kind} is read from its own tables")
        if not package.column(SPLIT):
            with suppress(NotATable):
                use = _read_split_list(listing, path, photos) or use
        uses.append(use)
    return uses


def _read_split_list(listing: Listing, path: str, photos: Photos) -> TableUse | None:
    candidate = _read_candidate(listing, candidates.open_table(listing, path), photos)
    # The second column of VOC's class lists repeats its annotations.
    is_list = list(candidate.use.roles.values()) == [PATH]
    if not candidate.photos or not is_list or not candidate.use.split:
        return None
    return replace(candidate.use, is_used=True, why="has the split")


def _read_candidate(listing: Listing, table: Table, photos: Photos) -> _Candidate:
    """Read a table's first rows. Raises NotATable."""
    base = table.base or table.path.rpartition("/")[0]
    table = candidates.correct_header(table, photos, base, listing.root)
    is_export = export_table.is_header(table.columns)
    rows = candidates.read_sample(table, ALL_ROWS if is_export else SAMPLE)
    if not rows:
        raise NotATable("it has no rows")
    roles = export_table.column_roles(table.columns) if is_export else None
    assigned = Roles(roles, 1.0) if roles else assign_roles(table, rows, photos, base)
    is_package, stem = table.kind in candidates.PACKAGES, PurePosixPath(table.path).stem
    use = TableUse(
        table.path,
        table.kind,
        encoding=table.form.get("encoding", ""),
        delimiter=table.form.get("delimiter", ""),
        has_header=table.form.get("has_header", "yes") == "yes",
        base=base,
        roles=dict(assigned.of),
        doubtful=assigned.doubtful,
        split="" if assigned.has(SPLIT) or is_package else find_split_word(stem),
        box_unit=_box_unit(assigned, rows),
        rows=len(rows),
        is_export=is_export,
        is_guess=assigned.is_guess,
    )
    use = replace(use, several=labels.find_separator(use, rows))
    named = frozenset(_matched_photos(use, rows, photos))
    codes = tuple(labels.find_codes(use, rows))
    return _Candidate(replace(use, matched=len(named)), named, codes)


def _matched_photos(use: TableUse, rows: Sequence[Row], photos: Photos) -> list[str]:
    matched, cell = [], photo_cell_reader(use)
    for row in rows:
        with suppress(BadRow):
            if one := find_photo(use, cell(row), photos):
                matched.append(one.path)
    return matched


def find_photo(use: TableUse, text: str, photos: Photos) -> Match | None:
    """Return the photo that a row's cell names, or None. Raises BadRow if several match."""
    if use.kind in EXACT:
        return photos.exactly(text, use.base)
    return photos.find(text, use.base)


def explain_no_match(text: str) -> str:
    """Say why a row with this cell has no photo."""
    wanted = clean_path(text)
    if not wanted:
        return "it names no file"
    return f"the file {printable(wanted)} does not exist or is not a photo"


def photo_cell_reader(use: TableUse) -> Callable[[Row], str]:
    """Return a function from a row to its photo's path: one cell, or folder and file cells."""
    column, folder = use.column(PATH), use.column(FOLDER)
    if use.is_export:
        return lambda row: cells.as_it_was(row.values.get(column, ""))
    if not folder:
        return lambda row: row.values.get(column, "")

    def both(row: Row) -> str:
        text = row.values.get(column, "")
        return f"{row.values.get(folder, '')}/{text}" if text.strip() else ""

    return both


def _box_unit(roles: Roles, rows: Sequence[Row]) -> str:
    """Return the unit of the boxes: shares of the photo's size if no number is above 1 and one is
    a fraction, else pixels."""
    columns = [
        name
        for name, role in roles.of.items()
        if role in (*BOX_ROLES, BOX_LIST, BOX_CENTRE_X, "box_centre_y")
    ]
    values = [
        value for row in rows for name in columns for value in parse_numbers(row.values[name])
    ]
    is_share = bool(values) and max(values) <= 1 and any(value % 1 for value in values)
    return SHARES if is_share else PIXELS


def _decide_uses(tables: Sequence[_Candidate]) -> list[TableUse]:
    """Decide the use of each table."""
    usable = [
        candidate
        for candidate in tables
        if candidate.photos and not _is_submission(candidate, tables)
    ]
    exports = [candidate for candidate in usable if candidate.use.is_export]
    labelled = exports[:1] or [candidate for candidate in usable if candidate.has_labels]
    if not exports:
        usable = [_without_guessed_label(candidate, labelled) for candidate in usable]
        labelled = [candidate for candidate in usable if candidate.has_labels]
    used = _without_rivals(labelled)
    unlabelled = [] if exports else [candidate for candidate in usable if not candidate.has_labels]
    uses = {candidate.use.path: _as_used(candidate, used) for candidate in used}
    uses |= {candidate.use.path: _as_used(candidate, used) for candidate in unlabelled}
    return [
        uses.get(candidate.use.path) or _as_unused(candidate, used, tables) for candidate in tables
    ]


def _is_submission(candidate: _Candidate, tables: Sequence[_Candidate]) -> bool:
    name = PurePosixPath(candidate.use.path).name
    return bool(SAMPLE_NAME.search(name) or (SUBMISSION.search(name) and len(tables) > 1))


def _without_rivals(labelled: Sequence[_Candidate]) -> list[_Candidate]:
    """Return tables about different photos; among rivals, the one that names most photos."""
    order = sorted(
        labelled,
        key=lambda candidate: (candidate.use.is_guess, -len(candidate.photos), candidate.use.path),
    )
    used: list[_Candidate] = []
    for candidate in order:
        if not any(_is_rival(candidate, other) for other in used):
            used.append(candidate)
    return sorted(used, key=lambda candidate: candidate.use.path)


def _without_guessed_label(candidate: _Candidate, labelled: Sequence[_Candidate]) -> _Candidate:
    """Return the table, without its label if that is a guess and another table has certain labels
    for the same photos."""
    label = candidate.use.column(LABEL)
    sure = [other for other in labelled if not other.use.is_guess]
    if not candidate.use.is_guess or not any(_is_rival(candidate, other) for other in sure):
        return candidate
    role = GROUP if normalise_name(label) in GROUP_NAMES else KEEP
    use = replace(candidate.use, roles={**candidate.use.roles, label: role}, several="")
    return replace(candidate, use=use, codes=())


def _is_rival(one: _Candidate, other: _Candidate) -> bool:
    shared = len(one.photos & other.photos)
    return shared > SAME * min(len(one.photos), len(other.photos))


def _as_used(candidate: _Candidate, used: Sequence[_Candidate]) -> TableUse:
    use = candidate.use
    if not candidate.has_labels:
        what = "the split" if use.split or use.column(SPLIT) else "extra columns"
        return replace(use, is_used=True, why=f"has {what}")
    why = "has photos and labels"
    if use.is_export:
        why = "was exported by Fieldmark"
    elif use.split and len(used) > 1:
        why = f"has the {use.split} photos and labels"
    return replace(use, is_used=True, why=why)


def _as_unused(
    candidate: _Candidate, used: Sequence[_Candidate], tables: Sequence[_Candidate]
) -> TableUse:
    use = candidate.use
    if _is_submission(candidate, tables):
        why = "a sample submission has no real labels"
        return replace(use, why=why, is_sample=True)
    if rival := next((other for other in used if _is_rival(candidate, other)), None):
        return replace(use, why=f"{rival.use.path} describes the same photos")
    columns = ", ".join(f'"{printable(name)}"' for name in list(use.roles)[:MOST_NAMED])
    if not use.column(PATH):
        return replace(use, why=f"no column names a photo: {columns}")
    return replace(use, why=_explain_absent_photos(use, candidate))


def _explain_absent_photos(use: TableUse, candidate: _Candidate) -> str:
    return (
        f"no photo named in its first {use.rows:,} rows exists here (column "
        f'"{printable(use.column(PATH))}")'
    )


def roles_by_name(use: TableUse, roles: Mapping[str, str]) -> TableUse:
    """Return the table's use with other column roles, as chosen by a person."""
    return replace(use, roles={name: roles.get(name, role) for name, role in use.roles.items()})
