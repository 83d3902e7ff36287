"""Read COCO JSON, also of the iNaturalist competitions: photos, categories and annotations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from core.datasets.planning.tables.columns import GROUP, KEEP, LABEL, PATH
from core.datasets.planning.tables.table import NotATable, Row, Table

BOX = ("box_x", "box_y", "box_width", "box_height")
FILES = ("file_name", "filename", "file", "path")
# Keys of a photo's record that are not kept.
IGNORED_KEYS = ("id", *FILES, "width", "height", "coco_url", "flickr_url", "label", *BOX)
GROUPS = ("location", "seq_id")
KEPT_OF_CATEGORY = ("supercategory", "common_name", "kingdom", "order", "family", "genus")


def open_table(content: Mapping[str, Any], name: str, text: Callable[[Any], str]) -> Table:
    """Open a COCO document. A photo's label is the name of its category, or of all its categories;
    a single annotation also gives its box, in pixels (x, y, width, height).

    Raises NotATable if records lack their ids.
    """
    try:
        categories = {str(item["id"]): item for item in content.get("categories", [])}
        of_photo: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
        for annotation in content["annotations"]:
            of_photo[str(annotation["image_id"])].append(annotation)
        records = [
            _record(photo, of_photo.get(str(photo["id"]), []), categories, text)
            for photo in content["images"]
        ]
    except StopIteration as error:
        raise NotATable("it looks like COCO JSON, but its photos lack 'file_name'") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise NotATable(f"it looks like COCO JSON, but lacks {error}") from error
    columns = tuple(dict.fromkeys(key for record in records for key in record))
    empty = dict.fromkeys(columns, "")

    def rows() -> Iterator[Row]:
        for number, record in enumerate(records, 1):
            yield Row(number, {**empty, **record})

    roles = {"file_name": PATH, "label": LABEL, **{part: part for part in BOX}}
    groups = [name for name in GROUPS if any(record.get(name) for record in records)]
    roles |= dict.fromkeys(groups[:1], GROUP)
    return Table(
        name,
        "COCO",
        columns,
        rows,
        roles={column: roles.get(column, KEEP) for column in columns},
    )


def _record(
    photo: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    categories: Mapping[Any, Mapping[str, Any]],
    text: Callable[[Any], str],
) -> dict[str, str]:
    named = [categories.get(str(item["category_id"]), {}) for item in annotations]
    labels = [
        text(category.get("name", item["category_id"]))
        for category, item in zip(named, annotations, strict=True)
    ]
    file = next(photo[key] for key in FILES if key in photo)
    record = {"file_name": text(file), "label": ";".join(dict.fromkeys(labels))}
    boxes = [item["bbox"] for item in annotations if len(item.get("bbox") or ()) == 4]
    if len(annotations) == len(boxes) == 1:
        record |= dict(zip(BOX, map(text, boxes[0]), strict=True))
    record |= {key: text(photo[key]) for key in photo if key not in IGNORED_KEYS}
    if len(set(labels)) == 1:
        record |= {key: text(named[0][key]) for key in KEPT_OF_CATEGORY if key in named[0]}
    return record
