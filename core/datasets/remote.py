"""Photos that stay in Amazon S3: a dataset's folder caches the photos that were needed and
downloads others on demand.

Beside such a folder `images` are `images.s3.json`, the S3 location that its paths are relative to,
and `images.s3.parquet`: the paths that exist, with their sizes and ETags. A file in the folder is
complete. For folders without these files, which are ordinary ones, nothing here has any effect.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pandas as pd

from core.aws import s3
from core.aws.s3 import Object, Place
from core.datasets.progress import Meter
from core.errors import UserError
from core.io import files, images
from core.io.archives import HIDDEN, is_junk

THREADS = 16
# What the tables of labels and of CUB-200-2011 are called; they are read during an import, and lie
# near the top.
TABLES = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".manifest", ".parquet", ".yaml"),
)
TABLE_DEPTH, MAX_TABLES, MAX_TABLE_BYTES = 3, 60, 2**28
BAD_KEY = "key in S3 that can't be a file's name"
BOTH = "key in S3 that is a folder, too"
AT_A_TIME = 256

Progress = Callable[[int, int], None]


def begins(root: Path) -> str:
    """Return the S3 location that the paths below `root` are relative to; empty for an ordinary
    folder."""
    place = _place(root)
    return place.uri if place else ""


def lay_out(place: Place, folder: Path, meter: Meter) -> dict[str, int]:
    """Make `folder` show what is below an S3 location: an empty file for every object, so that its
    layout can be recognised like that of any folder, and the tables with their content. Files left
    out are counted by reason.

    Raises UserError when the person asked to stop, BackendError when S3 refuses.
    """
    count, ignored, found, tables = (
        meter.start_counting("Listing Amazon S3", "files"),
        Counter[str](),
        [],
        0,
    )
    folder.mkdir(parents=True)
    for entry in s3.listed(place):
        count()
        if not entry.path or (entry.path.endswith("/") and not entry.size):
            continue  # what S3's console makes to show a folder
        if not s3.is_path(entry.path):
            ignored[BAD_KEY] += 1
        elif any(map(is_junk, entry.path.split("/"))):
            ignored[HIDDEN] += 1
        elif not _touch(folder / entry.path):
            ignored[BOTH] += 1
        else:
            found.append(entry)
            if tables < MAX_TABLES and _is_table(entry):
                tables += 1
                (folder / entry.path).write_bytes(
                    s3.read(place, entry.path, entry.etag, MAX_TABLE_BYTES)
                )
    _write(folder, place, found)
    return dict(ignored)


def _touch(path: Path) -> bool:
    """Create an empty file. Return False when a file is in the place of a folder, or a folder in
    the place of the file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError:
        return False
    return path.is_file()


def _is_table(entry: Object) -> bool:
    return (
        entry.path.lower().endswith(TABLES)
        and entry.path.count("/") < TABLE_DEPTH
        and entry.size <= MAX_TABLE_BYTES
    )


def move(folder: Path, root: Path) -> None:
    """Make `root`, a folder inside `folder`, the one that stands for an S3 location: the layout
    begins further down."""
    place = _place(folder)
    if place is None or folder == root:
        return
    below = root.relative_to(folder).as_posix()
    table = _table(folder)
    inside = table[table["path"].str.startswith(f"{below}/")].assign(
        path=lambda rows: rows["path"].str[len(below) + 1 :]
    )
    _write(
        root,
        place.below(below),
        [Object(*row) for row in inside.itertuples(index=False, name=None)],
    )
    _note(folder).unlink()
    _list(folder).unlink()


def content(root: Path, path: str) -> bytes | images.Facts:
    """Return the bytes of the photo at `path` below `root`, or why there are none. An object in S3
    is read without caching it."""
    place = _place(root)
    if place is None:
        return images.content(root / path)
    try:
        return s3.read(place, path)
    except ValueError as error:
        return images.Facts("", 0, 0, 0, str(error))


def unchanged(root: Path, other: Path, before: pd.DataFrame) -> dict[str, images.Facts]:
    """Return what the manifest `before` says of objects that `root` and `other` share with the same
    ETag, by path below `other`. They need not be read again."""
    mine, place = _place(root), _place(other)
    if (
        mine is None
        or place is None
        or mine.bucket != place.bucket
        or not place.prefix.startswith(mine.prefix)
    ):
        return {}
    found = _table(other).assign(
        known=lambda rows: place.prefix.removeprefix(mine.prefix) + rows["path"]
    )
    found = found.merge(
        _table(root).rename(columns={"path": "known"})[["known", "etag"]], on=["known", "etag"]
    )
    found = found.merge(before.rename(columns={"path": "known"}), on="known")
    columns = [
        found[name] for name in ("path", "image_id", "width", "height", "size_bytes", "problem")
    ]
    return {path: images.Facts(*facts) for path, *facts in zip(*columns, strict=True) if facts[0]}


