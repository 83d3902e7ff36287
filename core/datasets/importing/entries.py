"""The files of a source before anything is decoded: photos with their labels, and ignored files."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import UserError
from core.io.names import clashes, clean_name, printable
from sm_scripts.fieldmark_ml.photos import suffixes, walk
from sm_scripts.fieldmark_ml.photos.system_files import is_junk

Box = tuple[float, float, float, float]
OnFile = Callable[[], None]

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "holdout": "test",
    # German, French and Spanish
    "trainingsdaten": "train",
    "entrainement": "train",
    "entra\u00eenement": "train",
    "apprentissage": "train",
    "validierung": "validation",
    "testdaten": "test",
    "entrenamiento": "train",
    "validacion": "validation",
    "validaci\u00f3n": "validation",
    "prueba": "test",
}

# Why a file is ignored by an import; the report counts files by these reasons.
NOT_IMAGE = walk.NOT_IMAGE
LOOSE = "photo outside the class folders"
LINK = walk.LINK
UNLISTED = "photo not in the tables"
TABLE = "table, read for labels"
ASIDE = "photo in an ignored folder"
DROPPED = "photo of an excluded class"
UNDECIDED = "photo with several labels"
BAD_NAME = walk.BAD_NAME
UNREADABLE = walk.UNREADABLE
DEEP = walk.DEEP
SPECIAL = walk.SPECIAL
# Reasons that the report names with an example.
NOTED = (UNREADABLE, DEEP, BAD_NAME, SPECIAL)

# Bounds the lists in a report; counts are complete.
MAX_ROW_ERRORS = 1000
# No photo is larger; a box beyond it is an error and could overflow.
MAX_COORDINATE = 1e9


class IgnoredFiles(Counter[str]):
    """Counts of ignored files by reason, with an example of each."""

    def __init__(self) -> None:
        super().__init__()
        self.examples: dict[str, str] = {}

    def add(self, reason: str, path: str) -> None:
        self[reason] += 1
        self.examples.setdefault(reason, path)

    def add_all(self, other: IgnoredFiles) -> None:
        """Add the counts and examples of another one."""
        self.update(other)
        self.examples = {**other.examples, **self.examples}


class BadRow(Exception):
    """A table row can't be used; the message says why."""


@dataclass(frozen=True)
class PhotoEntry:
    """One photo: its `path` relative to the layout's root, its label ('' if unknown), its official
    split ('' if none), its box in pixels (in shares of the photo's size if `in_shares`), the group
    that a split must not divide, and its metadata.

    An export by Fieldmark also gives its `split`, and a `problem` if a person excluded it.
    """

    path: str
    label: str
    official: str = ""
    box: Box | None = None
    split: str = ""
    problem: str = ""
    in_shares: bool = False
    group: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Layout:
    """The photos recognised below `root`.

    `empty` lists class folders without photos. `absent` counts, by class, photos that a table lists
    but that don't exist. `row_errors` says why table rows can't be used, for the first of
    `row_error_count`. `inexact` counts rows whose photo has another name than the row gives, by how
    it was found. `is_export` is true if Fieldmark wrote the table, whose splits are then kept.
    """

    kind: str
    root: Path
    photos: list[PhotoEntry] = field(default_factory=list)
    ignored: IgnoredFiles = field(default_factory=IgnoredFiles)
    empty: list[str] = field(default_factory=list)
    absent: Counter[str] = field(default_factory=Counter)
    row_errors: list[str] = field(default_factory=list)
    row_error_count: int = 0
    inexact: Counter[str] = field(default_factory=Counter)
    is_export: bool = False

    def add_row_error(self, text: str) -> None:
        self.row_error_count += 1
        if len(self.row_errors) < MAX_ROW_ERRORS:
            self.row_errors.append(text)

    @property
    def missing(self) -> int:
        return sum(self.absent.values())

    def keep_only(self, labels: Collection[str]) -> None:
        """Keep these classes only, as if the others had never been listed."""
        chosen = set(labels)
        self.photos = [photo for photo in self.photos if photo.label in chosen]
        self.empty = [label for label in self.empty if label in chosen]
        self.absent = Counter(
            {label: count for label, count in self.absent.items() if label in chosen}
        )


def is_image(name: str) -> bool:
    """Return whether a file is a photo by its name; its bytes are checked later."""
    return not is_junk(name) and suffixes.is_photo(name)


def find_images(folder: Path, ignored: IgnoredFiles, on_file: OnFile) -> Iterator[Path]:
    """Yield image files at any depth up to walk.MAX_DEPTH, folder by folder, by name.

    Other files are counted in `ignored`. Links are not followed, and only folders are opened.
    """
    for path, left_out in walk.entries_below(folder, on_entry=on_file):
        if left_out:
            ignored.add(left_out, path)
        else:
            yield Path(path)


def ignore_reason(entry: os.DirEntry[str]) -> str:
    """Return why a folder's entry is ignored."""
    return walk.left_out(entry) or NOT_IMAGE


def make_box(x: float, y: float, width: float, height: float) -> Box | None:
    """Return the box, or None if it is empty or can't be in a photo."""
    numbers = (x, y, width, height)
    if not all(math.isfinite(number) and abs(number) <= MAX_COORDINATE for number in numbers):
        return None
    return numbers if width > 0 and height > 0 else None


def check_classes(layout: Layout) -> None:
    """Clean the class names; raise UserError if two of them differ only in case, spaces or
    encoding, so that two folders never silently become one class."""
    names = {photo.label for photo in layout.photos} | set(layout.empty)
    groups = clashes(names)
    if groups:
        listed = "; ".join(
            " and ".join(repr(printable(name)) for name in group) for group in groups[:6]
        )
        raise UserError(
            f"These class names differ only in case, spaces or the encoding of accents: {listed}. "
            "Rename or merge the folders."
        )
    clean = {name: clean_name(name, "class name") for name in names if name} | {"": ""}
    if any(name != label for name, label in clean.items()):
        layout.photos = [replace(photo, label=clean[photo.label]) for photo in layout.photos]
    layout.empty = sorted(
        {clean[name] for name in layout.empty} - {photo.label for photo in layout.photos}
    )
