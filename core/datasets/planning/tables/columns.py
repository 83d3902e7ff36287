"""Assign roles to the columns of a table by their names and contents."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.datasets.planning.matching import Ambiguous, Photos, is_photo
from core.datasets.planning.tables import split_words
from core.datasets.planning.tables.column_names import (
    FILE_NAMES,
    FOLDER_NAMES,
    GROUP_NAMES,
    LABEL_ENDINGS,
    LABEL_NAMES,
    PATH_NAMES,
    RANKS,
    SPLIT_NAMES,
    WEAK_LABEL_NAMES,
)
from core.datasets.planning.tables.table import Row, Table

PATH, FOLDER, LABEL, SPLIT, GROUP = "path", "folder", "label", "split", "group"
ONE_HOT, KEEP, IGNORE = "one-hot", "keep", "ignore"
BOX_ROLES = tuple(f"box_{part}" for part in ("x", "y", "width", "height", "right", "bottom"))
BOX_LIST, BOX_CENTRE_X, BOX_CENTRE_Y = "box", "box_centre_x", "box_centre_y"
ROLES = (
    *(PATH, FOLDER, LABEL, SPLIT, GROUP, ONE_HOT, KEEP, IGNORE),
    *(*BOX_ROLES, BOX_LIST, BOX_CENTRE_X, BOX_CENTRE_Y),
)

BOXES = (
    ("box_x", "box_y", "box_width", "box_height"),
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"),
    ("bboxx", "bboxy", "bboxwidth", "bboxheight"),
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("left", "top", "width", "height"),
    ("bb_x", "bb_y", "bb_w", "bb_h"),
)
CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
    ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"),
    ("bb_x1", "bb_y1", "bb_x2", "bb_y2"),
    ("left", "top", "right", "bottom"),
)
CENTRES = (
    ("x_center", "y_center", "width", "height"),
    ("x_centre", "y_centre", "width", "height"),
    ("xc", "yc", "w", "h"),
    ("cx", "cy", "w", "h"),
)
LISTS = ("bbox", "box", "bounding_box")

# Names of columns whose numbers can be names of photos.
NUMBERING = re.compile(
    r"id(_|$)|code|num|no$|nr$|photo|picture|foto|bild|im(a)?ge?|file|name|key|index|column|slide|uu"
)
# A column with at least this share of cells that name a photo is the photo column.
NAMES_PHOTOS = 0.5
# Added to that share for a usual name, because numbers match some photos by chance.
USUAL = 0.3
# A cell that matches several photos counts half: with a folder it may match one.
AMBIGUOUS = 0.5
# The share of cells that must be split words in a column with a usual name.
USUAL_SPLIT = 0.5
# Labels repeat: at most this share of the values is distinct.
REPEATS = 0.5
MIN_ROWS = 6
# Values of one-hot cells, and the share of rows that must have exactly one class.
ONES = frozenset({"1", "1.0", "true", "yes", "x"})
YES_OR_NO = frozenset({*ONES, "", "0", "0.0", "-1", "-1.0", "false", "no"})
ONE_HOT_ROWS = 0.5


@dataclass(frozen=True)
class Roles:
    """The roles of columns by name. `doubtful` lists other possible label columns, `matched` is the
    share of sampled rows that name a photo, and `is_guess` is true if the label column has an
    unusual name."""

    of: Mapping[str, str]
    matched: float = 0.0
    doubtful: tuple[str, ...] = ()
    is_guess: bool = False

    def has(self, role: str) -> bool:
        return role in self.of.values()


def normalise_name(name: str) -> str:
    """Return a column's name in the form of the lists in column_names: `Image Path`, `imagePath`
    and `image-path` become image_path."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"\W+", "_", split.casefold()).strip("_")


def assign_roles(table: Table, sample: Sequence[Row], photos: Photos, base: str) -> Roles:
    """Return the roles of the columns, from their names and first rows; `base` is the folder that
    the table's paths may start from."""
    if table.roles:
        path = next((name for name, role in table.roles.items() if role == PATH), "")
        return Roles(table.roles, _share_of_photos(sample, path, photos, base))
    names = {normalise_name(name): name for name in reversed(table.columns)}
    flat = {re.sub(r"_", "", name): column for name, column in names.items()}
    single = {name.removesuffix("s"): column for name, column in names.items()}
    known = {**single, **flat, **names}
    of = dict.fromkeys(table.columns, KEEP)
    matched = _assign_path(of, known, sample, photos, base)
    _assign_box(of, known, sample)
    _assign_split(of, known, sample)
    doubtful = _assign_label(of, known, sample)
    if LABEL not in of.values():
        for column in _find_one_hot(of, sample):
            of[column] = ONE_HOT
    _assign(of, known, GROUP_NAMES, GROUP, sample, _has_repeats)
    label = next((name for name, role in of.items() if role == LABEL), "")
    usual = {known.get(name) for name in (*LABEL_NAMES, *WEAK_LABEL_NAMES)}
    is_guess = bool(label) and label not in usual
    return Roles(of, matched, doubtful, is_guess)


