"""From a listing to decisions: the only place where an import guesses."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath

from core.datasets.importing.found import BadRow
from core.datasets.planning import choose, folders, labels
from core.datasets.planning.decisions import (
    BY_FOLDERS,
    BY_TABLES,
    NO_LABEL,
    SPLITS,
    UNLABELLED,
    Decisions,
    TableUse,
)
from core.datasets.planning.folders import Folders
from core.datasets.planning.listing import Listing
from core.datasets.planning.matching import Photos
from core.datasets.planning.tables import candidates, cub_tables
from core.datasets.planning.tables.columns import KEEP, LABEL, ONE_HOT
from core.datasets.planning.tables.table import NotATable
from core.errors import UserError
from core.io.names import printable

# A table that names a smaller share of the photos does not outweigh folders of classes.
FEW = 0.1
# Files that are there to be tables; other text may be anything.
TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".manifest")


def decide(listing: Listing) -> Decisions:
    """The most likely meaning of what lies there; a person may change each part of it.

    Raises UserError for a published dataset whose tables are damaged.
    """
    photos = Photos(listing.photos)
    uses = choose.tables(listing, photos)
    found = folders.understood(listing.photos, listing.folders)
    uses = tuple(_unless_guessed(_unless_few(use, listing, found), found) for use in uses)
    if any(_labels(use) for use in uses if use.is_used):
        return _by_tables(listing, photos, uses, found)
    return _by_folders(listing, uses, found)


def _labels(use: TableUse) -> bool:
    return LABEL in use.roles.values() or ONE_HOT in use.roles.values()


def _unless_few(use: TableUse, listing: Listing, found: Folders) -> TableUse:
    """The table; unused where it labels a few photos of many that lie in folders of classes."""
    is_whole = use.rows < choose.SAMPLE
    has_classes = found.class_level is not None and not use.is_export
    if use.is_used and _labels(use) and has_classes and is_whole:
        total = len(listing.photos)
        if use.matched < FEW * total and use.kind not in candidates.PACKAGES:
            why = f"it names only {use.matched:,} of the {total:,} photos, which lie in folders"
            return replace(use, is_used=False, why=why)
    return use


def _unless_guessed(use: TableUse, found: Folders) -> TableUse:
    """The table; without a label where its column has no name of one and folders name classes."""
    label = use.column(LABEL)
    if not (use.is_used and use.is_guess and label and found.class_level is not None):
        return use
    roles = {**use.roles, label: KEEP}
    why = "it gives more about the photos"
    return replace(use, roles=roles, doubtful=(label, *use.doubtful), why=why, several="")


def _by_tables(
    listing: Listing, photos: Photos, uses: tuple[TableUse, ...], found: Folders
) -> Decisions:
    used = [use for use in uses if use.is_used]
    first = next(use for use in used if _labels(use))
    roles = dict(found.roles)
    tested = {path.rpartition("/")[0] for path in listing.photos}
    tested = {folder for folder in tested if _is_of_test(folder)}
    named = _folders_named(listing, photos, used) if tested else set()
    for folder in tested - named:
        roles[_top(folder, named)] = NO_LABEL
    return Decisions(
        layout=_layout(used),
        why=_why(used),
        root=_root(listing, used),
        labels=BY_TABLES,
        tables=uses,
        folders={folder: role for folder, role in roles.items() if role in (*SPLITS, NO_LABEL)},
        levels=(),
        names=first.names,
    )


def _layout(used: list[TableUse]) -> str:
    first = next(use for use in used if _labels(use))
    if first.kind == cub_tables.KIND:
        return first.kind
    names = ", ".join(use.path.rpartition("/")[2] for use in used if _labels(use))
    if first.kind in ("table", "Parquet table") or first.is_export:
        return f"table of labels ({names})"
    return f"{first.kind} ({names})"


def _why(used: list[TableUse]) -> str:
    return "; ".join(f"{use.path}: {use.why}" for use in used)


def _folders_named(listing: Listing, photos: Photos, used: list[TableUse]) -> set[str]:
    """The folders of the photos that the tables name, all of their rows read."""
    found = set()
    for use in used:
        cell = choose.cell_of(use)
        # A later line that is damaged is named when the table is read.
        with suppress(NotATable):
            for row in candidates.opened(listing, use.path, use).rows():
                with suppress(BadRow):
                    if match := choose.match(use, cell(row), photos):
                        found.add(match.path.rpartition("/")[0])
    return found


def _is_of_test(folder: str) -> bool:
    """Whether a folder's name says that its photos are the ones to be named, or have no name."""
    parts = folder.split("/")
    return any(
        folders.split_word(part) == "test" or part.casefold() in folders.UNLABELLED
        for part in parts
    )


def _top(folder: str, named: set[str]) -> str:
    """The highest folder above this one that holds no photo that a table names."""
    top = folder
    while "/" in top:
        above = top.rpartition("/")[0]
        if any(other == above or other.startswith(f"{above}/") for other in named):
            return top
        top = above
    return top


def _root(listing: Listing, used: list[TableUse]) -> str:
    """The folder that holds the tables and the photos."""
    first = next(use for use in used if _labels(use))
    if first.kind == cub_tables.KIND:
        return first.base
    places = {path.rpartition("/")[0] for path in listing.photos}
    places |= {use.path.rpartition("/")[0] for use in used}
    return os.path.commonpath(places) if "" not in places else ""


def _by_folders(listing: Listing, uses: tuple[TableUse, ...], found: Folders) -> Decisions:
    has_splits = any(role in SPLITS for role in found.roles.values())
    if found.class_level is None:
        _require_no_broken_table(uses)
        layout, why = "photos without labels", "no folder and no table says what they show"
        level, source = 0, UNLABELLED
    else:
        layout = "split folders" if has_splits else "class folders"
        why = "each folder of photos is a class"
        level, source = found.class_level, BY_FOLDERS
    decisions = Decisions(
        layout=layout,
        why=why,
        root=found.root,
        labels=source,
        tables=uses,
        folders=found.roles,
        class_level=level,
        levels=found.levels,
        group_level=found.group_level,
        loose=NO_LABEL if source == UNLABELLED else "leave out",
    )
    return replace(decisions, names=_names(listing, decisions))


def _require_no_broken_table(uses: tuple[TableUse, ...]) -> None:
    """UserError where nothing else says what the photos show, and a table would if it could be
    used."""
    if any(use.is_used for use in uses):
        return
    for use in uses:
        if not use.is_sample and PurePosixPath(use.path).suffix.casefold() in TABLES:
            raise UserError(
                f"No folder says what the photos show, and the table {printable(use.path)} can't "
                f"be used: {use.why}. Mend it, or move it away to bring the photos in "
                "without labels.",
                field="path",
            )


def _names(listing: Listing, decisions: Decisions) -> str:
    """The file that names folders that are numbers."""
    if decisions.labels != BY_FOLDERS:
        return ""
    files = labels.name_files(listing)
    codes = {
        levels[decisions.class_level]
        for path in listing.photos
        if (levels := folders.levels_of(path, decisions.root, decisions.folders)[0])
        and -len(levels) <= decisions.class_level < len(levels)
    }
    if not files or not codes or not all(code.isdigit() for code in codes):
        return ""
    return labels.naming(sorted(codes), files)
