"""The sources that photos are imported from: a folder, an archive, Amazon S3, CUB-200-2011 and the
built-in sample."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core import settings
from core.aws import s3
from core.datasets import remote, sample
from core.datasets.importing import cub
from core.datasets.importing.entries import IgnoredFiles
from core.datasets.progress import Meter
from core.datasets.staging import Staged
from core.errors import UserError
from core.io import archives, files
from core.io.names import printable


@dataclass(frozen=True)
class ImportSource:
    """Where photos come from.

    The kinds 'folder' and 'archive' need a `path`; 'cub' may have one, that of its archive; 's3'
    needs a `place`. `encoding` is that of an archive's names that do not declare it, '' to detect
    it. `display_name` is a browser's name of an upload and is only displayed. Only
    `classes` are imported, or all if it is empty. `fetched` is the folder into which a preview has
    unpacked or listed the source already, and `left_out` counts what it ignored.
    """

    kind: str
    path: Path | None = None
    display_name: str = ""
    classes: tuple[str, ...] = ()
    place: str = ""
    encoding: str = ""
    fetched: Path | None = None
    left_out: IgnoredFiles = field(default_factory=IgnoredFiles)


def require_importable(path: Path, roots: Sequence[Path] | None = None) -> Path:
    """Return `path` with its links resolved. Raises UserError unless it is absolute and inside a
    folder that may be imported.

    Nothing at the path is read before that, so the error reveals nothing about it.
    """
    roots = settings.import_roots() if roots is None else roots
    try:
        resolved = path.expanduser()
        if not resolved.is_absolute():
            raise UserError(
                f"{printable(str(path))} is a relative path. Enter the full path, which "
                "begins with /.",
                field="path",
            )
        resolved = resolved.resolve()
    except (OSError, RuntimeError, ValueError):
        raise UserError(f"{printable(str(path))} is not a valid path.", field="path") from None
    if not any(resolved.is_relative_to(root) for root in roots):
        raise UserError(
            f"{printable(str(path))} is outside the folders that Fieldmark may read: "
            f"{', '.join(map(str, roots))}. "
            f"Move it there, or add its folder to {settings.ENV_IMPORT_ROOTS}.",
            field="path",
        )
    return resolved


def require_folder(path: Path) -> Path:
    """Return `path` as `importable` does. Raises UserError also if there is no folder."""
    folder = require_importable(path)
    if folder.is_file():
        raise UserError(
            f"{printable(str(path))} is a file. Enter the path of a folder.", field="path"
        )
    if not folder.is_dir():
        raise UserError(f"There is no folder at {printable(str(path))}.", field="path")
    return folder


def import_failure(error: OSError) -> UserError:
    """Return the error of an import that the system refused, naming the person's own path.

    Files in Fieldmark's own folder are not named: the person never sees them.
    """
    place = "the disk"
    if error.filename:
        place = "Fieldmark's data folder"
        if not Path(error.filename).is_relative_to(settings.home()):
            place = printable(str(error.filename))
    return UserError(f"The import failed at {place}: {error.strerror or error}. Nothing was kept.")


@dataclass(frozen=True)
class SourceFolder:
    """The local folder of a source, the files ignored while it was fetched, and a note about that
    for the person."""

    folder: Path
    left_out: IgnoredFiles = field(default_factory=IgnoredFiles)
    note: str = ""


def create(source: ImportSource) -> Origin:
    """Return the origin of a source. Raises UserError for an unknown kind, or for a source that
    may not be imported."""
    if source.kind not in ORIGINS:
        raise UserError(
            f"{printable(source.kind)!r} is not a kind of source. Use {', '.join(ORIGINS)}.",
            field="kind",
        )
    return ORIGINS[source.kind](source)


class Origin(ABC):
    """A kind of source, checked when created, which raises UserError. `words` describe it on the
    dataset's page."""

    words = ""

    def __init__(self, source: ImportSource) -> None:
        self.source = source

    @abstractmethod
    def fetch(self, staged: Staged, meter: Meter) -> SourceFolder:
        """Fetch the photos and return their folder: `staged`, unless they are in one already."""


