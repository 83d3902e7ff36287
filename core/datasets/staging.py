"""Datasets under construction: hidden folders, locked while in use, removed when their process has
ended."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.io import files
from core.io.names import clean_name, slug

STAGING = ".staging-"


@dataclass(frozen=True)
class Staged:
    """A dataset under construction: its folder is hidden until `add_dataset` renames it."""

    id: str
    folder: Path

    @property
    def images(self) -> Path:
        return self.folder / "images"

    def root_kept(self, root: Path) -> str:
        """Return how dataset.json names the folder of the photos: relative if it is Fieldmark's, so
        that FIELDMARK_HOME can be moved."""
        if root.is_relative_to(self.folder):
            return root.relative_to(self.folder).as_posix()
        return str(root)


@contextmanager
def stage(name: str) -> Iterator[Staged]:
    """Create a hidden folder for a new dataset.

    It is removed when the block ends, unless `add_dataset` took it over.
    """
    dataset_id = f"{slug(clean_name(name, 'dataset name'))}-{secrets.token_hex(3)}"
    with hidden(settings.datasets_dir(), dataset_id) as folder:
        yield Staged(dataset_id, folder)


@contextmanager
def hidden(parent: Path, name: str) -> Iterator[Path]:
    """Create a hidden folder in `parent`; it is removed when the block ends, unless it was renamed.

    It is locked while the block runs, so that the leftovers of a killed process can be recognised
    and removed.
    """
    sweep(parent)
    with files.held(parent / f"{STAGING}{name}") as folder:
        yield folder


def sweep(parent: Path) -> None:
    """Remove the leftovers of killed imports and deletions: hidden folders that are not locked."""
    for folder in parent.iterdir():
        left = folder.name.startswith(STAGING) and files.is_abandoned(folder)
        if left or folder.name.startswith(files.DELETED):
            files.remove(folder)
