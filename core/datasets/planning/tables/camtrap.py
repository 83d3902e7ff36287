"""Camtrap DP: a package of deployments, media and observations of camera traps, read as one
table."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from core.datasets.planning.listing import Listing
from core.datasets.planning.tables import text_tables
from core.datasets.planning.tables.columns import GROUP, KEEP, LABEL, PATH
from core.datasets.planning.tables.table import NotATable, Row, Table

KIND = "Camtrap DP"
FILE = "datapackage.json"
# Observations that are no animal are classes of their own; these say that nobody knows.
# So many events of one place may overlap.
MOST_AT_ONCE = 50
UNKNOWN = ("unknown", "unclassified", "")
BOXES = {"bboxX": "box_x", "bboxY": "box_y", "bboxWidth": "box_width", "bboxHeight": "box_height"}
KEPT_OF_DEPLOYMENT = ("locationName", "latitude", "longitude", "cameraModel", "habitat")
KEPT_OF_MEDIA = ("timestamp", "captureMethod", "mediaID")
KEPT_OF_OBSERVATION = ("observationType", "count", "lifeStage", "sex", "behavior", "individualID")
COLUMNS = (
    *("path", "label", "deploymentID", *BOXES),
    *(*KEPT_OF_DEPLOYMENT, *KEPT_OF_MEDIA, *KEPT_OF_OBSERVATION),
)

Records = list[Mapping[str, str]]


def opened(listing: Listing) -> Iterator[Table]:
    """The packages whose datapackage.json names media and observations."""
    for path in listing.others:
        if PurePosixPath(path).name != FILE:
            continue
        tables = _resources(listing, path)
        if "media" in tables and "observations" in tables:
            roles = {"path": PATH, "label": LABEL, "deploymentID": GROUP, **BOXES}
            yield Table(
                path,
                KIND,
                COLUMNS,
                partial(_rows, listing, tables),
                roles={column: roles.get(column, KEEP) for column in COLUMNS},
                base=path.rpartition("/")[0],
            )


def _resources(listing: Listing, path: str) -> dict[str, str]:
    """The paths of the package's tables, by the name of the resource."""
    try:
        package = json.loads((listing.root / path).read_bytes())
        folder = path.rpartition("/")[0]
        found = {
            str(item["name"]): f"{folder}/{item['path']}".lstrip("/")
            for item in package["resources"]
            if isinstance(item.get("path"), str)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: place for name, place in found.items() if place in listing.names}


def _records(listing: Listing, path: str) -> Records:
    place = listing.root / path
    form = text_tables.form_of(place)
    columns = text_tables.header(place, form)
    return [row.values for row in text_tables.rows(place, form, columns)]


def _rows(listing: Listing, tables: Mapping[str, str]) -> Iterator[Row]:
    """A row per photo that a camera took: with what was observed in it, or at its time."""
    deployments = {
        record.get("deploymentID", ""): record
        for record in (_records(listing, tables["deployments"]) if "deployments" in tables else [])
    }
    observed = _Observed(_records(listing, tables["observations"]))
    for number, media in enumerate(_records(listing, tables["media"]), 1):
        if not media.get("filePath"):
            raise NotATable("its media table has no filePath")
        yield Row(number, _row(media, observed.of(media), deployments))


def _row(
    media: Mapping[str, str], found: Records, deployments: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    deployment = deployments.get(media.get("deploymentID", ""), {})
    labels = dict.fromkeys(filter(None, map(_label, found)))
    row = dict.fromkeys(COLUMNS, "")
    row |= {
        "path": media["filePath"],
        "label": ";".join(labels),
        "deploymentID": media.get("deploymentID", ""),
    }
    row |= {key: deployment.get(key, "") for key in KEPT_OF_DEPLOYMENT}
    row |= {key: media.get(key, "") for key in KEPT_OF_MEDIA}
    if len(found) == 1:
        row |= {key: found[0].get(key, "") for key in (*KEPT_OF_OBSERVATION, *BOXES)}
    return row


def _label(observation: Mapping[str, str]) -> str:
    """The species; of a human, a vehicle or an empty photo that word; nothing where nobody
    knows."""
    name = observation.get("scientificName", "").strip()
    kind = observation.get("observationType", "").strip()
    return name or ("" if kind in UNKNOWN else kind)


class _Observed:
    """The observations, by the photo they are about: by its id, or by place and time."""

    def __init__(self, records: Records) -> None:
        self._by_media: dict[str, Records] = defaultdict(list)
        self._by_place: dict[str, list[tuple[str, str, Any]]] = defaultdict(list)
        for record in records:
            if record.get("mediaID"):
                self._by_media[record["mediaID"]].append(record)
            else:
                span = record.get("eventStart", ""), record.get("eventEnd", "")
                self._by_place[record.get("deploymentID", "")].append((*span, record))
        for spans in self._by_place.values():
            spans.sort(key=lambda span: span[:2])

    def of(self, media: Mapping[str, str]) -> Records:
        """Times of one form sort as text, which is all that is asked of them."""
        if found := self._by_media.get(media.get("mediaID", "")):
            return found
        spans, at = self._by_place.get(media.get("deploymentID", ""), []), media.get("timestamp")
        if not at or not spans:
            return []
        before = bisect_right(spans, at, key=lambda span: span[0])
        near = spans[max(0, before - MOST_AT_ONCE) : before]
        return [record for start, end, record in near if at <= (end or start)]