class FolderOrigin(Origin):
    """A folder on this machine, whose photos are not copied."""

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.path = require_folder(_require_path(source.path, "folder"))
        self.words = f"Folder {printable(source.display_name or str(self.path))}"

    def fetch(self, staged: Staged, meter: Meter) -> SourceFolder:
        return SourceFolder(self.path)


class ArchiveOrigin(Origin):
    """An archive, or the folder into which a preview unpacked it."""

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.path = _require_path(source.path, "archive")
        if source.fetched is None:
            self.path = _require_archive(self.path, source.display_name)
        self.words = f"Archive {printable(source.display_name or str(self.path))}"

    def fetch(self, staged: Staged, meter: Meter) -> SourceFolder:
        if self.source.fetched is not None:
            return _link_from_preview(self.source, self.source.fetched, staged)
        tell = meter.start("Unpacking", "bytes")
        done = archives.extract(self.path, staged.images, tell, encoding=self.source.encoding)
        left, note = IgnoredFiles(), ""
        left.update(done.ignored)
        left.examples = dict(done.examples)
        if done.guessed:
            note = (
                "The archive does not give the encoding of its file names; "
                f"{done.guessed.upper()} was assumed. Check the class names. If they are wrong, "
                "choose the encoding beside the archive and preview it again."
            )
        return SourceFolder(staged.images, left, note)


class S3Origin(Origin):
    """An Amazon S3 location, whose photos stay there."""

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.place = s3.place_of(source.place)
        self.words = f"Amazon S3 {self.place.uri}"

    def fetch(self, staged: Staged, meter: Meter) -> SourceFolder:
        if self.source.fetched is not None:
            return _link_from_preview(self.source, self.source.fetched, staged)
        left = IgnoredFiles()
        left.update(remote.lay_out(self.place, staged.images, meter))
        return SourceFolder(staged.images, left)


class CubOrigin(Origin):
    """CUB-200-2011, downloaded or from its archive, whole or some of its species."""

    words = "CUB-200-2011"

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.path = source.path
        if source.path is not None:
            self.path = _require_archive(_require_path(source.path, "archive"), source.display_name)

    def fetch(self, staged: Staged, meter: Meter) -> SourceFolder:
        chosen = cub.species_numbers(self.source.classes)
        meter.expect_reading(cub.PHOTOS * len(chosen) / len(cub.species()))
        archive = cub.fetch_archive(self.path, len(chosen) / len(cub.species()), meter)
        tell = meter.start("Unpacking", "bytes")
        archives.extract(archive, staged.images, tell, wanted=cub.entry_filter(chosen))
        return SourceFolder(staged.images)


class SampleOrigin(Origin):
    """The bird drawings that are shipped with Fieldmark."""

    words = "Built-in sketchbook"

    def fetch(self, staged: Staged, meter: Meter) -> SourceFolder:
        meter.expect_reading(sample.COUNT)
        archives.extract(sample.ARCHIVE, staged.images, meter.start("Unpacking", "bytes"))
        return SourceFolder(staged.images)


ORIGINS: dict[str, type[Origin]] = {
    "folder": FolderOrigin,
    "archive": ArchiveOrigin,
    "s3": S3Origin,
    "cub": CubOrigin,
    "sample": SampleOrigin,
}


def _require_path(path: Path | None, what: str) -> Path:
    if path is None or not str(path).strip():
        raise UserError(f"Enter the path of the {what}.", field="path")
    return path


def _require_archive(path: Path, name: str) -> Path:
    """Return the archive at `path`; `name` is that of an upload."""
    archive = require_importable(path, (*settings.import_roots(), settings.uploads_dir().resolve()))
    if not archive.is_file():
        raise UserError(f"There is no file at {printable(name or str(path))}.", field="path")
    return archive


def _link_from_preview(source: ImportSource, fetched: Path, staged: Staged) -> SourceFolder:
    """Link the files that a preview fetched into the dataset, so that a failed import can be
    repeated. Raises UserError if they are gone."""
    if not (fetched / staged.images.name).is_dir():
        raise UserError(
            "This preview's files are gone: they were imported or removed. Preview them again.",
            field="plan",
        )
    with files.there(fetched, "plan"):
        shutil.copytree(fetched, staged.folder, copy_function=files.link, dirs_exist_ok=True)
    return SourceFolder(staged.images, source.left_out)
