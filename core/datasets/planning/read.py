"""Apply decisions to a listing: each photo gets its label, split, box, group and metadata, or is
ignored for a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from core.datasets.importing import export_table
from core.datasets.importing.entries import (
    ASIDE,
    DROPPED,
    LOOSE,
    NOT_IMAGE,
    TABLE,
    UNDECIDED,
    UNLISTED,
    BadRow,
    Box,
    Layout,
    OnFile,
    PhotoEntry,
    check_classes,
)
from core.datasets.planning import choose, folders, labels, rows
from core.datasets.planning.decisions import (
    BY_FOLDERS,
    BY_TABLES,
    LEFT_OUT,
    NO_LABEL,
    SHARES,
    Decisions,
    TableUse,
)
from core.datasets.planning.listing import Listing
from core.datasets.planning.matching import LostFolders, Match, Photos
from core.datasets.planning.tables import camtrap, candidates, voc
from core.datasets.planning.tables.columns import GROUP, KEEP, LABEL, ONE_HOT
from core.datasets.planning.tables.table import NotATable, Row
from core.errors import UserError
from core.io import cells
from core.io.names import clean_name, printable

LISTED_ERRORS = 5


@dataclass
class _PhotoFacts:
    """What the tables say about one photo. `row` is the first that names it; `has_label` is true if
    a table gives its label, even an empty one."""

    row: str
    label: str = ""
    has_label: bool = False
    is_undecided: bool = False
    split: str = ""
    box: Box | None = None
    in_shares: bool = False
    group: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    exported: PhotoEntry | None = None


def read(listing: Listing, decisions: Decisions, on_file: OnFile = lambda: None) -> Layout:
    """Return the layout that `decisions` give for `listing`.

    Nothing is guessed: the same decisions about the same files give the same layout. Raises
    UserError if no table row can be used, for class names that clash, and for a missing table.
    """
    layout = Layout(decisions.layout, listing.root / decisions.root)
    layout.ignored.add_all(listing.left_out)
    layout.is_export = any(use.is_export for use in decisions.used)
    known = _Tables(listing, decisions, layout, on_file).read()
    for path in listing.photos:
        on_file()
        _add_photo(path, known.get(path), decisions, layout)
    _drop_single_split(layout)
    _count_other_files(listing, decisions, layout)
    if decisions.labels == BY_FOLDERS:
        layout.empty = _find_empty_classes(listing, decisions, layout)
        _name_codes(listing, decisions, layout)
    check_classes(layout)
    if layout.is_export:
        export_table.complete_official_split(layout)
    layout.photos.sort(key=lambda photo: photo.path)
    return layout


class _Tables:
    """Read the used tables, row by row, into facts about each photo."""

    def __init__(
        self, listing: Listing, decisions: Decisions, layout: Layout, on_file: OnFile
    ) -> None:
        self._listing, self._decisions, self._layout = listing, decisions, layout
        self._on_file = on_file
        self._photos = Photos(listing.photos)
        self._known: dict[str, _PhotoFacts] = {}
        self._names: Mapping[str, str] = {}

    def read(self) -> dict[str, _PhotoFacts]:
        used = self._decisions.used
        # Tables with labels first, so that others can't hide one; lists of two splits last.
        for use in sorted(
            used, key=lambda use: (not _has_labels(use), _is_trainval(use), use.path)
        ):
            self._read(use)
        labelled = [use for use in used if _has_labels(use)]
        if labelled and not self._known and self._layout.row_errors:
            names = " and ".join(printable(use.path) for use in labelled)
            first = " ".join(self._layout.row_errors[:LISTED_ERRORS])
            raise UserError(f"No row of {names} can be used. {first}", field="path")
        return self._known

    def _read(self, use: TableUse) -> None:
        try:
            table = candidates.open_table(self._listing, use.path, use)
            self._read_rows(use, table.rows())
        except (NotATable, ValueError) as error:
            raise UserError(
                f"The table {printable(use.path)} can't be read: {error}. Correct it, or "
                "don't use it.",
                field="path",
            ) from error

    def _read_rows(self, use: TableUse, table_rows: Iterator[Row]) -> None:
        """Read each row; rows with folders that do not exist here come last, when it is known which
        folders all rows share."""
        self._names = labels.read_names(self._listing, use.names)
        cell, dropped = choose.photo_cell_reader(use), LostFolders()
        doubtful: list[tuple[Row, Match]] = []
        for row in table_rows:
            self._on_file()
            text = cell(row)
            try:
                match = choose.find_photo(use, text, self._photos)
                dropped.add(text, match)
                if match is None or not match.lost_folders:
                    self._add(use, row, match, text)
                else:
                    doubtful.append((row, match))
            except BadRow as error:
                self._error(use, row, f"{error}.")
        for row, match in doubtful:
            text = cell(row)
            try:
                self._add(use, row, match if dropped.allows(text, match) else None, text)
            except BadRow as error:
                self._error(use, row, f"{error}.")

    def _add(self, use: TableUse, row: Row, match: Match | None, text: str) -> None:
        if row.error:
            raise BadRow(row.error)
        if match is None:
            if use.kind in candidates.PACKAGES:
                self._layout.absent[self._label(use, row)] += 1
                return
            raise BadRow(choose.explain_no_match(text))
        if match.how:
            self._layout.inexact[match.how] += 1
        known = self._known.get(match.path)
        if known and _has_labels(use) and known.has_label:
            raise BadRow(f"{printable(match.path)} already has a row, {known.row}")
        facts = self._read_facts(use, row, match.path)
        self._known[match.path] = _merge(known, facts) if known else facts

    def _label(self, use: TableUse, row: Row) -> str:
        found_labels = labels.read_labels(use, row, self._names)
        return labels.join_labels(found_labels, self._decisions) if found_labels else ""

    def _read_facts(self, use: TableUse, row: Row, path: str) -> _PhotoFacts:
        where = f"row {row.number}" if len(self._decisions.used) == 1 else self._row(use, row)
        if use.is_export:
            exported_photo = export_table.read_row(row.values, path)
            return _PhotoFacts(
                where,
                exported_photo.label,
                True,
                exported=exported_photo,
                metadata=_extra_columns(use, row),
            )
        facts = _PhotoFacts(where, has_label=_has_labels(use), metadata=_extra_columns(use, row))
        found_labels = labels.read_labels(use, row, self._names)
        if found_labels:
            facts.label = labels.join_labels(found_labels, self._decisions)
            facts.is_undecided = not facts.label
        if facts.label:
            facts.label = _clean_label(facts.label)
        facts.split = rows.read_split(use, row)
        try:
            facts.box = rows.read_box(use, row)
        except BadRow as error:
            if use.kind not in candidates.PACKAGES:
                raise
            self._error(use, row, f"{error}; the photo is imported without a box.")
        facts.in_shares = use.box_unit == SHARES
        facts.group = next((row.values[name].strip() for name in use.columns(GROUP)), "")
        return facts

    def _row(self, use: TableUse, row: Row) -> str:
        return f"row {row.number} of {printable(use.path)}"

    def _error(self, use: TableUse, row: Row, text: str) -> None:
        one = len(self._decisions.used) == 1 and use.kind not in candidates.PACKAGES
        where = f"Row {row.number}" if one else f"{printable(use.path)}, row {row.number}"
        if "image" in row.values and use.kind in candidates.PACKAGES:
            where = f"{printable(use.path)}, image {printable(row.values['image'])}"
        self._layout.add_row_error(f"{where}: {text}")


def _merge(known: _PhotoFacts, added: _PhotoFacts) -> _PhotoFacts:
    """Merge what two tables say about one photo; the one read first takes precedence."""
    return replace(
        known,
        label=known.label or added.label,
        has_label=known.has_label or added.has_label,
        split=known.split or added.split,
        box=known.box or added.box,
        in_shares=known.in_shares if known.box else added.in_shares,
        group=known.group or added.group,
        metadata={**added.metadata, **known.metadata},
    )


def _is_trainval(use: TableUse) -> bool:
    return "trainval" in use.path.rpartition("/")[2].casefold()


def _has_labels(use: TableUse) -> bool:
    return LABEL in use.roles.values() or ONE_HOT in use.roles.values()


def _extra_columns(use: TableUse, row: Row) -> dict[str, str]:
    values = {name: row.values.get(name, "").strip() for name in use.columns(KEEP)}
    if use.is_export:
        values = {name: cells.as_it_was(value) for name, value in values.items()}
    return {name: value for name, value in values.items() if value}


def _clean_label(label: str) -> str:
    try:
        return clean_name(label, "class name")
    except UserError as error:
        raise BadRow(str(error).rstrip(".")) from error


def _add_photo(path: str, known: _PhotoFacts | None, decisions: Decisions, layout: Layout) -> None:
    """Add a photo to the layout, or count why it is ignored."""
    root = decisions.root
    if root and not path.startswith(f"{root}/"):
        layout.ignored.add(LOOSE, path)
        return
    levels, split, role = folders.read_levels(path, root, decisions.folders)
    if role == LEFT_OUT:
        layout.ignored.add(ASIDE, path)
        return
    label, why = _find_label(levels, known, decisions, is_unlabelled=role == NO_LABEL)
    if label and label in decisions.renamed:
        label = decisions.renamed[label]
        why = "" if label else DROPPED
    if why:
        layout.ignored.add(why, path)
        return
    below = path[len(root) + 1 :] if root else path
    if known is not None and known.exported is not None:
        layout.photos.append(replace(known.exported, path=below, metadata=known.metadata))
        return
    known = known or _PhotoFacts("")
    layout.photos.append(
        PhotoEntry(
            below,
            label,
            (known.split or split) if label and decisions.use_split else "",
            known.box,
            in_shares=known.in_shares,
            group=known.group or _group_of_folders(levels, decisions),
            metadata={**_level_metadata(levels, decisions), **known.metadata},
        )
    )


def _find_label(
    levels: tuple[str, ...], known: _PhotoFacts | None, decisions: Decisions, is_unlabelled: bool
) -> tuple[str, str]:
    """Return a photo's label and '', or '' and the reason to ignore the photo."""
    if decisions.labels == BY_TABLES:
        if known is not None and known.is_undecided:
            return "", UNDECIDED
        if known is not None:
            return known.label, ""  # a row without a label means that the label is unknown
        return "", "" if is_unlabelled or decisions.unlisted == NO_LABEL else UNLISTED
    if decisions.labels != BY_FOLDERS or is_unlabelled:
        return "", ""
    at = decisions.class_level
    if levels and (at < 0 or at < len(levels)):
        return levels[at], ""
    return "", "" if decisions.loose == NO_LABEL else LOOSE