def _assign_path(
    of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row], photos: Photos, base: str
) -> float:
    """Assign the photo column by its cells, preferring usual names, and a folder column if only
    both together name photos. Return the share of rows that name a photo."""
    shares = {
        column: _share_of_photos(sample, column, photos, base) if _may_name(sample, column) else 0.0
        for column in of
    }
    usual = [known[name] for name in PATH_NAMES if name in known]
    order = [*dict.fromkeys(usual), *(column for column in of if column not in usual)]
    both = _find_folder_and_file(known, sample, photos, base)
    best = max(
        order,
        key=lambda column: (
            shares[column] + USUAL * (column in usual) + USUAL * _holds_files(sample, column),
            -order.index(column),
        ),
        default="",
    )
    if both and both[2] > shares.get(best, 0.0):
        of[both[0]], of[both[1]] = FOLDER, PATH
        return both[2]
    if best and (shares[best] >= NAMES_PHOTOS or (shares[best] > 0 and best in usual)):
        of[best] = PATH
        return shares[best]
    # No photo matches: only the name tells which column it would be.
    if usual:
        of[usual[0]] = PATH
    return 0.0


def _may_name(sample: Sequence[Row], column: str) -> bool:
    """Return whether a column may name photos: counts and prices match some by chance."""
    name = normalise_name(column)
    return bool(NUMBERING.search(name)) or not name.isascii() or not _is_number(sample, column)


def _holds_files(sample: Sequence[Row], column: str) -> bool:
    filled = [row.values[column] for row in sample if row.values[column].strip()]
    return bool(filled) and all(map(is_photo, filled))


def _is_number(sample: Sequence[Row], column: str) -> bool:
    return all(parse_number(row.values[column]) is not None for row in sample if row.values[column])


def _find_folder_and_file(
    known: Mapping[str, str], sample: Sequence[Row], photos: Photos, base: str
) -> tuple[str, str, float] | None:
    folder = next((known[name] for name in FOLDER_NAMES if name in known), "")
    file = next((known[name] for name in FILE_NAMES if name in known and known[name] != folder), "")
    if not file:
        return None
    folders = [folder] if folder else []
    if not folder and 0 < _share_of_photos(sample, file, photos, base) <= AMBIGUOUS:
        # Names repeat across folders: a column of sites, classes or splits may be the folder.
        folders = [column for column in dict.fromkeys(known.values()) if column != file]
    for column in folders:
        texts = [f"{row.values[column]}/{row.values[file]}" for row in sample]
        share = _share_found(texts, photos, base)
        if folder or share > AMBIGUOUS:
            return column, file, share
    return None


def _share_of_photos(sample: Sequence[Row], column: str, photos: Photos, base: str) -> float:
    return _share_found([row.values.get(column, "") for row in sample], photos, base)


def _share_found(texts: Sequence[str], photos: Photos, base: str) -> float:
    """Return the share of cells that name a photo; ambiguous cells count half."""
    named = 0.0
    for text in texts:
        try:
            named += photos.find(text, base) is not None
        except Ambiguous:
            named += AMBIGUOUS
    return named / len(texts) if texts else 0.0


def _assign_box(of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row]) -> None:
    forms = (
        (BOXES, ("box_x", "box_y", "box_width", "box_height")),
        (CORNERS, ("box_x", "box_y", "box_right", "box_bottom")),
        (CENTRES, (BOX_CENTRE_X, BOX_CENTRE_Y, "box_width", "box_height")),
    )
    for groups, roles in forms:
        for group in groups:
            columns = [known.get(name, "") for name in group]
            if all(columns) and all(of[column] == KEEP for column in columns):
                of.update(zip(columns, roles, strict=True))
                return
    for name in LISTS:
        column = known.get(name, "")
        if column and len(parse_numbers(_first_value(sample, column))) == 4:
            of[column] = BOX_LIST
            return


def _assign(
    of: dict[str, str],
    known: Mapping[str, str],
    names: Sequence[str],
    role: str,
    sample: Sequence[Row],
    fits: object,
) -> None:
    """Assign the role to the first column with a usual name that fits and has no role yet."""
    assert callable(fits)
    for name in names:
        column = known.get(name, "")
        if column and of[column] == KEEP and fits([row.values[column] for row in sample]):
            of[column] = role
            return


