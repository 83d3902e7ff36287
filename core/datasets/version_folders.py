"""The folders of a dataset's versions: their names, and how a version is written and renamed into
place."""

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
    """What a version was made from and how, as stored in version.json; `attached` are JSON values
    stored beside the manifest by file name, followed by the metadata of its photos."""

    parent: str
    note: str
    split: Mapping[str, Any]
    report: Mapping[str, Any]
    attached: Mapping[str, Any] = field(default_factory=dict)
    metadata: pd.DataFrame | None = None


def of_dataset(dataset_id: str) -> Path:
    return settings.datasets_dir() / dataset_id / "versions"


def names(dataset_id: str) -> list[str]:
    """Return the versions, newest first; empty if there is no such dataset."""
    folder = of_dataset(dataset_id)
    if not folder.is_dir():
        return []
    found = [path.name for path in folder.iterdir() if VERSION_PATTERN.fullmatch(path.name)]
    return sorted(found, key=_number, reverse=True)


def now() -> str:
    # Milliseconds, because two made in the same second are listed by this: the newer first.
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def write_first(dataset: Path, frame: pd.DataFrame, origin: Origin) -> str:
    """Write v1 into the folder of a dataset that is not visible yet; return its id.

    Raises UserError for an invalid manifest.
    """
    folder = files.folder_below(dataset, "versions/v1")
    _write(folder, frame, origin)
    files.write_json(folder / FACTS, _facts(origin, frame) | {"id": "v1"})
    return "v1"


def write_next(dataset_id: str, frame: pd.DataFrame, origin: Origin) -> str:
    """Write the next version, entirely or not at all; return its id.

    Sessions that write at the same time each get their own version. Raises UserError for an invalid
    manifest.
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
