"""What each column of a table says: by its name, and by what stands in it."""

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

# What the name of a column says whose numbers are those of photos.
NUMBERING = re.compile(
    r"id(_|$)|code|num|no$|nr$|photo|picture|foto|bild|im(a)?ge?|file|name|key|index|column|slide|uu"
)
# From this share of its cells that name a photo on, a column is the one of the photos.
NAMES_PHOTOS = 0.5
# What a usual name is worth beside the share of cells that name a photo: numbers name some by
# chance.
USUAL = 0.3
# A cell that several photos are called like names half of one: with their folder it might do.
AMBIGUOUS = 0.5
# The share of the cells of a usual name that have to be words of a split.
USUAL_SPLIT = 0.5
# A column of labels repeats itself: in so many rows at most so many different values.
REPEATS = 0.5
MIN_ROWS = 6
# What a cell of one class says, and the share of the rows that have to be of a single one.
ONES = frozenset({"1", "1.0", "true", "yes", "x"})
YES_OR_NO = frozenset({*ONES, "", "0", "0.0", "-1", "-1.0", "false", "no"})
ONE_HOT_ROWS = 0.5


@dataclass(frozen=True)
class Roles:
    """What the columns are, by name; `doubtful` are columns that could be the label as well, and
    `matched` the share of the sample's rows that name a photo. `is_guess`: the label's column has
    no usual name."""

    of: Mapping[str, str]
    matched: float = 0.0
    doubtful: tuple[str, ...] = ()
    is_guess: bool = False

    def has(self, role: str) -> bool:
        return role in self.of.values()


def normal(name: str) -> str:
    """A column's name as the lists here write it: `Image Path`, `imagePath` and `image-path` are
    image_path."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"\W+", "_", split.casefold()).strip("_")


def roles_of(table: Table, sample: Sequence[Row], photos: Photos, base: str) -> Roles:
    """The roles of the columns, from their names and the first rows; `base` is the folder that the
    table's paths may begin at."""
    if table.roles:
        path = next((name for name, role in table.roles.items() if role == PATH), "")
        return Roles(table.roles, _named(sample, path, photos, base))
    names = {normal(name): name for name in reversed(table.columns)}
    flat = {re.sub(r"_", "", name): column for name, column in names.items()}
    single = {name.removesuffix("s"): column for name, column in names.items()}
    known = {**single, **flat, **names}
    of = dict.fromkeys(table.columns, KEEP)
    matched = _give_path(of, known, sample, photos, base)
    _give_box(of, known, sample)
    _give_split(of, known, sample)
    doubtful = _give_label(of, known, sample)
    if LABEL not in of.values():
        for column in _one_hot(of, sample):
            of[column] = ONE_HOT
    _give(of, known, GROUP_NAMES, GROUP, sample, _repeats)
    label = next((name for name, role in of.items() if role == LABEL), "")
    usual = {known.get(name) for name in (*LABEL_NAMES, *WEAK_LABEL_NAMES)}
    is_guess = bool(label) and label not in usual
    return Roles(of, matched, doubtful, is_guess)


def _give_path(
    of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row], photos: Photos, base: str
) -> float:
    """Finds the column of the photos by its cells, the usual names first where several would do,
    and with it a column of folders where only both name a photo; returns the share that does."""
    shares = {
        column: _named(sample, column, photos, base) if _may_name(sample, column) else 0.0
        for column in of
    }
    usual = [known[name] for name in PATH_NAMES if name in known]
    order = [*dict.fromkeys(usual), *(column for column in of if column not in usual)]
    both = _folder_and_file(known, sample, photos, base)
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
    # No photo of it is here: the name alone says which column it would be.
    if usual:
        of[usual[0]] = PATH
    return 0.0


def _may_name(sample: Sequence[Row], column: str) -> bool:
    """Whether a column can be that of the photos: counts and prices name some by chance."""
    name = normal(column)
    return bool(NUMBERING.search(name)) or not name.isascii() or not _is_number(sample, column)


def _holds_files(sample: Sequence[Row], column: str) -> bool:
    filled = [row.values[column] for row in sample if row.values[column].strip()]
    return bool(filled) and all(map(is_photo, filled))


def _is_number(sample: Sequence[Row], column: str) -> bool:
    return all(number(row.values[column]) is not None for row in sample if row.values[column])


def _folder_and_file(
    known: Mapping[str, str], sample: Sequence[Row], photos: Photos, base: str
) -> tuple[str, str, float] | None:
    folder = next((known[name] for name in FOLDER_NAMES if name in known), "")
    file = next((known[name] for name in FILE_NAMES if name in known and known[name] != folder), "")
    if not file:
        return None
    folders = [folder] if folder else []
    if not folder and 0 < _named(sample, file, photos, base) <= AMBIGUOUS:
        # Files are called alike in several folders: a site, a class or a part may be the folder.
        folders = [column for column in dict.fromkeys(known.values()) if column != file]
    for column in folders:
        texts = [f"{row.values[column]}/{row.values[file]}" for row in sample]
        share = _share_named(texts, photos, base)
        if folder or share > AMBIGUOUS:
            return column, file, share
    return None


