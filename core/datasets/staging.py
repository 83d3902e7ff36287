"""Datasets in the making: hidden folders, locked while someone works on them, swept when nobody
does any more."""

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
    """A dataset that is being made: nobody sees its folder until `add_dataset` has renamed it."""

    id: str
    folder: Path

    @property
    def images(self) -> Path:
        return self.folder / "images"

    def root_kept(self, root: Path) -> str:
        """How dataset.json names the folder of the images: relative where they are ours, so that
        FIELDMARK_HOME can be moved."""
        if root.is_relative_to(self.folder):
            return root.relative_to(self.folder).as_posix()
        return str(root)


@contextmanager
def stage(name: str) -> Iterator[Staged]:
    """A hidden folder for a dataset that is being made.

    It is gone when the block ends, unless `add_dataset` took it over.
    """
    dataset_id = f"{slug(clean_name(name, 'dataset name'))}-{secrets.token_hex(3)}"
    with hidden(settings.datasets_dir(), dataset_id) as folder:
        yield Staged(dataset_id, folder)


@contextmanager
def hidden(parent: Path, name: str) -> Iterator[Path]:
    """A new hidden folder in `parent`, removed when the block ends, unless it was renamed.

    It stays locked as long as the block runs, so that what a killed process left behind can be told
    apart and swept.
    """
    sweep(parent)
    with files.held(parent / f"{STAGING}{name}") as folder:
        yield folder


def sweep(parent: Path) -> None:
    """Removes what killed imports and deletions left: hidden folders that nobody holds locked."""
    for folder in parent.iterdir():
        left = folder.name.startswith(STAGING) and files.is_abandoned(folder)
        if left or folder.name.startswith(files.DELETED):
            files.remove(folder)
