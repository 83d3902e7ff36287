"""Exports of a version: as folders, as a table, or as the manifest that SageMaker's built-in
algorithms read.

Everything is written to a new file or folder and appears entirely or not at all; the dataset is not
changed.
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import pandas as pd

from core.datasets import metadata, remote, store
from core.datasets.store import Version
from core.errors import FieldmarkError, UserError
from core.io import cells, files, names
from core.io.archives import is_junk

Progress = Callable[[int, int], None]
Entry = tuple[Path, str, str]

USED = ("train", "validation", "test")
CHUNK = 2**18
# The limit of file systems, less the suffix for two files of one name.
MAX_NAME_BYTES = 230


def used(version: Version) -> pd.DataFrame:
    """Return the rows in train, validation and test."""
    return store.manifest_of(version, filters=[("split", "in", list(USED))]).reset_index(drop=True)


def folders(version: Version, target: Path, progress: Progress = lambda done, total: None) -> Path:
    """Write a ZIP at `target` with `<split>/<class>/<photo>`, original files, and manifest.csv.

    It can be imported again unchanged.

    Raises UserError when no photo is in a split, when the disk is too small, and for a class name
    that can't be a folder name.
    """
    entries = _entries(version)
    files.require_free_space(target.parent, _size(version), "The export")
    with (
        files.atomic(target) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        for place, (path, shown, name) in enumerate(entries, 1):
            with _opened(path, shown) as source, archive.open(name, "w", force_zip64=True) as entry:
                shutil.copyfileobj(source, entry)
            progress(place, len(entries))
        archive.writestr("manifest.csv", _listing(version, entries), zipfile.ZIP_DEFLATED)
    return target


def stream(version: Version) -> Iterator[bytes]:
    """Yield the same ZIP in pieces, for a download that starts at once and needs no disk space.

    Raises as `folders` does, and when a photo is missing: before the first piece, because a
    download can't report an error later.
    """
    entries = _entries(version)
    for path, shown, _ in entries:
        if not path.is_file():
            raise FieldmarkError(
                f"{shown} is missing. Restore the file or leave the photo out, then export again."
            )
    return _streamed(version, entries)


def into_folder(
    version: Version, target: Path, progress: Progress = lambda done, total: None
) -> Path:
    """Create the folder `target` with `<split>/<class>/<photo>` and manifest.csv, entirely or not
    at all; the photos are copies.

    Raises UserError when the folder exists, and as `folders` does.
    """
    if target.exists():
        raise UserError(
            f"{target} is there already, and an export never replaces files. Choose a new folder.",
            field="path",
        )
    if not target.parent.is_dir():
        raise UserError(
            f"The folder {target.parent} does not exist. Create it, or choose another.",
            field="path",
        )
    entries = _entries(version)
    files.require_free_space(target.parent, _size(version), "The export")
    with files.held(target.with_name(f"{_making(target)}{secrets.token_hex(4)}")) as making:
        return _copied(version, entries, making, target, progress)


def unfinished(target: Path) -> Iterator[Path]:
    """Return what interrupted exports to `target` may have left beside it."""
    return target.parent.glob(f"{glob.escape(_making(target))}[0-9a-f]*")


def _making(target: Path) -> str:
    return f".{target.name}-"


def _copied(
    version: Version, entries: Sequence[Entry], making: Path, target: Path, progress: Progress
) -> Path:
    try:
        _copy(entries, making, progress)
        (making / "manifest.csv").write_bytes(_listing(version, entries).encode())
        making.rename(target)
    except OSError as error:
        raise UserError(
            f"{target} can't be written. {files.os_reason(error)}", field="path"
        ) from error
    return target


def _copy(entries: Sequence[Entry], folder: Path, progress: Progress) -> None:
    for place, (path, shown, name) in enumerate(entries, 1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with _opened(path, shown) as source, (folder / name).open("xb") as copy:
            shutil.copyfileobj(source, copy)
        progress(place, len(entries))


def table(version: Version, *, exact: bool = False) -> str:
    """Return the whole manifest as CSV, every row and column with the metadata of the photos,
    except their coordinates. Rows left out are included.

    Beside the photos it can be imported again. It is made for spreadsheets, which would run some
    names as formulas (core/io/cells.py); with `exact` every cell is unchanged, for programs.
    """
    frame = _with_metadata(version, store.manifest_of(version))
    return str(frame.to_csv(index=False)) if exact else cells.safe_csv(frame)


def _listing(version: Version, entries: Sequence[Entry]) -> str:
    """Return the rows of the photos in an export of folders, by their paths there, with their
    metadata except coordinates; `source_path` is the path in the dataset."""
    rows = used(version)
    rows = _with_metadata(version, rows)
    rows = rows.assign(source_path=rows["path"], path=[name for _, _, name in entries])
    return cells.safe_csv(rows)


def _with_metadata(version: Version, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a manifest with the metadata of the photos.

    Coordinates are left out, so that an export never discloses them by accident.
    """
    known = metadata.aligned(store.metadata_of(version), rows["path"])
    places = [name for name in known if str(name).casefold() in metadata.PLACES]
    known = known.drop(columns=places).set_index(rows.index)
    return pd.concat([rows, known], axis=1)


