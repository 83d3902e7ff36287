"""Read tables in JSON: records, maps from photo to label, and exports of labelling tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core.datasets.planning.folders import parse_part
from core.datasets.planning.tables import coco
from core.datasets.planning.tables.column_names import PATH_NAMES
from core.datasets.planning.tables.columns import LABEL, PATH, normalise_name
from core.datasets.planning.tables.table import NotATable, Row, Table
from core.datasets.planning.tables.text_tables import MAX_LINE, detect_encoding

MAX_BYTES = 2**29
# Separates several labels of one photo.
SEVERAL = ";"
# Keys under which a nested object stores its name.
NAMING = ("name", "tagName", "label", "class", "className", "title", "value")
META = "-metadata"
# The confidence threshold that MegaDetector's authors recommend.
SURE = 0.2


def open_table(path: Path, name: str) -> Table:
    """Open the table in a JSON file, by its contents. `name` is the file's path in the listing.

    Raises NotATable.
    """
    if path.suffix.lower() in (".jsonl", ".ndjson", ".manifest"):
        return _json_lines(path, name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NotATable(f"it has more than {MAX_BYTES >> 20} MB; split it")
        content = json.loads(path.read_bytes().decode(detect_encoding(path)))
    except (ValueError, RecursionError) as error:
        raise NotATable(f"it is not valid JSON ({_first_line(error)})") from error
    except OSError as error:
        raise NotATable(f"it can't be read ({error.strerror or error})") from error
    return _table_of(content, name)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _table_of(content: Any, name: str) -> Table:
    if isinstance(content, dict):
        for fits, read in KINDS:
            if fits(content):
                return _read_export(read, content, name)
        raise NotATable(f"it has no photos with labels; its keys are {_keys(content)}")
    if isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        if all(isinstance(row.get("data"), dict) for row in content):
            return _records(
                [_label_studio_task(row) for row in content], name, "Label Studio export"
            )
        return _records([_flatten(row) for row in content], name, "list of records (JSON)")
    if isinstance(content, list) and content and all(_is_list(row) for row in content):
        return _records([_item(row) for row in content], name, "list of rows (JSON)")
    raise NotATable("it has neither records nor a map from photo to label")


def _read_export(read: Read, content: Mapping[str, Any], name: str) -> Table:
    """Read a tool's export. Raises NotATable if it is malformed."""
    try:
        return read(content, name)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise NotATable(f"it looks like an export but is malformed: {error}") from error


def _keys(content: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, list(content)[:6])) or "none"


def _json_lines(path: Path, name: str) -> Table:
    """Open a file with one record per line."""
    records = []
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NotATable(f"it has more than {MAX_BYTES >> 20} MB; split it")
        with path.open(encoding=detect_encoding(path)) as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if line.strip():
                    records.append(_record(line, number))
    except OSError as error:
        raise NotATable(f"it can't be read ({error.strerror or error})") from error
    except UnicodeError as error:
        raise NotATable("it is not in UTF-8") from error
    if records and "source-ref" in records[0]:
        manifest = [_manifest_entry(record) for record in records]
        return _records(manifest, name, "augmented manifest", {"path": PATH, "label": LABEL})
    return _records([_flatten(record) for record in records], name, "lines of records (JSON)")


