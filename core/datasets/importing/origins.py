"""Where photos come from: a folder, an archive, a place in Amazon S3, CUB-200-2011 or the built-in
sample; what may be imported, and how it gets here."""

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
from core.datasets.importing.found import LeftOut
from core.datasets.progress import Meter
from core.datasets.staging import Staged
from core.errors import UserError
from core.io import archives, files
from core.io.names import printable


@dataclass(frozen=True)
class ImportSource:
    """Where images come from. kind 'folder' and 'archive' need a path, and 'cub' may have one, of
    its archive; 's3' needs a `place`. `shown` is the name that a browser gave an uploaded file,
    which is only ever displayed. Of `classes` only these are taken, all where there are none.
    `brought` is a folder that holds what a plan has brought here already, and `left_out` what was
    left out on that way."""

    kind: str
    path: Path | None = None
    shown: str = ""
    classes: tuple[str, ...] = ()
    place: str = ""
    brought: Path | None = None
    left_out: LeftOut = field(default_factory=LeftOut)


def importable(path: Path, roots: Sequence[Path] | None = None) -> Path:
    """`path`, absolute and with its links followed, where it lies in a folder that may be imported
    from; UserError otherwise.

    The refusal comes before any look at the path, so that it tells nothing about what is there.
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
    folder = importable(path)
    if folder.is_file():
        raise UserError(
            f"{printable(str(path))} is a file. Enter the path of a folder.", field="path"
        )
    if not folder.is_dir():
        raise UserError(f"There is no folder at {printable(str(path))}.", field="path")
    return folder


@dataclass(frozen=True)
class Brought:
    """The folder to look for images in, what was left out on the way there, and what a person
    should know of that way."""

    folder: Path
    left_out: LeftOut = field(default_factory=LeftOut)
    note: str = ""


def of(source: ImportSource) -> Origin:
    """The origin of this kind, checked.

    Raises UserError where there is no such kind, or what was given may not be used.
    """
    if source.kind not in ORIGINS:
        raise UserError(
            f"There is no way to import a {printable(source.kind)!r}. Use {', '.join(ORIGINS)}.",
            field="kind",
        )
    return ORIGINS[source.kind](source)


class Origin(ABC):
    """One way in. It is checked as it is made, which raises UserError; `words` describe it on the
    dataset's page."""

    words = ""

    def __init__(self, source: ImportSource) -> None:
        self.source = source

    @abstractmethod
    def bring(self, staged: Staged, meter: Meter) -> Brought:
        """The photos in a folder: in `staged`, unless they lie in one."""


class FolderOrigin(Origin):
    """A folder on this machine, whose photos stay where they are."""

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.path = require_folder(_given(source.path, "folder"))
        self.words = f"Folder {printable(source.shown or str(self.path))}"

    def bring(self, staged: Staged, meter: Meter) -> Brought:
        return Brought(self.path)


class ArchiveOrigin(Origin):
    """An archive, or what a plan has unpacked of it."""

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.path = _given(source.path, "archive")
        if source.brought is None:
            self.path = _file(self.path, source.shown)
        self.words = f"Archive {printable(source.shown or str(self.path))}"

    def bring(self, staged: Staged, meter: Meter) -> Brought:
        if self.source.brought is not None:
            return _taken(self.source, self.source.brought, staged)
        done = archives.extract(self.path, staged.images, meter.start("Unpacking", "bytes"))
        left, note = LeftOut(), ""
        left.update(done.ignored)
        left.examples = dict(done.examples)
        if done.guessed:
            note = (
                "The archive does not say in which encoding its names are; they were read as "
                f"{done.guessed.upper()}. Look whether the classes are called as they should be."
            )
        return Brought(staged.images, left, note)


class S3Origin(Origin):
    """A place in Amazon S3, whose photos stay there."""

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.place = s3.place_of(source.place)
        self.words = f"Amazon S3 {self.place.uri}"

    def bring(self, staged: Staged, meter: Meter) -> Brought:
        if self.source.brought is not None:
            return _taken(self.source, self.source.brought, staged)
        left = LeftOut()
        left.update(remote.lay_out(self.place, staged.images, meter))
        return Brought(staged.images, left)


class CubOrigin(Origin):
    """CUB-200-2011, downloaded or from its archive; some of its species or all."""

    words = "CUB-200-2011"

    def __init__(self, source: ImportSource) -> None:
        super().__init__(source)
        self.path = source.path
        if source.path is not None:
            self.path = _file(_given(source.path, "archive"), source.shown)

    def bring(self, staged: Staged, meter: Meter) -> Brought:
        chosen = cub.numbers(self.source.classes)
        meter.expect_reading(cub.PHOTOS * len(chosen) / len(cub.species()))
        archive = cub.archive(self.path, len(chosen) / len(cub.species()), meter)
        tell = meter.start("Unpacking", "bytes")
        archives.extract(archive, staged.images, tell, wanted=cub.wanted(chosen))
        return Brought(staged.images)


class SampleOrigin(Origin):
    """The bird drawings that are shipped with Fieldmark."""

    words = "Built-in sketchbook"

    def bring(self, staged: Staged, meter: Meter) -> Brought:
        meter.expect_reading(sample.COUNT)
        archives.extract(sample.ARCHIVE, staged.images, meter.start("Unpacking", "bytes"))
        return Brought(staged.images)


ORIGINS: dict[str, type[Origin]] = {
    "folder": FolderOrigin,
    "archive": ArchiveOrigin,
    "s3": S3Origin,
    "cub": CubOrigin,
    "sample": SampleOrigin,
}


def _given(path: Path | None, what: str) -> Path:
    if path is None or not str(path).strip():
        raise UserError(f"Say which {what} to import.", field="path")
    return path


def _file(path: Path, name: str) -> Path:
    """The archive at `path`, which may have been uploaded under another name."""
    found = importable(path, (*settings.import_roots(), settings.uploads_dir().resolve()))
    if not found.is_file():
        raise UserError(f"There is no file at {printable(name or str(path))}.", field="path")
    return found


def _taken(source: ImportSource, brought: Path, staged: Staged) -> Brought:
    """What a plan has brought here, for the dataset too: by links, so that an import that fails can
    be tried again.

    Raises UserError where it is gone.
    """
    if not (brought / staged.images.name).is_dir():
        raise UserError(
            "What was looked into is gone: it was imported, or removed. Bring it in again.",
            field="plan",
        )
    with files.there(brought, "plan"):
        shutil.copytree(brought, staged.folder, copy_function=files.link, dirs_exist_ok=True)
    return Brought(staged.images, source.left_out)