def augmented(version: Version, prefix: str, split: str) -> str:
    """Return one split as an augmented manifest: a JSON object per line with `source-ref` below
    `prefix` (an S3 address), the class's number as `label`, and `label-metadata` with its name, as
    Ground Truth writes it for single-label image classification.

    Raises UserError for a prefix that is not an S3 address and for a split without photos.
    """
    if not prefix.startswith("s3://") or not prefix[5:].strip("/"):
        raise UserError(
            f"{prefix!r} is not an S3 address. Enter the location of the photos, such as "
            "s3://bucket/folder.",
            field="prefix",
        )
    rows = used(version)
    rows = rows[rows["split"] == split]
    if rows.empty:
        raise UserError(f"No photo of this version is in {split}.", field="split")
    number = {label: place for place, label in enumerate(version.classes)}
    lines = (
        _line(row, prefix.rstrip("/"), number, version)
        for row in rows[["path", "label"]].to_dict("records")
    )
    return "".join(f"{line}\n" for line in lines)


def _line(row: Any, prefix: str, number: dict[str, int], version: Version) -> str:
    metadata = {
        "class-name": row["label"],
        "confidence": 1.0,
        "type": "groundtruth/image-classification",
        "human-annotated": "yes",
        "creation-date": version.created,
        "job-name": f"{version.dataset_id}/{version.id}",
    }
    body = {
        "source-ref": f"{prefix}/{row['path']}",
        "label": number.get(row["label"], -1),
        "label-metadata": metadata,
    }
    return json.dumps(body, ensure_ascii=False)


class _Pipe:
    """What a ZIP writes into and a download takes out of."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _streamed(version: Version, entries: Sequence[Entry]) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(
        cast("IO[bytes]", pipe), "w", zipfile.ZIP_STORED, allowZip64=True
    ) as archive:
        for path, shown, name in entries:
            with _opened(path, shown) as source, archive.open(name, "w", force_zip64=True) as entry:
                while chunk := source.read(CHUNK):
                    entry.write(chunk)
                    yield pipe.take()
        archive.writestr("manifest.csv", _listing(version, entries), zipfile.ZIP_DEFLATED)
    yield pipe.take()


def _entries(version: Version) -> list[Entry]:
    """Return the file of each photo in use, its path as shown, and its name in an export."""
    rows, dataset = used(version), store.dataset(version.dataset_id)
    if rows.empty:
        raise UserError("No photo of this version is in a split, so the export would be empty.")
    remote.bring(dataset.root, rows["path"])
    return [
        (store.image_path(dataset, path), str(path), name)
        for path, name in zip(rows["path"], _names(rows), strict=True)
    ]


def _size(version: Version) -> int:
    return int(used(version)["size_bytes"].sum())


def _names(rows: pd.DataFrame) -> Iterator[str]:
    """`<split>/<class>/<file>`; files of one name in a class keep apart by the beginning of their
    image id."""
    seen: set[str] = set()
    for row in rows[["path", "label", "split", "image_id"]].to_dict("records"):
        folder, file = f"{row['split']}/{_folder_name(str(row['label']))}", _file_name(row["path"])
        name, number = f"{folder}/{file.name}", 0
        while names.folded(name) in seen:
            number += 1
            name = f"{folder}/{file.stem}-{row['image_id'][:8]}-{number}{file.suffix}"
        seen.add(names.folded(name))
        yield name


def _folder_name(label: str) -> str:
    """Return the folder of a class. manifest.csv has the exact label; the folder must be a valid
    name that an import recognises."""
    if "/" in label or "\\" in label or label in (".", ".."):
        raise UserError(
            f"The class {label!r} can't be a folder name. Relabel its photos, then export again."
        )
    name = f"_{label}" if is_junk(label) else label
    return (
        name
        if len(name.encode()) <= MAX_NAME_BYTES
        else f"{_cut(name)}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
    )


def _file_name(path: str) -> PurePosixPath:
    """Return the file's name without characters that are not allowed in an archive."""
    file = PurePosixPath(re.sub(r"[\x00-\x1f\x7f\\]", "_", PurePosixPath(path).name))
    return (
        file.with_name(_cut(file.stem) + file.suffix)
        if len(file.name.encode()) > MAX_NAME_BYTES
        else file
    )


def _cut(name: str) -> str:
    """Return the beginning of a name, with room for a suffix that makes it unique."""
    return name.encode()[: MAX_NAME_BYTES - 20].decode(errors="ignore")


def _opened(path: Path, shown: str) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise FieldmarkError(
            f"{shown} can't be read ({error.strerror}). Restore the file or leave the photo out, "
            "then export again."
        ) from error
