"""Read Camtrap DP, a package of camera-trap deployments, media and observations, as one table."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from core.datasets.planning.listing import Listing
from core.datasets.planning.tables import text_tables
from core.datasets.planning.tables.columns import GROUP, KEEP, LABEL, PATH
from core.datasets.planning.tables.table import NotATable, Row, Table

KIND = "Camtrap DP"
FILE = "datapackage.json"
# At most this many events of one deployment overlap.
MOST_AT_ONCE = 50
# Observation types that mean an unknown label; human, vehicle and blank are classes.
UNKNOWN = ("unknown", "unclassified", "")
BOXES = {"bboxX": "box_x", "bboxY": "box_y", "bboxWidth": "box_width", "bboxHeight": "box_height"}
KEPT_OF_DEPLOYMENT = ("locationName", "latitude", "longitude", "cameraModel", "habitat")
KEPT_OF_MEDIA = ("timestamp", "captureMethod", "mediaID", "sequenceID", "eventID")
KEPT_OF_OBSERVATION = ("observationType", "count", "lifeStage", "sex", "behavior", "individualID")
COLUMNS = (
    *("path", "label", "deploymentID", *BOXES),
    *(*KEPT_OF_DEPLOYMENT, *KEPT_OF_MEDIA, *KEPT_OF_OBSERVATION),
)

# The tables, by their names in all versions of the standard.
TABLES = {"deployments": "deployments", "media": "media", "multimedia": "media"}
TABLES["observations"] = "observations"
FILES = {f"{name}.csv": table for name, table in TABLES.items()}
# Column names of the first versions: deployment_id, multimedia_id.
KNOWN = {
    name.casefold(): name
    for name in (
        *COLUMNS,
        *("filePath", "fileName", "scientificName", "observationLevel", "eventStart", "eventEnd"),
    )
} | {"multimediaid": "mediaID"}

Records = list[Mapping[str, str]]


def open_tables(listing: Listing) -> Iterator[Table]:
    """Yield the packages with media and observations, by datapackage.json or by file name."""
    described = {_folder(path) for path in listing.others if PurePosixPath(path).name == FILE}
    for path in listing.others:
        name, folder = PurePosixPath(path).name, _folder(path)
        tables: Mapping[str, str] = {}
        if name == FILE:
            tables = _read_resources(listing, path)
        elif FILES.get(name) == "media" and folder not in described:
            tables = _find_tables_by_name(listing, folder)
        if "media" in tables and "observations" in tables:
            yield _package(listing, path, tables)


def _package(listing: Listing, path: str, tables: Mapping[str, str]) -> Table:
    roles = {"path": PATH, "label": LABEL, "deploymentID": GROUP, **BOXES}
    return Table(
        path,
        KIND,
        COLUMNS,
        partial(_rows, listing, tables),
        roles={column: roles.get(column, KEEP) for column in COLUMNS},
        base=_folder(path),
    )


def _find_tables_by_name(listing: Listing, folder: str) -> dict[str, str]:
    """Return a folder's tables with usual names if their columns are the standard's, else {}."""
    found = {
        table: path
        for name, table in FILES.items()
        if (path := f"{folder}/{name}".lstrip("/")) in listing.names
    }
    with suppress(NotATable):
        columns = _header(listing, found["media"])
        if "observations" in found and "mediaID" in columns and "deploymentID" in columns:
            return found
    return {}


def _read_resources(listing: Listing, path: str) -> dict[str, str]:
    """Return the paths of the package's tables by resource name."""
    try:
        package = json.loads((listing.root / path).read_bytes())
        found = {
            TABLES.get(str(item["name"]), ""): f"{_folder(path)}/{_first(item['path'])}".lstrip("/")
            for item in package["resources"]
            if item.get("path")
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: place for name, place in found.items() if place in listing.names}


def _first(path: Any) -> Any:
    return path[0] if isinstance(path, list) else path


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _header(listing: Listing, path: str) -> tuple[str, ...]:
    place = listing.root / path
    return _standard_names(text_tables.read_header(place, text_tables.detect_form(place)))