def _assign_label(
    of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row]
) -> tuple[str, ...]:
    """Assign the label role; return other columns that could have it."""
    usual = [known[name] for name in _label_names(known) if of[known[name]] == KEEP]
    named = [column for column in dict.fromkeys(usual) if _first_value(sample, column)]
    if not named:
        named = [
            column for column in of if of[column] == KEEP and _could_be_label(of, sample, column)
        ]
        if len(named) > 1 and not _has_one_free_column(of):
            return tuple(named)
    if not named:
        return ()
    # Names are preferred to codes.
    words = [column for column in named if not _is_code(sample, column)]
    chosen = (words or named)[0]
    of[chosen] = LABEL
    return tuple(column for column in named if column != chosen)


def _label_names(known: Mapping[str, str]) -> list[str]:
    """Return the names that a label column may have, the likeliest first."""
    ending = [name for name in known if name.endswith(LABEL_ENDINGS)]
    names = [name for name in (*LABEL_NAMES, *ending, *WEAK_LABEL_NAMES) if name in known]
    if sum(rank in known for rank in RANKS) < 2:
        return names
    species = ["species"] if "species" in known else []
    return [name for name in names if name not in ("species", "class")] + species


def _has_one_free_column(of: Mapping[str, str]) -> bool:
    """Return whether exactly one column has no role yet."""
    return sum(role == KEEP for role in of.values()) == 1


def _could_be_label(of: Mapping[str, str], sample: Sequence[Row], column: str) -> bool:
    values = [row.values[column].strip() for row in sample if row.values[column].strip()]
    if all(parse_number(value) is not None for value in values):
        return _has_one_free_column(of) and _is_code(sample, column)
    if _has_one_free_column(of) and len(set(values)) < len(values):
        return len(set(values)) > 1
    return _has_repeats(values) and len(set(values)) > 1


def _has_repeats(values: Sequence[str]) -> bool:
    filled = [value for value in values if value.strip()]
    if len(filled) < MIN_ROWS:
        return bool(filled)
    return len(set(filled)) <= REPEATS * len(filled)


def _is_code(sample: Sequence[Row], column: str) -> bool:
    values = [row.values[column].strip() for row in sample]
    return all(value.isdigit() for value in values if value)


def _assign_split(of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row]) -> None:
    """Assign the split role to the first column with a usual name and split words, or to any column
    that contains only split words. Fold numbers are not a split."""
    usual = [known[name] for name in SPLIT_NAMES if name in known]
    for column in (*usual, *of):
        filled = [row.values[column] for row in sample if row.values[column].strip()]
        parts = [split_words.parse_cell(normalise_name(column), text) for text in filled]
        told = len([part for part in parts if part is not None])
        least = USUAL_SPLIT if column in usual else 1.0
        enough = bool(filled) and told >= least * len(filled)
        if of[column] == KEEP and enough and (column in usual or len({*parts} - {""}) > 1):
            of[column] = SPLIT
            return


def _find_one_hot(of: Mapping[str, str], sample: Sequence[Row]) -> list[str]:
    """Return the columns that contain only yes or no if most rows have exactly one yes; without
    one column if then all rows do."""
    columns = [
        column
        for column, role in of.items()
        if role == KEEP and {row.values[column].strip().casefold() for row in sample} <= YES_OR_NO
    ]
    if len(columns) < 2 or not sample:
        return []
    ones = [[column for column in columns if is_one(row.values[column])] for row in sample]
    single = sum(len(found) == 1 for found in ones)
    if single < len(ones) and len(columns) > 2:
        for flag in columns:
            if all(len([one for one in found if one != flag]) == 1 for found in ones):
                return [column for column in columns if column != flag]
    return columns if single >= ONE_HOT_ROWS * len(ones) else []


def is_one(text: str) -> bool:
    """Return whether a one-hot cell means yes."""
    return text.strip().casefold() in ONES


def parse_number(text: str) -> float | None:
    """Return the number in a cell, also with a decimal comma; None for anything else."""
    cell = text.strip()
    if cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        return None


def parse_numbers(text: str) -> list[float]:
    """Return the numbers in a cell such as `[1, 2, 3, 4]` or `1 2 3 4`; [] for anything else."""
    parts = re.split(r"[\s,;]+", text.strip().strip("[](){}").strip())
    try:
        return [float(part) for part in parts]
    except ValueError:
        return []


def _first_value(sample: Sequence[Row], column: str) -> str:
    return next((row.values[column] for row in sample if row.values[column].strip()), "")
