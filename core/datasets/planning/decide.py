"""Decide how a listing is imported. All guessing happens here."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath

from core.datasets.importing.entries import BadRow
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

# A table with a smaller share of the photos does not override class folders.
FEW = 0.1
# Suffixes of certain tables; other text files may be anything.
TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".manifest")


def decide(listing: Listing) -> Decisions:
    """Return the most likely interpretation of a listing; a person may change any part of it.

    Raises UserError for a published dataset whose tables are damaged.
    """
    photos = Photos(listing.photos)
    uses = choose.choose_tables(listing, photos)
    meaning = folders.recognise(listing.photos, listing.folders)
    uses = tuple(
        _without_guessed_label(_without_rare_labels(use, listing, meaning), meaning) for use in uses
    )
    if any(_has_labels(use) for use in uses if use.is_used):
        return _decide_by_tables(listing, photos, uses, meaning)
    return _decide_by_folders(listing, uses, meaning)


def _has_labels(use: TableUse) -> bool:
    return LABEL in use.roles.values() or ONE_HOT in use.roles.values()


def _without_rare_labels(use: TableUse, listing: Listing, meaning: Folders) -> TableUse:
    """Return the table; unused if it labels only a few of many photos in class folders."""
    is_whole = use.rows < choose.SAMPLE
    has_classes = meaning.class_level is not None and not use.is_export
    if use.is_used and _has_labels(use) and has_classes and is_whole:
        total = len(listing.photos)
        if use.matched < FEW * total and use.kind not in candidates.PACKAGES:
            why = f"it names only {use.matched:,} of {total:,} photos, which are in class folders"
            return replace(use, is_used=False, why=why)
    return use


def _without_guessed_label(use: TableUse, meaning: Folders) -> TableUse:
    """Return the table; without a label if its column is a guess and folders name classes."""
    label = use.column(LABEL)
    if not (use.is_used and use.is_guess and label and meaning.class_level is not None):
        return use
    roles = {**use.roles, label: KEEP}
    why = "has extra columns"
    return replace(use, roles=roles, doubtful=(label, *use.doubtful), why=why, several="")


def _decide_by_tables(
    listing: Listing, photos: Photos, uses: tuple[TableUse, ...], meaning: Folders
) -> Decisions:
    used = [use for use in uses if use.is_used]
    first = next(use for use in used if _has_labels(use))
    roles = dict(meaning.roles)
    test_folders = {path.rpartition("/")[0] for path in listing.photos}
    test_folders = {folder for folder in test_folders if _is_of_test(folder)}
    named = _find_named_folders(listing, photos, used) if test_folders else set()
    for folder in test_folders - named:
        roles[_highest_unnamed(folder, named)] = NO_LABEL
    return Decisions(
        layout=_describe_layout(used),
        why=_explain(used),
        root=_find_root(listing, used),
        labels=BY_TABLES,
        tables=uses,
        folders={folder: role for folder, role in roles.items() if role in (*SPLITS, NO_LABEL)},
        levels=(),
        names=first.names,
    )


def _describe_layout(used: list[TableUse]) -> str:
    first = next(use for use in used if _has_labels(use))
    if first.kind == cub_tables.KIND:
        return first.kind
    names = ", ".join(use.path.rpartition("/")[2] for use in used if _has_labels(use))
    if first.kind in ("table", "Parquet table") or first.is_export:
        return f"Table of labels ({names})"
    return f"{first.kind[:1].upper()}{first.kind[1:]} ({names})"


def _explain(used: list[TableUse]) -> str:
    return "; ".join(f"{use.path} {use.why}" for use in used)


def _find_named_folders(listing: Listing, photos: Photos, used: list[TableUse]) -> set[str]:
    """Return the folders of all photos that the tables name; reads every row."""
    named = set()
    for use in used:
        cell = choose.photo_cell_reader(use)
        # Damaged later lines are reported when the table is read.
        with suppress(NotATable):
            for row in candidates.open_table(listing, use.path, use).rows():
                with suppress(BadRow):
                    if match := choose.find_photo(use, cell(row), photos):
                        named.add(match.path.rpartition("/")[0])
    return named


def _is_of_test(folder: str) -> bool:
    """Return whether a folder's name means test photos or unlabelled photos."""
    parts = folder.split("/")
    return any(
        folders.find_split_word(part) == "test" or part.casefold() in folders.UNLABELLED
        for part in parts
    )


def _highest_unnamed(folder: str, named: set[str]) -> str:
    """Return the highest folder above this one without photos that a table names."""
    top = folder
    while "/" in top:
        above = top.rpartition("/")[0]
        if any(other == above or other.startswith(f"{above}/") for other in named):
            return top
        top = above
    return top


def _find_root(listing: Listing, used: list[TableUse]) -> str:
    """Return the folder that contains the tables and the photos."""
    first = next(use for use in used if _has_labels(use))
    if first.kind == cub_tables.KIND:
        return first.base
    places = {path.rpartition("/")[0] for path in listing.photos}
    places |= {use.path.rpartition("/")[0] for use in used}
    return os.path.commonpath(places) if "" not in places else ""


def _decide_by_folders(listing: Listing, uses: tuple[TableUse, ...], meaning: Folders) -> Decisions:
    has_splits = any(role in SPLITS for role in meaning.roles.values())
    if meaning.class_level is None:
        _require_readable_tables(uses)
        layout, why = "Photos without labels", "no folder or table gives labels"
        level, source = 0, UNLABELLED
    else:
        layout = "Split folders" if has_splits else "Class folders"
        why = "each folder is a class"
        level, source = meaning.class_level, BY_FOLDERS
    decisions = Decisions(
        layout=layout,
        why=why,
        root=meaning.root,
        labels=source,
        tables=uses,
        folders=meaning.roles,
        class_level=level,
        levels=meaning.levels,
        group_level=meaning.group_level,
        loose=NO_LABEL if source == UNLABELLED else "leave out",
    )
    return replace(decisions, names=_find_names_file(listing, decisions))


def _require_readable_tables(uses: tuple[TableUse, ...]) -> None:
    """Raise UserError if a table would be the only source of labels but can't be used."""
    if any(use.is_used for use in uses):
        return
    for use in uses:
        if not use.is_sample and PurePosixPath(use.path).suffix.casefold() in TABLES:
            raise UserError(
                f"No folder gives labels, and the table {printable(use.path)} can't be used: "
                f"{use.why}. Correct the table, or remove it to import the photos without labels.",
                field="path",
            )


def _find_names_file(listing: Listing, decisions: Decisions) -> str:
    """Return the file that names the classes of numbered folders, or ''."""
    if decisions.labels != BY_FOLDERS:
        return ""
    files = labels.find_name_files(listing)
    codes = {
        levels[decisions.class_level]
        for path in listing.photos
        if (levels := folders.read_levels(path, decisions.root, decisions.folders)[0])
        and -len(levels) <= decisions.class_level < len(levels)
    }
    if not files or not codes or not all(code.isdigit() for code in codes):
        return ""
    return labels.find_naming_file(sorted(codes), files)
