"""What was decided, carried out: every photo of a listing with its label, split, box, group and
metadata, or counted under a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from core.datasets.importing import exported
from core.datasets.importing.found import (
    ASIDE,
    DROPPED,
    LOOSE,
    NOT_IMAGE,
    TABLE,
    UNDECIDED,
    UNLISTED,
    BadRow,
    Box,
    Found,
    Layout,
    OnFile,
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
from core.datasets.planning.matching import Dropped, Match, Photos
from core.datasets.planning.tables import camtrap, candidates, voc
from core.datasets.planning.tables.columns import GROUP, KEEP, LABEL, ONE_HOT
from core.datasets.planning.tables.table import NotATable, Row
from core.errors import UserError
from core.io import cells
from core.io.names import clean_name, printable

LISTED_ERRORS = 5


@dataclass
class _Known:
    """What the tables say of one photo. `row` is the first that names it; `has_label` that its
    label is said by a table, be it that nobody knows it."""

    row: str
    label: str = ""
    has_label: bool = False
    is_undecided: bool = False
    split: str = ""
    box: Box | None = None
    in_shares: bool = False
    group: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    found: Found | None = None


def read(listing: Listing, decisions: Decisions, on_file: OnFile = lambda: None) -> Layout:
    """The photos of `listing` as `decisions` say.

    Nothing is guessed: the same decisions about the same files give the same layout. Raises
    UserError where no row of the tables can be used, for class names that clash, and for a table
    that is gone.
    """
    layout = Layout(decisions.layout, listing.root / decisions.root)
    layout.ignored.take(listing.left_out)
    layout.is_export = any(use.is_export for use in decisions.used)
    known = _Tables(listing, decisions, layout, on_file).read()
    for path in listing.photos:
        on_file()
        _place(path, known.get(path), decisions, layout)
    _one_split_is_none(layout)
    _count_others(listing, decisions, layout)
    if decisions.labels == BY_FOLDERS:
        layout.empty = _empty(listing, decisions, layout)
        _name_codes(listing, decisions, layout)
    check_classes(layout)
    if layout.is_export:
        exported.complete(layout)
    layout.found.sort(key=lambda found: found.path)
    return layout


class _Tables:
    """The tables that are used, read row by row into what is known of each photo."""

    def __init__(
        self, listing: Listing, decisions: Decisions, layout: Layout, on_file: OnFile
    ) -> None:
        self._listing, self._decisions, self._layout = listing, decisions, layout
        self._on_file = on_file
        self._photos = Photos(listing.photos)
        self._known: dict[str, _Known] = {}
        self._names: Mapping[str, str] = {}

    def read(self) -> dict[str, _Known]:
        used = self._decisions.used
        # Labels first: a table that adds to them must not hide one; a list of two parts last.
        for use in sorted(used, key=lambda use: (not _has_labels(use), _is_both(use), use.path)):
            self._read(use)
        labelled = [use for use in used if _has_labels(use)]
        if labelled and not self._known and self._layout.row_errors:
            names = " and ".join(printable(use.path) for use in labelled)
            first = " ".join(self._layout.row_errors[:LISTED_ERRORS])
            raise UserError(f"No row of {names} can be used. {first}", field="path")
        return self._known

    def _read(self, use: TableUse) -> None:
        try:
            table = candidates.opened(self._listing, use.path, use)
            self._read_rows(use, table.rows())
        except (NotATable, ValueError) as error:
            raise UserError(
                f"The table {printable(use.path)} can't be read: {error}. Mend it, or leave it "
                "out.",
                field="path",
            ) from error

    def _read_rows(self, use: TableUse, found: Iterator[Row]) -> None:
        """Each row as it comes; those whose photo lies in another folder than they say last, when
        it is known which folders all of them lost."""
        self._names = labels.names_in(self._listing, use.names)
        cell, dropped = choose.cell_of(use), Dropped()
        doubtful: list[tuple[Row, Match]] = []
        for row in found:
            self._on_file()
            text = cell(row)
            try:
                match = choose.match(use, text, self._photos)
                dropped.add(text, match)
                if match is None or not match.dropped:
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
            raise BadRow(choose.why_none(text))
        if match.how:
            self._layout.otherwise[match.how] += 1
        known = self._known.get(match.path)
        if known and _has_labels(use) and known.has_label:
            raise BadRow(f"{printable(match.path)} has a row already, {known.row}")
        made = self._made(use, row, match.path)
        self._known[match.path] = _merged(known, made) if known else made

    def _label(self, use: TableUse, row: Row) -> str:
        found = labels.labels_of(use, row, self._names)
        return labels.joined(found, self._decisions) if found else ""

    def _made(self, use: TableUse, row: Row, path: str) -> _Known:
        where = f"row {row.number}" if len(self._decisions.used) == 1 else self._row(use, row)
        if use.is_export:
            found = exported.found(row.values, path)
            return _Known(where, found.label, True, found=found, metadata=_kept(use, row))
        made = _Known(where, has_label=_has_labels(use), metadata=_kept(use, row))
        found_labels = labels.labels_of(use, row, self._names)
        if found_labels:
            made.label = labels.joined(found_labels, self._decisions)
            made.is_undecided = not made.label
        if made.label:
            made.label = _clean(made.label)
        made.split = rows.split_of(use, row)
        try:
            made.box = rows.box_of_row(use, row)
        except BadRow as error:
            if use.kind not in candidates.PACKAGES:
                raise
            self._error(use, row, f"{error}; the photo is used without one.")
        made.in_shares = use.box_unit == SHARES
        made.group = next((row.values[name].strip() for name in use.columns(GROUP)), "")
        return made

    def _row(self, use: TableUse, row: Row) -> str:
        return f"row {row.number} of {printable(use.path)}"

    def _error(self, use: TableUse, row: Row, text: str) -> None:
        one = len(self._decisions.used) == 1 and use.kind not in candidates.PACKAGES
        where = f"Row {row.number}" if one else f"{printable(use.path)}, row {row.number}"
        if "image" in row.values and use.kind in candidates.PACKAGES:
            where = f"{printable(use.path)}, image {printable(row.values['image'])}"
        self._layout.add_row_error(f"{where}: {text}")


def _merged(known: _Known, made: _Known) -> _Known:
    """What two tables say of one photo; the one that was read first is believed."""
    return replace(
        known,
        label=known.label or made.label,
        has_label=known.has_label or made.has_label,
        split=known.split or made.split,
        box=known.box or made.box,
        in_shares=known.in_shares if known.box else made.in_shares,
        group=known.group or made.group,
        metadata={**made.metadata, **known.metadata},
    )


def _is_both(use: TableUse) -> bool:
    return "trainval" in use.path.rpartition("/")[2].casefold()


def _has_labels(use: TableUse) -> bool:
    return LABEL in use.roles.values() or ONE_HOT in use.roles.values()


def _kept(use: TableUse, row: Row) -> dict[str, str]:
    found = {name: row.values.get(name, "").strip() for name in use.columns(KEEP)}
    if use.is_export:
        found = {name: cells.as_it_was(value) for name, value in found.items()}
    return {name: value for name, value in found.items() if value}


def _clean(label: str) -> str:
    try:
        return clean_name(label, "class name")
    except UserError as error:
        raise BadRow(str(error).rstrip(".")) from error


def _place(path: str, known: _Known | None, decisions: Decisions, layout: Layout) -> None:
    """Adds a photo to the layout, or counts why it is left out."""
    root = decisions.root
    if root and not path.startswith(f"{root}/"):
        layout.ignored.add(LOOSE, path)
        return
    levels, split, role = folders.levels_of(path, root, decisions.folders)
    if role == LEFT_OUT:
        layout.ignored.add(ASIDE, path)
        return
    label, why = _label_of(levels, known, decisions, is_unlabelled=role == NO_LABEL)
    if label and label in decisions.renamed:
        label = decisions.renamed[label]
        why = "" if label else DROPPED
    if why:
        layout.ignored.add(why, path)
        return
    below = path[len(root) + 1 :] if root else path
    if known is not None and known.found is not None:
        layout.found.append(replace(known.found, path=below, metadata=known.metadata))
        return
    known = known or _Known("")
    layout.found.append(
        Found(
            below,
            label,
            (known.split or split) if label and decisions.use_split else "",
            known.box,
            in_shares=known.in_shares,
            group=known.group or _group(levels, decisions),
            metadata={**_levels(levels, decisions), **known.metadata},
        )
    )


def _label_of(
    levels: tuple[str, ...], known: _Known | None, decisions: Decisions, is_unlabelled: bool
) -> tuple[str, str]:
    """A photo's label, or the reason why it is left out."""
    if decisions.labels == BY_TABLES:
        if known is not None and known.is_undecided:
            return "", UNDECIDED
        if known is not None:
            return known.label, ""  # a table that names it without a label says that nobody knows
        return "", "" if is_unlabelled or decisions.unlisted == NO_LABEL else UNLISTED
    if decisions.labels != BY_FOLDERS or is_unlabelled:
        return "", ""
    at = decisions.class_level
    if levels and (at < 0 or at < len(levels)):
        return levels[at], ""
    return "", "" if decisions.loose == NO_LABEL else LOOSE