def _named(sample: Sequence[Row], column: str, photos: Photos, base: str) -> float:
    return _share_named([row.values.get(column, "") for row in sample], photos, base)


def _share_named(texts: Sequence[str], photos: Photos, base: str) -> float:
    """The share of the cells that name a photo, or several."""
    named = 0.0
    for text in texts:
        try:
            named += photos.find(text, base) is not None
        except Ambiguous:
            named += AMBIGUOUS
    return named / len(texts) if texts else 0.0


def _give_box(of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row]) -> None:
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
        if column and len(numbers(_first(sample, column))) == 4:
            of[column] = BOX_LIST
            return


def _give(
    of: dict[str, str],
    known: Mapping[str, str],
    names: Sequence[str],
    role: str,
    sample: Sequence[Row],
    fits: object,
) -> None:
    """Gives the role to the first column of a usual name that fits and has none yet."""
    assert callable(fits)
    for name in names:
        column = known.get(name, "")
        if column and of[column] == KEEP and fits([row.values[column] for row in sample]):
            of[column] = role
            return


def _give_label(
    of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row]
) -> tuple[str, ...]:
    """Gives the label's role; returns the other columns that could have it."""
    usual = [known[name] for name in _label_names(known) if of[known[name]] == KEEP]
    named = [column for column in dict.fromkeys(usual) if _first(sample, column)]
    if not named:
        named = [
            column for column in of if of[column] == KEEP and _could_be_label(of, sample, column)
        ]
        if len(named) > 1 and not _stands_alone(of):
            return tuple(named)
    if not named:
        return ()
    # A name says more than its code.
    words = [column for column in named if not _is_code(sample, column)]
    chosen = (words or named)[0]
    of[chosen] = LABEL
    return tuple(column for column in named if column != chosen)


def _label_names(known: Mapping[str, str]) -> list[str]:
    """The names of these columns that a label may have, the likeliest first."""
    ending = [name for name in known if name.endswith(LABEL_ENDINGS)]
    names = [name for name in (*LABEL_NAMES, *ending, *WEAK_LABEL_NAMES) if name in known]
    if sum(rank in known for rank in RANKS) < 2:
        return names
    species = ["species"] if "species" in known else []
    return [name for name in names if name not in ("species", "class")] + species


def _stands_alone(of: Mapping[str, str]) -> bool:
    """Whether a table has no column but those of the photo and of one more."""
    return sum(role == KEEP for role in of.values()) == 1


def _could_be_label(of: Mapping[str, str], sample: Sequence[Row], column: str) -> bool:
    values = [row.values[column].strip() for row in sample if row.values[column].strip()]
    if all(number(value) is not None for value in values):
        return _stands_alone(of) and _is_code(sample, column)
    if _stands_alone(of) and len(set(values)) < len(values):
        return len(set(values)) > 1
    return _repeats(values) and len(set(values)) > 1


def _repeats(values: Sequence[str]) -> bool:
    filled = [value for value in values if value.strip()]
    if len(filled) < MIN_ROWS:
        return bool(filled)
    return len(set(filled)) <= REPEATS * len(filled)


def _is_code(sample: Sequence[Row], column: str) -> bool:
    values = [row.values[column].strip() for row in sample]
    return all(value.isdigit() for value in values if value)


def _give_split(of: dict[str, str], known: Mapping[str, str], sample: Sequence[Row]) -> None:
    """Gives the role to the first column of a usual name that holds the words of a split, or to one
    of any name that holds nothing else: the numbers of folds are no split."""
    usual = [known[name] for name in SPLIT_NAMES if name in known]
    for column in (*usual, *of):
        filled = [row.values[column] for row in sample if row.values[column].strip()]
        parts = [split_words.part(normal(column), text) for text in filled]
        told = len([part for part in parts if part is not None])
        least = USUAL_SPLIT if column in usual else 1.0
        enough = bool(filled) and told >= least * len(filled)
        if of[column] == KEEP and enough and (column in usual or len({*parts} - {""}) > 1):
            of[column] = SPLIT
            return


def _one_hot(of: Mapping[str, str], sample: Sequence[Row]) -> list[str]:
    """The columns that hold nothing but yes and no, where nearly each row has a single yes; without
    one of them where all rows have then."""
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
    return text.strip().casefold() in ONES


def number(text: str) -> float | None:
    """The number in a cell, a decimal comma allowed; None for anything else."""
    cell = text.strip()
    if cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        return None


def numbers(text: str) -> list[float]:
    """The numbers in a cell that holds nothing else: `[1, 2, 3, 4]`, `1 2 3 4`."""
    parts = re.split(r"[\s,;]+", text.strip().strip("[](){}").strip())
    try:
        return [float(part) for part in parts]
    except ValueError:
        return []


def _first(sample: Sequence[Row], column: str) -> str:
    return next((row.values[column] for row in sample if row.values[column].strip()), "")