def forget(root: Path) -> int:
    """Remove the cached copies of objects in S3, and the empty files of an import; return the bytes
    that were freed. Other files stay."""
    if _place(root) is None:
        return 0
    freed = 0
    for path in _table(root)["path"]:
        copy = root / path
        try:
            freed += copy.stat().st_size
            copy.unlink()
        except (FileNotFoundError, NotADirectoryError):
            continue
    _remove_empty_folders(root)
    with files.there(root.parent, "dataset"):
        root.mkdir(exist_ok=True)
    return freed


def _remove_empty_folders(root: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            continue


def kept(root: Path) -> tuple[int, int]:
    """Return how many photos in S3 have a copy here, and their bytes."""
    known = _known(_list(root), _list(root).stat().st_mtime_ns)
    sizes = [
        path.stat().st_size
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).as_posix() in known
    ]
    return len(sizes), sum(sizes)


def bring(
    root: Path,
    paths: Iterable[str],
    progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, str]:
    """Download those of `paths` that have no copy below `root` yet; return, by path, why some can't
    be had: deleted or changed in S3 since the import.

    An interrupted download continues at the next call. Raises BackendError when S3 refuses,
    UserError when the disk is too small; returns early when `should_stop` says so. Does nothing for
    an ordinary folder.
    """
    place = _place(root)
    if place is None:
        return {}
    missing = [path for path in dict.fromkeys(paths) if not (root / path).exists()]
    if not missing:
        return {}
    known = _known(_list(root), _list(root).stat().st_mtime_ns)
    wanted = [path for path in missing if path in known]
    files.require_free_space(
        root.parent, sum(known[path][0] for path in wanted), "Fetching these photos from Amazon S3"
    )
    problems: dict[str, str] = {}

    def fetch(path: str) -> None:
        try:
            data = s3.read(place, path, known[path][1])
        except ValueError as error:
            problems[path] = str(error)
            return
        with files.there(root, "dataset"):
            files.folder_below(root, PurePosixPath(path).parent)
            files.write_bytes(root / path, data)

    _each(fetch, wanted, progress, should_stop)
    return problems


def _each(
    fetch: Callable[[str], None],
    wanted: Sequence[str],
    progress: Progress,
    should_stop: Callable[[], bool],
) -> None:
    with ThreadPoolExecutor(min(THREADS, len(wanted)) or 1) as pool:
        for start in range(0, len(wanted), AT_A_TIME):
            some = wanted[start : start + AT_A_TIME]
            for number, _ in enumerate(pool.map(fetch, some), start + 1):
                progress(number, len(wanted))
                if should_stop():
                    pool.shutdown(wait=False, cancel_futures=True)
                    return


def extend(root: Path, other: Path) -> str | None:
    """Return the path of `other` as seen from `root`, when both stand for S3 locations and one
    contains the other: '' or 'a/b/'. From then on `root` knows the objects of `other`. Returns None
    when they have nothing in common."""
    mine, place = _place(root), _place(other)
    if (
        mine is None
        or place is None
        or mine.bucket != place.bucket
        or not place.prefix.startswith(mine.prefix)
    ):
        return None
    below = place.prefix.removeprefix(mine.prefix)
    added = _table(other).assign(path=lambda rows: below + rows["path"])
    # A known object stays what it was when it was imported.
    both = pd.concat([_table(root), added], ignore_index=True).drop_duplicates("path")
    _write_table(root, both)
    return below


@dataclass(frozen=True)
class Origin:
    """The S3 object of a path below `root`, as it was imported."""

    root: Path
    path: str
    bucket: str
    key: str
    etag: str


def origins(root: Path, paths: Iterable[str]) -> dict[Path, Origin]:
    """Return, by file, the objects of those paths that are in S3; empty for an ordinary folder."""
    place = _place(root)
    if place is None:
        return {}
    known = _known(_list(root), _list(root).stat().st_mtime_ns)
    there = (path for path in paths if path in known)
    return {
        root / path: Origin(root, path, place.bucket, f"{place.prefix}{path}", known[path][1])
        for path in there
    }


def _note(root: Path) -> Path:
    return root.with_name(f"{root.name}.s3.json")


def _list(root: Path) -> Path:
    return root.with_name(f"{root.name}.s3.parquet")


def _place(root: Path) -> Place | None:
    if not root.name:  # the top of the file system, which photos of no dataset are relative to
        return None
    try:
        return s3.place_of(files.read_json(_note(root))["place"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{_note(root)} can't be read ({error}). Import that place in S3 again."
        ) from error


def _write(root: Path, place: Place, found: Sequence[Object]) -> None:
    _write_table(
        root,
        pd.DataFrame(
            [(one.path, one.size, one.etag) for one in found], columns=["path", "size", "etag"]
        ),
    )
    files.write_json(_note(root), {"place": place.uri})


def _write_table(root: Path, table: pd.DataFrame) -> None:
    with files.atomic(_list(root)) as file:
        table.to_parquet(file, index=False)


def _table(root: Path) -> pd.DataFrame:
    return pd.read_parquet(_list(root))


@lru_cache(maxsize=4)
def _known(path: Path, _changed: int) -> dict[str, tuple[int, str]]:
    """Return size and ETag by path; read again when the file has changed."""
    table = pd.read_parquet(path)
    return dict(
        zip(table["path"], zip(table["size"].astype(int), table["etag"], strict=True), strict=True)
    )
