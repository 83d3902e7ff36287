"""Read the tables of CUB-200-2011 and NABirds as one table: photos, classes, official split and
boxes, each in its own file, joined by id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from core.datasets.planning.listing import Listing
from core.datasets.planning.tables import text_tables
from core.datasets.planning.tables.columns import BOX_ROLES, IGNORE, LABEL, PATH, SPLIT
from core.datasets.planning.tables.table import NotATable, Row, Table
from core.errors import UserError
from core.io.names import printable

KIND = "CUB-200-2011"
BOX = BOX_ROLES[:4]


def open_table(listing: Listing, folder: str) -> Table | None:
    """Open the tables of a folder with images.txt and images/, or return None.

    Ids are names, not positions: a subset keeps the original ones. Raises UserError, naming the
    line, for damaged tables.
    """
    images = f"{folder}/images".lstrip("/")
    if f"{images}.txt" not in listing.names or images not in listing.folders:
        return None
    root = listing.root / folder
    names, labels = _read_table(root / "images.txt"), _read_table(root / "image_class_labels.txt")
    classes = {key: species_name(name) for key, name in _read_table(root / "classes.txt").items()}
    _require_distinct(classes[key] for key in set(labels.values()) if key in classes)
    splits = _read_table(root / "train_test_split.txt")
    boxes = _read_table(root / "bounding_boxes.txt")
    for key, name in names.items():
        if key not in labels:
            raise UserError(
                f"The photo {key} ({printable(name)}) has no line in image_class_labels.txt. "
                f"Correct the tables of {root.name}."
            )

    def rows() -> Iterator[Row]:
        for number, (key, name) in enumerate(names.items(), 1):
            yield Row(
                number,
                {
                    "path": name,
                    "label": classes.get(labels[key]) or species_name(name.split("/")[0]),
                    "split": _split(splits.get(key)),
                    **_box(boxes.get(key, "")),
                    "image": key,
                },
            )

    roles = {"path": PATH, "label": LABEL, "split": SPLIT, **{part: part for part in BOX}}
    return Table(
        f"{images}.txt",
        KIND,
        (*roles, "image"),
        rows,
        roles={**roles, "image": IGNORE},
        base=images,
    )


def species_name(name: str) -> str:
    """Return `Red winged Blackbird` for `010.Red_winged_Blackbird`."""
    return re.sub(r"^\d+\.", "", name).replace("_", " ")


def _split(value: str | None) -> str:
    if value is None:
        return ""
    return "train" if value.strip() == "1" else "test"


def _box(text: str) -> Mapping[str, str]:
    parts = text.split()
    if not parts:
        return dict.fromkeys(BOX, "")
    return dict(zip(BOX, [*parts, *["?"] * 4], strict=False))


def _require_distinct(names: Iterable[str]) -> None:
    """Raise UserError for a repeated name among classes with photos; in a tree of classes, an inner
    node may have the name of its leaf."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(
            f"classes.txt has several classes named {printable(twice[0])!r}. Correct the table."
        )


def _read_table(path: Path) -> dict[str, str]:
    """Return lines of `<id> <value>` as a dict; {} if there is no such file.

    Raises UserError, naming the line, for anything else.
    """
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    try:
        for number, line in enumerate(text_tables.read_lines(path), 1):
            key, *rest = line.strip().split(None, 1)[:2] or ("",)
            if key and (not rest or key in found):
                raise UserError(
                    f"Line {number} of {path.name} is not a new id and a value: "
                    f"{printable(line.strip())!r}. Correct the table."
                )
            if key:
                found[key] = rest[0]
    except NotATable as error:
        raise UserError(
            f"The table {path.name} can't be read: {error}. Correct it.", field="path"
        ) from error
    return found
