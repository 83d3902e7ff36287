"""Read Pascal VOC: one XML file per photo, with its objects and their boxes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from xml.etree import ElementTree as ET

from core.datasets.planning.listing import Listing
from core.datasets.planning.tables.columns import KEEP, LABEL, PATH
from core.datasets.planning.tables.table import Row, Table

KIND = "Pascal VOC"
MAX_BYTES = 2**20
CORNERS = {"box_x": "xmin", "box_y": "ymin", "box_right": "xmax", "box_bottom": "ymax"}
COLUMNS = ("path", "label", *CORNERS, "note")


def open_tables(listing: Listing) -> Iterator[Table]:
    """Yield one table with the annotations of all folders whose first XML file is VOC."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in listing.others:
        if path.casefold().endswith(".xml"):
            folders[path.rpartition("/")[0]].append(path)
    inside = [
        path
        for paths in folders.values()
        if _annotation(listing, paths[0], "") is not None
        for path in paths
    ]
    if not inside:
        return
    top = os.path.commonpath([path.rpartition("/")[0] or "." for path in inside])
    top = "" if top == "." else top
    yield Table(
        top or inside[0],
        KIND,
        COLUMNS,
        partial(_rows, listing, inside, top),
        roles={"path": PATH, "label": LABEL, **{part: part for part in CORNERS}, "note": KEEP},
    )


def _rows(listing: Listing, paths: list[str], top: str) -> Iterator[Row]:
    for number, path in enumerate(paths, 1):
        found = _annotation(listing, path, top)
        if found is None:
            yield Row(number, dict.fromkeys(COLUMNS, ""), f"{path} is not a VOC annotation")
        else:
            yield Row(number, found)


def _annotation(listing: Listing, path: str, top: str) -> dict[str, str] | None:
    """Return the photo, its objects' names, and its box if it has one object; None for other XML.

    The photo's path includes the annotation's folders below `top`, because names may repeat.
    """
    place = listing.root / path
    try:
        data = place.read_bytes() if place.stat().st_size <= MAX_BYTES else b""
        # Entity expansion can exhaust memory, and no annotation needs entities.
        root = None if b"<!ENTITY" in data or not data else ET.fromstring(data)
    except (OSError, ET.ParseError, LookupError, ValueError):  # an unknown encoding
        return None
    if root is None or root.tag != "annotation":
        return None
    objects = root.findall("object")
    names = dict.fromkeys(filter(None, (item.findtext("name", "").strip() for item in objects)))
    folder, _, name = path.removeprefix(f"{top}/").rpartition("/")
    photo = root.findtext("filename", "").strip() or name.rpartition(".")[0]
    found = dict.fromkeys(COLUMNS, "")
    found |= {"path": f"{folder}/{photo}".lstrip("/"), "label": ";".join(names)}
    if len(objects) == 1 and (box := objects[0].find("bndbox")) is not None:
        found |= {part: box.findtext(name, "").strip() for part, name in CORNERS.items()}
    return found