def _standard_names(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns under their current standard names."""
    return tuple(KNOWN.get(name.replace("_", "").casefold(), name) for name in columns)


def _records(listing: Listing, path: str) -> Records:
    place = listing.root / path
    form = text_tables.detect_form(place)
    columns = _standard_names(text_tables.read_header(place, form))
    return [row.values for row in text_tables.read_rows(place, form, columns)]


def _rows(listing: Listing, tables: Mapping[str, str]) -> Iterator[Row]:
    """Yield a row per photo with its observations, matched by id, sequence or time."""
    deployments = {
        record.get("deploymentID", ""): record
        for record in (_records(listing, tables["deployments"]) if "deployments" in tables else [])
    }
    observed = _Observations(_records(listing, tables["observations"]))
    names = {stem(path) for path in listing.photos}
    for number, media in enumerate(_records(listing, tables["media"]), 1):
        path = _choose_path(media, names)
        if not path:
            raise NotATable("its media table has no filePath")
        yield Row(number, {**_row(media, observed.of(media), deployments), "path": path})


def _choose_path(media: Mapping[str, str], names: set[str]) -> str:
    """Return the photo's path here: a URL often ends in `file`, while the photo was saved under its
    own name or id."""
    given = [media.get(key, "") for key in ("filePath", "fileName", "mediaID")]
    here = [text for text in given if text and stem(text) in names]
    return (here or [text for text in given[:2] if text] or [""])[0]


def stem(path: str) -> str:
    """Return a file's name without folders and suffix, in lower case."""
    return PurePosixPath(path.replace("\\", "/")).stem.casefold()


def _row(
    media: Mapping[str, str], found: Records, deployments: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    deployment = deployments.get(media.get("deploymentID", ""), {})
    labels = dict.fromkeys(filter(None, map(_label, found)))
    row = dict.fromkeys(COLUMNS, "")
    row |= {"label": ";".join(labels), "deploymentID": media.get("deploymentID", "")}
    row |= {key: deployment.get(key, "") for key in KEPT_OF_DEPLOYMENT}
    row |= {key: media.get(key, "") for key in KEPT_OF_MEDIA}
    if len(found) == 1:
        row |= {key: found[0].get(key, "") for key in (*KEPT_OF_OBSERVATION, *BOXES)}
    return row


def _label(observation: Mapping[str, str]) -> str:
    """Return the species, or `human`, `vehicle` or `blank`; '' if unknown."""
    name = observation.get("scientificName", "").strip()
    kind = observation.get("observationType", "").strip()
    return name or ("" if kind in UNKNOWN else kind)


class _Observations:
    """The observations by media id, by sequence or event, and by deployment and time."""

    def __init__(self, records: Records) -> None:
        self._by_media: dict[str, Records] = defaultdict(list)
        self._by_sequence: dict[str, Records] = defaultdict(list)
        self._by_place: dict[str, list[tuple[str, str, Any]]] = defaultdict(list)
        for record in records:
            if record.get("mediaID"):
                self._by_media[record["mediaID"]].append(record)
                continue
            if sequence := record.get("sequenceID") or record.get("eventID"):
                self._by_sequence[sequence].append(record)
            start = record.get("eventStart") or record.get("timestamp", "")
            span = start, record.get("eventEnd", "")
            self._by_place[record.get("deploymentID", "")].append((*span, record))
        for spans in self._by_place.values():
            spans.sort(key=lambda span: span[:2])

    def of(self, media: Mapping[str, str]) -> Records:
        """Return the observations of a photo. Times are compared as text, in one format."""
        if found := self._by_media.get(media.get("mediaID", "")):
            return found
        sequence = media.get("sequenceID") or media.get("eventID", "")
        if found := self._by_sequence.get(sequence):
            return found
        spans, at = self._by_place.get(media.get("deploymentID", ""), []), media.get("timestamp")
        if not at or not spans:
            return []
        before = bisect_right(spans, at, key=lambda span: span[0])
        near = spans[max(0, before - MOST_AT_ONCE) : before]
        return [record for start, end, record in near if at <= (end or start)]
