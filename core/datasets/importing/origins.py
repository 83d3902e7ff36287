"""Where photos come from: a folder, an archive, a place in Amazon S3, CUB-200-2011 or the built-in
sample; what may be imported, and how it gets here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core import settings
from core.aws import s3
from core.datasets import remote
from core.datasets.importing import cub
from core.datasets.importing.found import LeftOut
from core.datasets.progress import Meter
from core.datasets.staging import Staged
from core.errors import UserError
from core.io import archives, files
from core.io.names import shown

KINDS = ("folder", "archive", "s3", "cub", "sample")


@dataclass(frozen=True)
class ImportSource:
    """Where images come from. kind 'folder' and 'archive' need a path, and 'cub' may have one, of
    its archive; 's3' needs a `place`. `shown` is the name that a browser gave an uploaded file,
    which is only ever displayed. Of `classes` only these are taken, all where there are none.
    `brought` is a folder that holds what a plan has brought here already."""

    kind: str
    path: Path | None = None
    shown: str = ""
    classes: tuple[str, ...] = ()
    place: str = ""
    brought: Path | None = None


def importable(path: Path, roots: Sequence[Path] | None = None) -> Path:
    """`path`, absolute and with its links followed, where it lies in a folder that may be imported
    from; UserError otherwise.

    The refusal comes before any look at the path, so that it tells nothing about what is there.
    """
    roots = settings.import_roots() if roots is None else roots
    try:
        resolved = path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        raise UserError(f"{shown(str(path))} is no path. Check it.", field="path") from None
    if not any(resolved.is_relative_to(root) for root in roots):
        raise UserError(
            f"{shown(str(path))} is outside the folders that may be imported from: "
            f"{', '.join(map(str, roots))}. "
            f"Move it there, or name its folder in {settings.ENV_IMPORT_ROOTS}.",
            field="path",
        )
    return resolved


def checked_path(source: ImportSource) -> Path | None:
    """The path to import from, with its links followed; None where the source needs none.

    Raises UserError where it may not be used.
    """
    if source.kind not in KINDS:
        raise UserError(
            f"There is no way to import a {shown(source.kind)!r}. Use {', '.join(KINDS)}.",
            field="kind",
        )
    if source.kind == "s3":
        s3.place_of(source.place)
        return None
    if source.kind == "sample" or (source.kind == "cub" and source.path is None):
        return None
    if source.path is None or not str(source.path).strip():
        raise UserError(
            f"Say which {'folder' if source.kind == 'folder' else 'archive'} to import.",
            field="path",
        )
    if source.kind == "folder":
        path = importable(source.path)
        if not path.is_dir():
            raise UserError(f"{shown(str(path))} is no folder. Check the path.", field="path")
        return path
    if source.brought is not None:
        return None  # what the archive held lies there, and the archive is gone
    path = importable(source.path, (*settings.import_roots(), settings.uploads_dir().resolve()))
    if not path.is_file():
        raise UserError(
            f"{shown(source.shown or str(path))} is no file. Check the path.", field="path"
        )
    return path


@dataclass(frozen=True)
class Brought:
    """The folder to look for images in, what was left out on the way there, and what a person
    should know of that way."""

    folder: Path
    left_out: LeftOut = field(default_factory=LeftOut)
    note: str = ""


def brought_in(source: ImportSource, path: Path | None, staged: Staged, meter: Meter) -> Brought:
    """Brings the photos of a source into a folder, unless they lie in one."""
    if source.brought is not None:
        return Brought(_taken(source.brought, staged))
    if source.kind == "folder" and path is not None:
        return Brought(path)
    if source.kind == "archive" and path is not None:
        return _unpacked(path, staged, meter)
    if source.kind == "s3":
        left = LeftOut()
        left.update(remote.lay_out(s3.place_of(source.place), staged.images, meter))
        return Brought(staged.images, left)
    if source.kind == "cub":
        chosen = cub.numbers(source.classes)
        archive = cub.archive(path, len(chosen) / len(cub.species()), meter)
        archives.extract(
            archive, staged.images, meter.start("Unpacking", "bytes"), wanted=cub.wanted(chosen)
        )
        return Brought(staged.images)
    from core.datasets.sample import sketchbook

    files.require_free_space(staged.folder, 2**26, "The sample")
    sketchbook.draw(staged.images, progress=meter.start("Drawing", "images"))
    return Brought(staged.images)


def _unpacked(path: Path, staged: Staged, meter: Meter) -> Brought:
    done = archives.extract(path, staged.images, meter.start("Unpacking", "bytes"))
    left, note = LeftOut(), ""
    left.update(done.ignored)
    left.examples = dict(done.examples)
    if done.guessed:
        note = (
            f"The archive does not say in which encoding its names are; they were read as "
            f"{done.guessed.upper()}. Look whether the classes are called as they should be."
        )
    return Brought(staged.images, left, note)


def _taken(brought: Path, staged: Staged) -> Path:
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
    return staged.images


def described(source: ImportSource, path: Path | None) -> str:
    """The source in a few words, for the dataset's page."""
    if source.kind == "sample":
        return "Built-in sketchbook"
    if source.kind == "cub":
        return "CUB-200-2011"
    if source.kind == "s3":
        return f"Amazon S3 {s3.place_of(source.place).uri}"
    return f"{source.kind.capitalize()} {shown(source.shown or str(path))}"