def _level_metadata(levels: tuple[str, ...], decisions: Decisions) -> dict[str, str]:
    """Return the folders of a photo that are kept as metadata; its class folder is not."""
    if not decisions.levels:
        return {}
    at = -1
    if decisions.labels == BY_FOLDERS:
        at = decisions.class_level % max(len(levels), 1)
    return {
        name: level
        for number, (name, level) in enumerate(zip(decisions.levels, levels, strict=False))
        if name and number != at
    }


def _group_of_folders(levels: tuple[str, ...], decisions: Decisions) -> str:
    """Return the folders that form a group, such as a camera site and a night."""
    at = decisions.group_level
    return "/".join(levels[: at + 1]) if 0 <= at < len(levels) else ""


def _drop_single_split(layout: Layout) -> None:
    """Remove the split if all photos are in one part of it."""
    if len({photo.official for photo in layout.photos} - {""}) == 1:
        layout.photos = [replace(photo, official="") for photo in layout.photos]


def _count_other_files(listing: Listing, decisions: Decisions, layout: Layout) -> None:
    read_here = {use.path for use in decisions.used} | {use.names for use in decisions.used}
    read_here.add(decisions.names)
    for path in listing.others:
        is_part = any(_is_part(path, use) for use in decisions.used)
        layout.ignored.add(TABLE if path in read_here or is_part else NOT_IMAGE, path)