def _levels(levels: tuple[str, ...], decisions: Decisions) -> dict[str, str]:
    """The folders of a photo that are kept, under their names; its class is its label."""
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


def _group(levels: tuple[str, ...], decisions: Decisions) -> str:
    """The folders down to the one that groups: photos of one night at one place are one group."""
    at = decisions.group_level
    return "/".join(levels[: at + 1]) if 0 <= at < len(levels) else ""


def _one_split_is_none(layout: Layout) -> None:
    """Photos that all lie in train were not split."""
    if len({found.official for found in layout.found} - {""}) == 1:
        layout.found = [replace(found, official="") for found in layout.found]


def _count_others(listing: Listing, decisions: Decisions, layout: Layout) -> None:
    read_here = {use.path for use in decisions.used} | {use.names for use in decisions.used}
    read_here.add(decisions.names)
    for path in listing.others:
        is_part = any(_is_part(path, use) for use in decisions.used)
        layout.ignored.add(TABLE if path in read_here or is_part else NOT_IMAGE, path)


def _is_part(path: str, use: TableUse) -> bool:
    """Whether a file is one of the many that make a table."""
    if use.kind == voc.KIND and path.casefold().endswith(".xml"):
        return True
    folder, _, name = path.rpartition("/")
    is_camtrap = use.kind == camtrap.KIND and folder == use.base
    return (is_camtrap and name in (*camtrap.FILES, camtrap.FILE)) or path.startswith(
        f"{use.path}/"
    )


def _name_codes(listing: Listing, decisions: Decisions, layout: Layout) -> None:
    names = labels.names_in(listing, decisions.names)
    if names:
        layout.empty = [labels.named(code, names) for code in layout.empty]
        layout.found = [
            replace(found, label=labels.named(found.label, names)) for found in layout.found
        ]


def _empty(listing: Listing, decisions: Decisions, layout: Layout) -> list[str]:
    """Folders where a class would be, with no photo anywhere below."""
    full = {found.label for found in layout.found}
    names = set()
    for folder in listing.folders:
        if decisions.root and not folder.startswith(f"{decisions.root}/"):
            continue
        levels, _, role = folders.levels_of(f"{folder}/x", decisions.root, decisions.folders)
        is_class = bool(levels) and decisions.class_level == 0 and len(levels) == 1
        if is_class and not role and folder not in decisions.folders:
            names.add(levels[0])
    return sorted(names - full)
