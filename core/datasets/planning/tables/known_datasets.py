"""Read published datasets in their original form, each as one table."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from core.datasets.planning.listing import Listing
from core.datasets.planning.tables import cub_tables, text_tables
from core.datasets.planning.tables.columns import KEEP, LABEL, PATH, SPLIT
from core.datasets.planning.tables.table import NotATable, Row, Table
from core.errors import UserError
from core.io.names import printable

PETS, BIRDSNAP, FLOWERS, CARS = (
    "Oxford-IIIT Pet",
    "Birdsnap",
    "Oxford Flowers 102",
    "Stanford Cars",
)
KINDS = (cub_tables.KIND, PETS, BIRDSNAP, FLOWERS, CARS)
# What scipy raises for a damaged MATLAB file.
DAMAGED = (OSError, ValueError, TypeError, NotImplementedError, KeyError, IndexError, MemoryError)
CORNERS = ("box_x", "box_y", "box_right", "box_bottom")


def open_tables(listing: Listing) -> Iterator[Table]:
    """Yield the published datasets found here. Raises UserError for damaged tables."""
    for path in listing.others:
        folder, _, name = path.rpartition("/")
        for file, read in FILES.items():
            if name == file and (table := read(listing, folder)) is not None:
                yield table


def _pets(listing: Listing, folder: str) -> Table | None:
    """Read annotations/list.txt, such as `Abyssinian_100 1 1 1`; the file name gives the breed."""
    above = folder.rpartition("/")[0]
    rows = _split_lines(listing.root / folder / "list.txt")
    if not rows or not all(re.fullmatch(r".+_\d+", row[0]) and len(row) == 4 for row in rows[:20]):
        return None
    splits = {
        row[0]: part
        for name, part in (("trainval", "train"), ("test", "test"))
        for row in _split_lines(listing.root / folder / f"{name}.txt")
    }
    animals = {"1": "cat", "2": "dog"}
    records = [
        {
            "path": f"{row[0]}.jpg",
            "label": row[0].rpartition("_")[0].replace("_", " "),
            "split": splits.get(row[0], ""),
            "species": animals.get(row[2], row[2]),
        }
        for row in rows
    ]
    roles = {"path": PATH, "label": LABEL, "split": SPLIT, "species": KEEP}
    return _table(f"{folder}/list.txt".lstrip("/"), PETS, records, roles, _join(above, "images"))


def _birdsnap(listing: Listing, folder: str) -> Table | None:
    """Read images.txt, species.txt and test_images.txt, tab-separated with a header."""
    images, species = (_read_sheet(listing, folder, name) for name in ("images.txt", "species.txt"))
    if not images or not species or "species_id" not in images[0] or "common" not in species[0]:
        return None
    names = {row["id"]: row for row in species}
    tested = {row.get("path", "") for row in _read_sheet(listing, folder, "test_images.txt")}
    corners = dict(zip(CORNERS, ("bb_x1", "bb_y1", "bb_x2", "bb_y2"), strict=True))
    records = [
        {
            "path": row["path"],
            "label": names.get(row["species_id"], {}).get("common", ""),
            "split": "test" if row["path"] in tested else "train",
            "scientific_name": names.get(row["species_id"], {}).get("scientific", ""),
            **{part: row.get(name, "") for part, name in corners.items()},
        }
        for row in images
    ]
    roles = {"path": PATH, "label": LABEL, "split": SPLIT, "scientific_name": KEEP}
    roles |= {part: part for part in CORNERS}
    return _table(_join(folder, "images.txt"), BIRDSNAP, records, roles, _join(folder, "images"))


def _flowers(listing: Listing, folder: str) -> Table | None:
    """Read imagelabels.mat and setid.mat; the published classes are numbers."""
    labels = _read_matlab(listing.root / folder / "imagelabels.mat")
    if labels is None or "labels" not in labels:
        return None
    parts = {"trnid": "train", "valid": "validation", "tstid": "test"}
    place = listing.root / folder / "setid.mat"
    ids = (_read_matlab(place) if place.is_file() else None) or {}
    splits = {
        int(number): split
        for name, split in parts.items()
        for number in (ids[name].ravel() if name in ids else ())
    }
    records = [
        {
            "path": f"image_{number:05d}.jpg",
            "label": str(int(label)),
            "split": splits.get(number, ""),
        }
        for number, label in enumerate(labels["labels"].ravel(), 1)
    ]
    roles = {"path": PATH, "label": LABEL, "split": SPLIT}
    return _table(_join(folder, "imagelabels.mat"), FLOWERS, records, roles, folder)


def _cars(listing: Listing, folder: str) -> Table | None:
    """Read the annotations of train and test, with the class names in cars_meta.mat."""
    meta = _read_matlab(listing.root / folder / "cars_meta.mat")
    if meta is None or "class_names" not in meta:
        return None
    names = [str(name.item()) for name in meta["class_names"].ravel()]
    records: list[dict[str, str]] = []
    for name in ("cars_train_annos.mat", "cars_test_annos_withlabels.mat", "cars_test_annos.mat"):
        place = listing.root / folder / name
        found = _read_matlab(place) if place.is_file() else None
        tested = any(record["split"] == "test" for record in records)
        if found is not None and "annotations" in found and not tested:
            records += [
                _car(row, names, "test" if "test" in name else "train")
                for row in found["annotations"].ravel()
            ]
    roles = {"path": PATH, "label": LABEL, "split": SPLIT, **{part: part for part in CORNERS}}
    above = folder.rpartition("/")[0]
    return _table(_join(folder, "cars_meta.mat"), CARS, records, roles, above)


def _car(row: Any, names: list[str], split: str) -> dict[str, str]:
    known = row.dtype.names or ()
    number = int(row["class"].item()) if "class" in known else 0
    box = [str(int(row[name].item())) for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")]
    # Train and test photos share file names, so the folder is needed.
    return {
        "path": f"cars_{split}/{row['fname'].item()}",
        "label": names[number - 1] if 1 <= number <= len(names) else "",
        "split": split,
        **dict(zip(CORNERS, box, strict=True)),
    }


def _read_matlab(path: Path) -> Mapping[str, Any] | None:
    """Return the contents of a MATLAB file. Raises UserError if it is damaged."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found: Mapping[str, Any] = loadmat(path)
    except (MatReadError, zlib.error, *DAMAGED) as error:
        raise UserError(
            f"{printable(path.name)} can't be read ({error}). Download it again, or remove it.",
            field="path",
        ) from error
    return found