def _is_part(path: str, use: TableUse) -> bool:
    """Return whether a file is part of a table that consists of many files."""
    if use.kind == voc.KIND and path.casefold().endswith(".xml"):
        return True
    folder, _, name = path.rpartition("/")
    is_camtrap = use.kind == camtrap.KIND and folder == use.base
    return (is_camtrap and name in (*camtrap.FILES, camtrap.FILE)) or path.startswith(
        f"{use.path}/"
    )


def _name_codes(listing: Listing, decisions: Decisions, layout: Layout) -> None:
    names = labels.read_names(listing, decisions.names)
    if names:
        layout.empty = [labels.name_of(code, names) for code in layout.empty]
        layout.photos = [
            replace(photo, label=labels.name_of(photo.label, names)) for photo in layout.photos
        ]


def _find_empty_classes(listing: Listing, decisions: Decisions, layout: Layout) -> list[str]:
    """Return the class folders without photos."""
    full = {photo.label for photo in layout.photos}
    names = set()
    for folder in listing.folders:
        if decisions.root and not folder.startswith(f"{decisions.root}/"):
            continue
        levels, _, role = folders.read_levels(f"{folder}/x", decisions.root, decisions.folders)
        is_class = bool(levels) and decisions.class_level == 0 and len(levels) == 1
        if is_class and not role and folder not in decisions.folders:
            names.add(levels[0])
    return sorted(names - full)