def _record(line: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotATable(f"line {number} is not valid JSON ({_first_line(error)})") from error
    if not isinstance(record, dict):
        raise NotATable(f"line {number} is not a record")
    return record


def _records(
    records: Sequence[Mapping[str, str]], name: str, kind: str, roles: Mapping[str, str] = {}
) -> Table:
    """Return a table of records; missing keys become empty cells."""
    if not records:
        raise NotATable("it has no records")
    columns = tuple(dict.fromkeys(key for record in records for key in record))
    empty = dict.fromkeys(columns, "")

    def rows() -> Iterator[Row]:
        for number, record in enumerate(records, 1):
            yield Row(number, {**empty, **record})

    known = {column: roles.get(column, "keep") for column in columns} if roles else {}
    return Table(name, kind, columns, rows, roles=known)


def cell_text(value: Any) -> str:
    """Return a JSON value as a cell: '' for null, list elements joined by SEVERAL."""
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return SEVERAL.join(filter(None, map(_element_text, value)))
    return str(value)


def _element_text(value: Any) -> str:
    if isinstance(value, dict):
        return next((str(value[key]) for key in NAMING if key in value), "")
    return cell_text(value)


def _flatten(record: Mapping[str, Any]) -> dict[str, str]:
    """Return a record's values as cells; nested objects get `outer_inner` names."""
    flat: dict[str, str] = {}
    for key, value in record.items():
        if isinstance(value, dict) and list(value) == [
            "choices"
        ]:  # several choices of Label Studio
            flat[str(key)] = cell_text(value["choices"])
        elif isinstance(value, dict):
            flat |= {f"{key}_{name}": cell_text(inner) for name, inner in value.items()}
        else:
            flat[str(key)] = cell_text(value)
    return flat


def _label_studio_task(task: Mapping[str, Any]) -> dict[str, str]:
    """Return a Label Studio task as a record: photo, choices or rectangle labels, and data."""
    data = {f"data_{key}": cell_text(value) for key, value in task["data"].items()}
    photo = next(iter(key for key in ("image", "img", "photo") if key in task["data"]), None)
    path = cell_text(task["data"].get(photo or next(iter(task["data"]), "")))
    annotations = _dicts(task.get("annotations") or task.get("completions"))
    results = [result for one in annotations for result in _dicts(one.get("result"))]
    labels = [label for result in results for label in _choices(result.get("value"))]
    file = cell_text(task.get("file_upload")) or path
    return {
        "image": file if "?d=" not in path else path.partition("?d=")[2],
        "label": SEVERAL.join(dict.fromkeys(labels)),
        **data,
    }


def _choices(value: Any) -> list[str]:
    """Return the choices of a result, or the labels of its rectangle."""
    if not isinstance(value, dict):
        return []
    found = value.get("choices") or value.get("rectanglelabels") or []
    return [cell_text(one) for one in (found if isinstance(found, list) else [found])]


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list; [] for anything but a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _manifest_entry(record: Mapping[str, Any]) -> dict[str, str]:
    """Return a line of a Ground Truth, Rekognition or Lookout manifest as a record. The key
    `<job>-metadata` has the class name of `<job>`."""
    label, kept = "", {}
    for key, value in record.items():
        meta = record.get(f"{key}{META}")
        if not isinstance(meta, dict):
            if isinstance(value, str | int | float) and key != "source-ref":
                kept[key] = cell_text(value)
            continue
        label = label or _class_of(value, meta)
        if "confidence" in meta:
            kept[f"{key}_confidence"] = cell_text(meta["confidence"])
    return {"path": cell_text(record.get("source-ref")), "label": label, **kept}


def _class_of(value: Any, meta: Mapping[str, Any]) -> str:
    if "class-name" in meta:
        return cell_text(meta["class-name"])
    names = meta.get("class-map")
    if not isinstance(names, dict):
        return ""
    if isinstance(value, dict):
        boxes = value.get("annotations", [])
        return SEVERAL.join(
            dict.fromkeys(cell_text(names.get(str(b.get("class_id")))) for b in boxes)
        )
    return SEVERAL.join(map(cell_text, names.values()))


def _fiftyone(content: Mapping[str, Any], name: str) -> Table:
    classes = list(content["classes"])

    def label(value: Any) -> str:
        if isinstance(value, dict):
            value = value.get("label")
        if isinstance(value, list):
            return SEVERAL.join(map(label, value))
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(classes):
            return cell_text(classes[value])
        return cell_text(value)

    records = [{"path": key, "label": label(value)} for key, value in content["labels"].items()]
    return _records(records, name, "FiftyOne labels", {"path": PATH, "label": LABEL})


def _datumaro(content: Mapping[str, Any], name: str) -> Table:
    names = [cell_text(label.get("name")) for label in content["categories"]["label"]["labels"]]
    records = []
    for item in content["items"]:
        ids = [one.get("label_id") for one in _dicts(item.get("annotations"))]
        labels = dict.fromkeys(names[i] for i in ids if isinstance(i, int) and 0 <= i < len(names))
        path = (item.get("image") or item.get("media") or {}).get("path") or item.get("id")
        records.append({"path": cell_text(path), "label": SEVERAL.join(labels)})
    return _records(records, name, "Datumaro", {"path": PATH, "label": LABEL})


def _detections(content: Mapping[str, Any], name: str) -> Table:
    """Read MegaDetector output: the detected categories, and the box if there is only one."""
    names = content["detection_categories"]
    records = []
    for photo in content["images"]:
        sure = [one for one in _dicts(photo.get("detections")) if _confidence(one) >= SURE]
        found = dict.fromkeys(cell_text(names.get(str(one.get("category")))) for one in sure)
        box = cell_text(sure[0].get("bbox")) if len(sure) == 1 else ""
        detected = SEVERAL.join(found) if sure else "empty"
        kept = {key: cell_text(value) for key, value in photo.items() if key != "detections"}
        is_failed = bool(photo.get("failure"))
        records.append({**kept, "detected": "" if is_failed else detected, "bbox": box})
    return _records(records, name, "MegaDetector output")


def _confidence(detection: Mapping[str, Any]) -> float:
    value = detection.get("conf")
    return value if isinstance(value, int | float) else 0.0


def _parts(content: Mapping[str, Any], name: str) -> Table:
    """Read `{"train": [...], "test": [...]}`: records, rows, or photo names."""
    records = [{**_item(item), "split": part} for part, items in content.items() for item in items]
    return _records(records, name, "parts of a split (JSON)")


def _columns(content: Mapping[str, Any], name: str) -> Table:
    """Read `{"image_names": [...], "labels": [...]}`: one list per column."""
    count = next(len(content[key]) for key in content if _names_photos(key) and content[key])
    columns = [key for key, cells in content.items() if _is_list(cells) and len(cells) == count]
    records = [{key: cell_text(content[key][row]) for key in columns} for row in range(count)]
    return _records(records, name, "lists of cells (JSON)")


def _item(item: Any) -> dict[str, str]:
    """Return a record, a row of cells, or a photo name as a record."""
    if isinstance(item, dict):
        return _flatten(item)
    if isinstance(item, list):
        return {f"column {number}": cell_text(cell) for number, cell in enumerate(item, 1)}
    return {"file": cell_text(item)}


def _map(content: Mapping[str, Any], name: str) -> Table:
    """Read `{"1.jpg": "cardinal"}` or `{"cardinal": ["1.jpg", ...]}`."""
    if all(isinstance(value, list) for value in content.values()):
        records = [
            {"path": cell_text(path), "label": label}
            for label, paths in content.items()
            for path in paths
        ]
    else:
        records = [{"path": path, "label": cell_text(label)} for path, label in content.items()]
    return _records(records, name, "map from photo to label (JSON)", {"path": PATH, "label": LABEL})


def _keyed(content: Mapping[str, Any], name: str) -> Table:
    """Read `{"1.jpg": {"label": ...}}`, or data frame columns keyed by row number."""
    first = next(iter(content.values()))
    if all(re.fullmatch(r"\d+", key) for key in first) and not any(map(_looks_like_file, content)):
        records = [{key: cell_text(content[key].get(row)) for key in content} for row in first]
        return _records(records, name, "data frame (JSON)")
    records = [{"path": key, **_flatten(value)} for key, value in content.items()]
    return _records(records, name, "records by photo (JSON)")


def _looks_like_file(name: str) -> bool:
    return bool(re.search(r"\.\w{2,5}$", name))


def _longest_list(content: Mapping[str, Any], name: str) -> Table:
    """Read the longest list of records in `{"images": [{...}, ...], ...}`."""
    lists = [value for value in content.values() if _is_records(value)]
    return _records([_flatten(row) for row in max(lists, key=len)], name, "list of records (JSON)")


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _is_coco(content: Mapping[str, Any]) -> bool:
    return _is_records(content.get("images")) and isinstance(content.get("annotations"), list)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_fiftyone(content: Mapping[str, Any]) -> bool:
    return isinstance(content.get("classes"), list) and isinstance(content.get("labels"), dict)


def _is_detections(content: Mapping[str, Any]) -> bool:
    return _is_records(content.get("images")) and isinstance(
        content.get("detection_categories"), dict
    )


def _is_datumaro(content: Mapping[str, Any]) -> bool:
    return _is_records(content.get("items")) and isinstance(content.get("categories"), dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_parts(content: Mapping[str, Any]) -> bool:
    return (
        len(content) > 1
        and all(map(parse_part, content))
        and all(isinstance(items, list) for items in content.values())
    )


def _names_photos(key: str) -> bool:
    return normalise_name(key).removesuffix("s") in PATH_NAMES


def _is_columns(content: Mapping[str, Any]) -> bool:
    lists = [len(content[key]) for key in content if _is_list(content[key])]
    names = [key for key in content if _names_photos(key) and _is_list(content[key])]
    return bool(names) and lists.count(len(content[names[0]])) > 1


def _is_map(content: Mapping[str, Any]) -> bool:
    values = list(content.values())
    of_lists = all(isinstance(v, list) and all(map(_is_scalar, v)) for v in values)
    return bool(values) and (all(map(_is_scalar, values)) or of_lists)


def _is_keyed(content: Mapping[str, Any]) -> bool:
    return bool(content) and all(isinstance(value, dict) for value in content.values())


Fits = Callable[[Mapping[str, Any]], bool]
Read = Callable[[Mapping[str, Any], str], Table]
KINDS: tuple[tuple[Fits, Read], ...] = (
    (_is_coco, partial(coco.open_table, text=cell_text)),
    (_is_fiftyone, _fiftyone),
    (_is_detections, _detections),
    (_is_datumaro, _datumaro),
    (_is_parts, _parts),
    (_is_columns, _columns),
    (_is_map, _map),
    (_is_keyed, _keyed),
    (lambda content: any(map(_is_records, content.values())), _longest_list),
)
