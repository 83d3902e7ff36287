"""The sources of a batch's photos: a split of a dataset, a folder, an archive, or uploaded
photos."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from core import settings
from core.batch import items
from core.batch.items import Item
from core.datasets import manifest, store
from core.datasets.importing import origins
from core.datasets.importing.entries import IgnoredFiles, find_images
from core.datasets.planning.tables import cub_tables
from core.errors import NotFound, UserError
from core.io import archives, files
from core.io.names import printable
from core.jobs import inbox
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec

NAMES = "names.json"

Progress = Callable[[str, int, int], None]
ShouldStop = Callable[[], bool]


@dataclass
class Source:
    """The photos of a job, listed in its folder: their files are relative to `root`; `ignored`
    counts the other files by reason."""

    root: Path
    total: int = 0
    ignored: IgnoredFiles = field(default_factory=IgnoredFiles)


def require_images(spec: TransformSpec) -> None:
    """Raise UserError, before any job is created, if the source has no photos or may not be
    read."""
    if spec.resumed_from:
        RunFolder.of(spec.resumed_from)  # its own list of photos is used
        return
    if spec.source == "split":
        parts = store.version(spec.dataset_id, spec.version_id).split_counts()
        counts = {**parts, spec.ALL_SPLITS: sum(parts.values())}
        if not counts[spec.split]:
            raise UserError(
                f"The {spec.split} split of this dataset version has no photos. Choose another "
                "one.",
                field="split",
            )
        return
    if spec.source == "s3":
        raise UserError(
            "Batches over S3 run only on SageMaker. Choose Amazon SageMaker.", field="path"
        )
    path = origins.require_importable(
        Path(spec.path), (*settings.import_roots(), settings.uploads_dir().resolve())
    )
    if spec.source == "archive":
        if not path.is_file():
            raise UserError(
                f"{printable(spec.shown or str(path))} is not a file. Check the path.", field="path"
            )
    elif not path.is_dir():
        raise UserError(f"{printable(str(path))} is not a folder. Check the path.", field="path")
    elif next(_in_folder(path, IgnoredFiles(), lambda: False), None) is None:
        raise UserError(
            f"There are no photos in {printable(spec.shown or str(path))}. {_formats()}",
            field="path",
        )


def collect(
    spec: TransformSpec,
    folder: RunFolder,
    classes: Collection[str],
    progress: Progress,
    should_stop: ShouldStop,
) -> Source:
    """List the job's photos in its folder; unpack an archive, move uploaded photos there.

    Photos in folders named like one of `classes` get that label. Raises UserError if there are no
    photos or when `should_stop` returns True, BadArchive as archives.extract does.
    """
    source = Source(root_of(spec, folder))
    if spec.source == "split":
        found = _in_split(spec)
    elif spec.source == "upload":
        found = _uploaded(Path(spec.path), source.root)
    else:
        if spec.source == "archive":
            shutil.rmtree(source.root, ignore_errors=True)
            unpacked = archives.extract(
                Path(spec.path),
                source.root,
                lambda done, total: progress("Unpacking", done, total),
                should_stop,
            )
            source.ignored.update(unpacked.ignored)
            source.ignored.examples.update(unpacked.examples)
        found = _in_folder(source.root, source.ignored, should_stop)
    if spec.source != "split":
        found = labelled(found, classes)
    source.total = items.write(_counted(found, progress, should_stop), list_of(folder))
    if not source.total:
        raise UserError(
            f"There are no photos in {printable(spec.shown or spec.path)}. {_formats()}",
            field="path",
        )
    return source


def root_of(spec: TransformSpec, folder: RunFolder) -> Path:
    """Return the folder that the job's files are relative to.

    Raises NotFound if the dataset was deleted.
    """
    if spec.source == "split":
        return store.dataset(spec.dataset_id).root
    if spec.source == "folder":
        return Path(spec.path).resolve()
    return folder.input / "images"


def list_of(folder: RunFolder) -> Path:
    """Return the path of the job's list of photos."""
    return folder.input / "items.parquet"


def take_over(previous: RunFolder, folder: RunFolder) -> int:
    """Take the list, and unpacked or uploaded photos, from the job that this one resumes.

    Return the number of rows; 0 if that job has no list. Files are hard-linked, not copied: either
    job can be deleted without the other.
    """
    images = previous.input / "images"
    if images.is_dir():
        shutil.copytree(images, folder.input / "images", copy_function=files.link)
    if not list_of(previous).exists():
        return 0
    files.link(list_of(previous), list_of(folder))
    return items.count(list_of(folder))


