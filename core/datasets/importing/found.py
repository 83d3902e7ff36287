"""What is found on the disk before anything is decoded: image files with their labels, and what was
left out."""

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
    # as German, French and Spanish write them
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

# Why a file is left out of an import; the report counts them under these words.
NOT_IMAGE = walk.NOT_IMAGE
LOOSE = "image outside the class folders"
LINK = walk.LINK
UNLISTED = "image not in the tables"
TABLE = "table that was read"
ASIDE = "image in a folder that is left out"
DROPPED = "image of a class that is left out"
UNDECIDED = "image with several labels"
BAD_NAME = walk.BAD_NAME
UNREADABLE = walk.UNREADABLE
DEEP = walk.DEEP
SPECIAL = walk.SPECIAL
# Those that a person has to be told of, with an example.
NOTED = (UNREADABLE, DEEP, BAD_NAME, SPECIAL)

# Lists in a report stay short whatever comes in; counts are complete.
MAX_ROW_ERRORS = 1000
# No photo is larger; a box beyond it is a mistake that would overflow.
MAX_COORDINATE = 1e9


class LeftOut(Counter[str]):
    """How many files are left out, by reason, and an example of each."""

    def __init__(self) -> None:
        super().__init__()
        self.examples: dict[str, str] = {}

    def add(self, reason: str, path: str) -> None:
        self[reason] += 1
        self.examples.setdefault(reason, path)

    def take(self, other: LeftOut) -> None:
        """Adds what another one counts."""
        self.update(other)
        self.examples = {**other.examples, **self.examples}


class BadRow(Exception):
    """A row of a table that can't be used; the message says why."""


@dataclass(frozen=True)
class Found:
    """One image file: `path` relative to the layout's root, its label ('' where nobody knows), its
    official split ('' where none), its box in pixels, or in shares of the photo's size, what a
    split must keep it together with, and what else is known of it.

    An export of Fieldmark's own also says in which `split` it was, and, as `problem`, that a person
    left it out.
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
    """What was recognised below `root`.

    `empty` are class folders without images; `absent` counts, by class, images that a table lists
    and that are not there; `row_errors` says of rows of a table of labels why they can't be used,
    of the first of `row_error_count`; `otherwise` counts rows whose photo is called otherwise than
    they say, by how it was found. `is_export` says that Fieldmark wrote the table, so that the
    splits in it are kept.
    """

    kind: str
    root: Path
    found: list[Found] = field(default_factory=list)
    ignored: LeftOut = field(default_factory=LeftOut)
    empty: list[str] = field(default_factory=list)
    absent: Counter[str] = field(default_factory=Counter)
    row_errors: list[str] = field(default_factory=list)
    row_error_count: int = 0
    otherwise: Counter[str] = field(default_factory=Counter)
    is_export: bool = False

    def add_row_error(self, text: str) -> None:
        self.row_error_count += 1
        if len(self.row_errors) < MAX_ROW_ERRORS:
            self.row_errors.append(text)

    @property
    def missing(self) -> int:
        return sum(self.absent.values())

    def keep_only(self, labels: Collection[str]) -> None:
        """Takes these classes only, as if the others had never been listed."""
        chosen = set(labels)
        self.found = [found for found in self.found if found.label in chosen]
        self.empty = [label for label in self.empty if label in chosen]
        self.absent = Counter(
            {label: count for label, count in self.absent.items() if label in chosen}
        )


def is_image(name: str) -> bool:
    """Whether a file of this name is looked at; its bytes decide later."""
    return not is_junk(name) and suffixes.is_photo(name)


def images_below(folder: Path, ignored: LeftOut, on_file: OnFile) -> Iterator[Path]:
    """Image files at any depth up to walk.MAX_DEPTH, folder by folder, by name; what is left
    out is counted in `ignored`.

    Links are never followed, and nothing but folders is opened.
    """
    for path, left_out in walk.entries_below(folder, on_entry=on_file):
        if left_out:
            ignored.add(left_out, path)
        else:
            yield Path(path)


def reason(entry: os.DirEntry[str]) -> str:
    """Why an entry of a folder is left out."""
    return walk.left_out(entry) or NOT_IMAGE


def box_of(x: float, y: float, width: float, height: float) -> Box | None:
    """The box, or None for one that holds nothing or can't be in a photo."""
    numbers = (x, y, width, height)
    if not all(math.isfinite(number) and abs(number) <= MAX_COORDINATE for number in numbers):
        return None
    return numbers if width > 0 and height > 0 else None


def check_classes(layout: Layout) -> None:
    """Cleans the class names, and refuses those that clash: two folders must never quietly become
    one class, or one two."""
    names = {found.label for found in layout.found} | set(layout.empty)
    groups = clashes(names)
    if groups:
        listed = "; ".join(
            " and ".join(repr(printable(name)) for name in group) for group in groups[:6]
        )
        raise UserError(
            f"These class names differ only in capitals, blanks or accents' encoding: {listed}. "
            "Rename or merge the folders."
        )
    clean = {name: clean_name(name, "class name") for name in names if name} | {"": ""}
    if any(name != label for name, label in clean.items()):
        layout.found = [replace(found, label=clean[found.label]) for found in layout.found]
    layout.empty = sorted(
        {clean[name] for name in layout.empty} - {found.label for found in layout.found}
    )