def _read_sheet(listing: Listing, folder: str, name: str) -> list[Mapping[str, str]]:
    path = _join(folder, name)
    if path not in listing.names:
        return []
    try:
        form = text_tables.detect_form(listing.root / path)
        columns = text_tables.read_header(listing.root / path, form)
        return [row.values for row in text_tables.read_rows(listing.root / path, form, columns)]
    except NotATable:  # another file with this name; it is tried like any table
        return []


def _split_lines(path: Path) -> list[list[str]]:
    """Return the fields of a file's lines, split at spaces, without comments; [] if no file."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


def _table(
    path: str, kind: str, records: list[dict[str, str]], roles: Mapping[str, str], base: str
) -> Table:
    return Table(
        path,
        kind,
        tuple(roles),
        partial(_rows, records),
        roles=roles,
        base=base,
    )


def _rows(records: list[dict[str, str]]) -> Iterator[Row]:
    for number, record in enumerate(records, 1):
        yield Row(number, record)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}".lstrip("/")


# By the file that identifies each dataset.
FILES: dict[str, Callable[[Listing, str], Table | None]] = {
    "image_class_labels.txt": cub_tables.open_table,
    "list.txt": _pets,
    "test_images.txt": _birdsnap,
    "imagelabels.mat": _flowers,
    "cars_meta.mat": _cars,
}
