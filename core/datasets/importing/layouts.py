"""The forms in which labelled images come, recognised by what lies there.

- CUB-200-2011: the tables images.txt and image_class_labels.txt beside images/, with its split, boxes and class names.
- `<class>/<image>` folders; photos deeper in a class folder belong to that class.
- train, validation (val) and test folders of class folders: their split is the official one.
- a table of labels (CSV) beside its images, see label_table.
Each also one or two folders further down.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from core.datasets.importing import label_table, text_table
from core.datasets.importing.found import (
    LOOSE,
    SPLIT_FOLDERS,
    UNLISTED,
    UNREADABLE,
    Box,
    Found,
    Layout,
    OnFile,
    box_of,
    check_classes,
    images_below,
    is_image,
    reason,
)
from core.errors import UserError
from core.io.archives import is_junk
from core.io.names import shown

MAX_DEPTH = 3
CUB_TABLES = ("images.txt", "image_class_labels.txt")

UNDERSTOOD = (
    "Fieldmark understands a folder with one folder of images per class, such folders below "
    "train, validation and test, "
    "a CSV with a column of file names and one of labels beside its images, "
    "and the CUB-200-2011 layout (images.txt, image_class_labels.txt and images/)."
)


Reader = Callable[[Path, OnFile], Layout]


def recognise(folder: Path, on_file: OnFile = lambda: None) -> Layout:
    """The images below `folder` with their labels.

    `on_file` is called for every file seen, so that a walk can be stopped.

    Links are never followed. Raises UserError where no layout is recognised, or several are, for
    class names that clash or can't be used, and for folders that can't be read.
    """
    try:
        return _recognised(folder, on_file)
    except OSError as error:
        raise UserError(
            f"{shown(str(error.filename))} can't be read ({error.strerror}). Mend that, or move "
            "it away.",
            field="path",
        ) from error


def _recognised(folder: Path, on_file: OnFile) -> Layout:
    matches = list(_search(folder, MAX_DEPTH))
    if not matches:
        raise UserError(f"{_why_nothing(folder)} {UNDERSTOOD}", field="path")
    if len(matches) > 1:
        names = ", ".join(f'"{shown(str(root.relative_to(folder)))}"' for root, _ in matches[:6])
        raise UserError(
            f"There are several datasets in {folder.name}, in {names}. Choose one of these "
            "folders.",
            field="path",
        )
    root, read = matches[0]
    layout = read(root, on_file)
    layout.found.sort(key=lambda found: found.path)
    return layout


def _search(folder: Path, depth: int) -> Iterator[tuple[Path, Reader]]:
    """The highest folders, at most `depth` levels down, that have a layout, each with its
    reader."""
    folders = _subfolders(folder)
    table = None if _is_cub(folder) else label_table.find(folder)
    if _is_cub(folder):
        yield folder, _read_cub
    elif table:
        yield folder, partial(label_table.read, table)
    elif _is_split(folders):
        yield folder, _read_split_folders
    elif len(folders) > 1 and any(map(_holds_image, folders)):
        yield folder, _read_class_folders
    else:
        below = (
            [match for sub in folders for match in _search_below(sub, depth - 1)]
            if depth > 1
            else []
        )
        if below:
            yield from below
        elif any(map(_holds_image, folders)):
            yield folder, _read_class_folders


def _search_below(folder: Path, depth: int) -> list[tuple[Path, Reader]]:
    """As `_search`; nothing for a folder that can't be read, which is counted when its parent
    is."""
    try:
        return list(_search(folder, depth))
    except PermissionError:
        return []


def _is_cub(folder: Path) -> bool:
    return all((folder / table).is_file() for table in CUB_TABLES) and (folder / "images").is_dir()


def _is_split(folders: list[Path]) -> bool:
    parts = {SPLIT_FOLDERS.get(sub.name.casefold()) for sub in folders} - {None}
    return "train" in parts and len(parts) > 1


def _subfolders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if not is_junk(entry.name) and entry.is_dir(follow_symlinks=False)
        )


def _holds_image(folder: Path) -> bool:
    with suppress(PermissionError), os.scandir(folder) as entries:
        return any(
            is_image(entry.name) and entry.is_file(follow_symlinks=False) for entry in entries
        )
    return False


def _why_nothing(folder: Path) -> str:
    if _holds_image(folder):
        return (
            f"The images lie directly in {folder.name}, so nothing says what they show: put them "
            "into one folder per class."
        )
    return f"There are no images in {folder.name} that Fieldmark can find."


def _read_class_folders(root: Path, on_file: OnFile) -> Layout:
    layout = Layout("class folders", root)
    _add_classes(layout, root, "", on_file)
    check_classes(layout)
    return layout


def _read_split_folders(root: Path, on_file: OnFile) -> Layout:
    layout = Layout("split folders", root)
    for sub in _subfolders(root):
        part = SPLIT_FOLDERS.get(sub.name.casefold())
        if part:
            _add_classes(layout, sub, part, on_file)
    check_classes(layout)
    return layout


def _add_classes(layout: Layout, folder: Path, official: str, on_file: OnFile) -> None:
    """Adds the class folders in `folder`, under the names their folders have."""
    for sub in _subfolders(folder):
        unreadable = layout.ignored[UNREADABLE]
        images = list(images_below(sub, layout.ignored, on_file))
        layout.found += [
            Found(path.relative_to(layout.root).as_posix(), sub.name, official) for path in images
        ]
        if not images and layout.ignored[UNREADABLE] == unreadable:
            layout.empty.append(sub.name)
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False) or is_junk(entry.name):
                is_loose = is_image(entry.name) and entry.is_file(follow_symlinks=False)
                layout.ignored.add(LOOSE if is_loose else reason(entry), entry.path)


def _read_cub(root: Path, on_file: OnFile) -> Layout:
    """The ids in the tables count from 1 and are names, not positions: a cut of the dataset keeps
    the original ones."""
    layout = Layout("CUB-200-2011", root / "images")
    names = _table(root / "images.txt")
    labels = _table(root / "image_class_labels.txt")
    classes = {
        key: species(name) for key, name in _table(root / "classes.txt", needed=False).items()
    }
    _require_distinct(classes.values())
    official = {
        key: "train" if value == "1" else "test"
        for key, value in _table(root / "train_test_split.txt", needed=False).items()
    }
    boxes = _boxes(layout, _table(root / "bounding_boxes.txt", needed=False))
    there = {
        path.relative_to(layout.root).as_posix()
        for path in images_below(layout.root, layout.ignored, on_file)
    }
    for key, name in names.items():
        label = classes.get(labels.get(key, "")) or species(name.split("/")[0])
        if name not in there:
            layout.absent[label] += 1
            continue
        there.discard(name)
        if key not in labels:
            raise UserError(
                f"The image {key} ({shown(name)}) has no line in image_class_labels.txt. Mend the "
                f"tables of {root.name}."
            )
        layout.found.append(Found(name, label, official.get(key, ""), boxes.get(key)))
    layout.ignored.update({UNLISTED: len(there)} if there else {})
    check_classes(layout)
    return layout


def _require_distinct(species: Collection[str]) -> None:
    twice = [name for name, count in Counter(species).items() if count > 1]
    if twice:
        raise UserError(
            f"classes.txt has more than one class called {shown(twice[0])!r}. Mend the table."
        )


def species(name: str) -> str:
    """`010.Red_winged_Blackbird` -> `Red winged Blackbird`."""
    return re.sub(r"^\d+\.", "", name).replace("_", " ")


def _boxes(layout: Layout, table: dict[str, str]) -> dict[str, Box]:
    """The boxes that can be used; the others are among the layout's row errors, and their photos
    are used without one."""
    boxes: dict[str, Box] = {}
    for key, text in table.items():
        if box := _box(text):
            boxes[key] = box
        else:
            layout.add_row_error(
                f"bounding_boxes.txt, image {shown(key)}: {shown(text)!r} is no box; the photo is "
                "used without one."
            )
    return boxes


def _box(text: str) -> Box | None:
    try:
        return box_of(*map(float, text.split()))
    except (ValueError, TypeError):
        return None


def _table(path: Path, needed: bool = True) -> dict[str, str]:
    """`<id> <value>` lines as a dict. Raises UserError, naming the line, for anything else."""
    if not needed and not path.is_file():
        return {}
    rows: dict[str, str] = {}
    for number, line in enumerate(text_table.lines(path), 1):
        key, _, value = line.strip().partition(" ")
        if key and (not value or key in rows):
            raise UserError(
                f"Line {number} of {path.name} is not a new number and a value: "
                f"{shown(line.strip())!r}. Mend the table."
            )
        if key:
            rows[key] = value.strip()
    return rows