def release(spec: TransformSpec) -> None:
    """Delete an uploaded archive once its photos are in the job's folder."""
    path = Path(spec.path)
    if spec.source == "archive" and path.parent == settings.uploads_dir():
        path.unlink(missing_ok=True)


def keep_archive(upload: IO[bytes], size: int) -> Path:
    """Save an uploaded archive under a generated name; return its path.

    Raises UserError if the disk has no room for it and its photos.
    """
    files.require_free_space(settings.uploads_dir(), 2 * size, "This archive and its photos")
    path = inbox.new_archive()
    with files.atomic(path) as target:
        shutil.copyfileobj(upload, target)
    return path


def keep_uploads(photos: Iterable[tuple[str, IO[bytes]]]) -> Path:
    """Save uploaded photos under generated names, with a list of their original names; return the
    folder, the `path` of a spec."""
    folder = inbox.new_folder()
    try:
        _keep(photos, folder)
    except BaseException:
        files.remove(folder)
        raise
    return folder


def _keep(photos: Iterable[tuple[str, IO[bytes]]], folder: Path) -> None:
    names = []
    for number, (name, content) in enumerate(photos):
        suffix = PurePosixPath(name.lower()).suffix
        if suffix not in settings.IMAGE_SUFFIXES:
            suffix = ".jpg"
        file = f"{number:06}{suffix}"
        with files.atomic(folder / file) as target:
            shutil.copyfileobj(content, target)
        names.append([file, _relative(name)])
    files.write_json(folder / NAMES, names)


def _in_split(spec: TransformSpec) -> Iterator[Item]:
    filters: manifest.Filters = []
    if spec.split != spec.ALL_SPLITS:
        filters = [("split", "==", spec.split)]
    version = store.version(spec.dataset_id, spec.version_id)
    frame = store.manifest_of(version, columns=["path", "image_id", "label"], filters=filters)
    for path, image_id, label in frame.itertuples(index=False, name=None):
        yield Item(path, path, image_id, label)


def _in_folder(root: Path, ignored: IgnoredFiles, should_stop: ShouldStop) -> Iterator[Item]:
    def on_file() -> None:
        if should_stop():
            raise UserError("The batch was stopped while it listed its photos.")

    try:
        # Unreadable subfolders are counted; this folder has to be readable.
        os.scandir(root).close()
        for path in find_images(root, ignored, on_file):
            relative = path.relative_to(root).as_posix()
            yield Item(relative, relative)
    except OSError as error:
        message = (
            f"{printable(str(error.filename))} can't be read ({error.strerror}). Fix its "
            "permissions or move it away."
        )
        raise UserError(message, field="path") from error


def _uploaded(kept: Path, target: Path) -> Iterator[Item]:
    """Yield the uploaded photos, moved into the job's folder."""
    try:
        if not kept.resolve().is_relative_to(settings.uploads_dir().resolve()):
            raise UserError("These photos were not uploaded here. Upload them again.", field="path")
        if kept.exists():
            os.rename(kept, target)
        for file, path in json.loads((target / NAMES).read_bytes()):
            yield Item(str(file), str(path))
    except (OSError, ValueError) as error:
        raise NotFound(f"The uploaded photos are gone ({error}). Upload them again.") from error


def labelled(found: Iterable[Item], classes: Collection[str]) -> Iterator[Item]:
    """Yield each photo with the label of the nearest parent folder that is named like a class."""
    known: dict[str, str] = {}
    names = set(classes)
    for item in found:
        folder = item.path.rpartition("/")[0]
        if folder not in known:
            parts = reversed(folder.split("/"))
            known[folder] = next(
                (
                    name
                    for part in parts
                    for name in (part, cub_tables.species_name(part))
                    if name in names
                ),
                "",
            )
        yield item._replace(label=known[folder])


def _counted(found: Iterable[Item], progress: Progress, should_stop: ShouldStop) -> Iterator[Item]:
    for number, item in enumerate(found):
        if number % 1000 == 0:
            progress("Listing photos", number, 0)
            if should_stop():
                raise UserError("The batch was stopped while it listed its photos.")
        yield item


def _relative(name: str) -> str:
    """Return a browser's file name as a harmless relative path with its folders, for display
    only."""
    parts = [part.strip() for part in printable(name).replace("\\", "/").split("/")]
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "photo"


def _formats() -> str:
    endings = ", ".join(settings.IMAGE_SUFFIXES)
    return f"Only files that end in {endings} are read, subfolders included."
