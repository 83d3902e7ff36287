"""What is found on the disk before anything is decoded: image files with their labels, and what was left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core import settings
from core.archives import HIDDEN, is_junk
from core.datasets.names import clashes, clean_name, shown
from core.errors import UserError

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
}

# Why a file is left out of an import; the report counts them under these words.
NOT_IMAGE = "not an image file"
LOOSE = "image outside the class folders"
LINK = "link"
UNLISTED = "image not in the tables"
BAD_NAME = "file name is not valid text"


@dataclass(frozen=True)
class Found:
    """One image file: `path` relative to the layout's root, its label, its official split ('' where none), its box in pixels."""

    path: str
    label: str
    official: str = ""
    box: Box | None = None


@dataclass
class Layout:
    """What was recognised below `root`. `empty` are class folders without images; `absent` counts, by class, images that a table lists
    and that are not there; `row_errors` says of rows of a table of labels why they can't be used."""

    kind: str
    root: Path
    found: list[Found] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    empty: list[str] = field(default_factory=list)
    absent: Counter[str] = field(default_factory=Counter)
    row_errors: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return sum(self.absent.values())

    def keep_only(self, labels: Collection[str]) -> None:
        """Takes these classes only, as if the others had never been listed."""
        chosen = set(labels)
        self.found = [found for found in self.found if found.label in chosen]
        self.empty = [label for label in self.empty if label in chosen]
        self.absent = Counter({label: count for label, count in self.absent.items() if label in chosen})


def is_image(name: str) -> bool:
    """Whether a file of this name is looked at; its bytes decide later."""
    return not is_junk(name) and name.lower().endswith(settings.IMAGE_SUFFIXES)


def images_below(folder: Path, ignored: Counter[str], on_file: OnFile) -> Iterator[Path]:
    """Image files at any depth, folder by folder, by name; what is left out is counted in `ignored`. Links are never followed."""
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        on_file()
        if entry.is_dir(follow_symlinks=False) and not is_junk(entry.name):
            yield from images_below(Path(entry.path), ignored, on_file)
        elif entry.is_file(follow_symlinks=False) and is_image(entry.name) and _is_text(entry.path):
            yield Path(entry.path)
        else:
            ignored[reason(entry)] += 1


def reason(entry: os.DirEntry[str]) -> str:
    """Why an entry of a folder is left out."""
    if is_junk(entry.name):
        return HIDDEN
    if entry.is_symlink():
        return LINK
    return NOT_IMAGE if _is_text(entry.name) else BAD_NAME


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_classes(layout: Layout) -> None:
    """Cleans the class names, and refuses those that clash: two folders must never quietly become one class, or one two."""
    names = {found.label for found in layout.found} | set(layout.empty)
    groups = clashes(names)
    if groups:
        listed = "; ".join(" and ".join(repr(shown(name)) for name in group) for group in groups[:6])
        raise UserError(f"These class names differ only in capitals, blanks or accents' encoding: {listed}. Rename or merge the folders.")
    clean = {name: clean_name(name, "class name") for name in names}
    layout.found = [Found(found.path, clean[found.label], found.official, found.box) for found in layout.found]
    layout.empty = sorted({clean[name] for name in layout.empty} - {found.label for found in layout.found})
