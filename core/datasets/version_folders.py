"""The folders that a dataset's versions lie in: their names, and how one is written whole, then
renamed into place."""

from __future__ import annotations

import errno
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from core import settings
from core.datasets import manifest, metadata
from core.datasets.staging import hidden
from core.io import files

VERSION_PATTERN = re.compile(r"v[1-9][0-9]{0,8}")
MANIFEST, FACTS = "manifest.parquet", "version.json"


@dataclass(frozen=True)
class Origin:
    """What a version was made from and how, as version.json keeps it; with it `attached`, JSON
    values that are kept beside the manifest by file name, and what else is known of its photos."""

    parent: str
    note: str
    split: Mapping[str, Any]
    report: Mapping[str, Any]
    attached: Mapping[str, Any] = field(default_factory=dict)
    metadata: pd.DataFrame | None = None


def of_dataset(dataset_id: str) -> Path:
    return settings.datasets_dir() / dataset_id / "versions"


def names(dataset_id: str) -> list[str]:
    """The versions that there are, newest first; none where there is no such dataset."""
    folder = of_dataset(dataset_id)
    if not folder.is_dir():
        return []
    found = [path.name for path in folder.iterdir() if VERSION_PATTERN.fullmatch(path.name)]
    return sorted(found, key=_number, reverse=True)


def now() -> str:
    # Milliseconds, because two made in the same second are listed by this: the newer first.
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def write_first(dataset: Path, frame: pd.DataFrame, origin: Origin) -> str:
    """Writes v1 into the folder of a dataset that nobody sees yet, and returns its id.

    Raises UserError for a manifest that can't be used.
    """
    folder = files.folder_below(dataset, "versions/v1")
    _write(folder, frame, origin)
    files.write_json(folder / FACTS, _facts(origin, frame) | {"id": "v1"})
    return "v1"


def write_next(dataset_id: str, frame: pd.DataFrame, origin: Origin) -> str:
    """Writes the next version, whole or not at all, and returns its id.

    Sessions that do so at the same time each get a version of their own. Raises UserError for a
    manifest that can't be used.
    """
    folder = of_dataset(dataset_id)
    with files.there(folder, "dataset"), hidden(folder, secrets.token_hex(6)) as made:
        _write(made, frame, origin)
        facts = _facts(origin, frame)
        number = max(map(_number, names(dataset_id)), default=0)
        while True:
            number += 1
            files.write_json(made / FACTS, facts | {"id": f"v{number}"})
            # A rename never replaces a folder that holds files: whoever comes second takes the next
            # number.
            if _renamed(made, folder / f"v{number}"):
                return f"v{number}"


def _write(folder: Path, frame: pd.DataFrame, origin: Origin) -> None:
    manifest.write(frame, folder / MANIFEST)
    known = origin.metadata
    if known is not None and len(known.columns) > len(metadata.KEYS):
        # In the manifest's order, so that a page of one is a page of the other.
        order = manifest.read(folder / MANIFEST, ["image_id", "path"])
        rows = metadata.aligned(known, order["path"]).reset_index(drop=True)
        metadata.write(pd.concat([order, rows], axis=1), folder / metadata.FILE)
    for name, value in origin.attached.items():
        files.write_json(folder / name, value)


def _facts(origin: Origin, frame: pd.DataFrame) -> dict[str, object]:
    return {
        "parent": origin.parent,
        "created": now(),
        "note": origin.note,
        "classes": manifest.classes(frame),
        "counts": manifest.counts(frame),
        "problems": int((frame["problem"] != "").sum()),
        "unlabelled": int((frame["label"] == "").sum()),
        "split": dict(origin.split),
        "report": dict(origin.report),
    }


def _renamed(made: Path, target: Path) -> bool:
    try:
        files.move(made, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _number(version_id: str) -> int:
    return int(version_id.removeprefix("v"))
