"""Datasets on disk: a folder each, with immutable versions.

The listing is the index; a damaged folder never hides the others.

<HOME>/datasets/<dataset_id>/dataset.json
<HOME>/datasets/<dataset_id>/images/        only if Fieldmark unpacked or drew the photos
<HOME>/datasets/<dataset_id>/versions/v1/   manifest.parquet, version.json
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core import settings
from core.bin import entries as bin_folder
from core.datasets import browse, manifest, remote, splits, version_folders
from core.datasets import metadata as photo_metadata
from core.datasets.browse import Query
from core.datasets.staging import Staged, stage
from core.datasets.version_folders import Origin
from core.errors import NotFound, UserError
from core.io import files
from core.io.names import clean_name, numbered, printable

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
EVERYTHING = Query()


@dataclass(frozen=True)
class Dataset:
    """A named set of photos with labels.

    Paths of photos are relative to `root`. `drawn` is True for drawings instead of photos.
    """

    id: str
    name: str
    root: Path
    source: str
    created: str
    drawn: bool = False


@dataclass(frozen=True)
class Version:
    """One immutable manifest.

    `classes` are the labels with training photos, in order; `counts` is `{label: {split: photos}}`
    over all rows; `problems` of them can't be used; `split` says how the split was made (see
    splits.apply); `report` is the import's.
    """

    dataset_id: str
    id: str
    parent: str
    created: str
    note: str
    classes: tuple[str, ...]
    counts: manifest.Counts
    problems: int
    split: Mapping[str, Any]
    report: Mapping[str, Any]
    unlabelled: int = 0

    @property
    def folder(self) -> Path:
        return version_folders.of_dataset(self.dataset_id) / self.id

    @property
    def manifest_path(self) -> Path:
        return self.folder / version_folders.MANIFEST

    @property
    def images(self) -> int:
        """Return the number of photos, including those without a label."""
        return sum(sum(row.values()) for row in self.counts.values()) + self.unlabelled

    def split_counts(self) -> dict[str, int]:
        """Return the number of photos in each split, over all classes."""
        return {split: sum(row[split] for row in self.counts.values()) for split in settings.SPLITS}


@dataclass(frozen=True)
class Unreadable:
    """A dataset or version folder that can't be read, with the reason."""

    id: str
    reason: str


def datasets() -> list[Dataset | Unreadable]:
    """Return all datasets, newest first, followed by those that can't be read."""
    found: list[Dataset | Unreadable] = []
    for folder in settings.datasets_dir().iterdir():
        if ID_PATTERN.fullmatch(folder.name) and folder.is_dir():
            item = _dataset_or_reason(folder.name)
            # Another session may have deleted it since the folder was listed.
            if isinstance(item, Dataset) or folder.is_dir():
                found.append(item)
    return sorted(found, key=_by_age, reverse=True)


def dataset(dataset_id: str) -> Dataset:
    """Return the dataset. Raises NotFound if there is none or its folder can't be read."""
    item = _dataset_or_reason(dataset_id)
    if isinstance(item, Unreadable):
        raise NotFound(f"The dataset {dataset_id!r} can't be opened: {item.reason}")
    return item


def versions(dataset_id: str) -> list[Version | Unreadable]:
    """Return all versions of a dataset, newest first, damaged ones as Unreadable.

    Raises NotFound if there is no such dataset.
    """
    dataset(dataset_id)
    return [_version_or_reason(dataset_id, name) for name in version_folders.names(dataset_id)]


def version(dataset_id: str, version_id: str) -> Version:
    """Return the version. Raises NotFound if there is none or its folder can't be read."""
    item = _version_or_reason(dataset_id, version_id)
    if isinstance(item, Unreadable):
        raise NotFound(
            f"Version {version_id!r} of the dataset {dataset_id!r} can't be opened: {item.reason}"
        )
    return item


def to_learn_from(dataset_id: str, version_id: str) -> Version:
    """Return the version if it can be trained on.

    Raises NotFound as `version` does, UserError if no photo has a label and is in train.
    """
    found = version(dataset_id, version_id)
    if not found.classes:
        raise UserError(
            "This version can't be trained on: no photo has a label and is in train. Label photos, "
            "then split them.",
            field="version_id",
        )
    return found


def latest(dataset_id: str) -> Version:
    """Return the newest version that can be read. Raises NotFound if there is none."""
    for item in versions(dataset_id):
        if isinstance(item, Version):
            return item
    raise NotFound(
        f"The dataset {dataset_id!r} has no version that can be read. Delete it and import it "
        "again."
    )


def manifest_of(
    of: Version, columns: Sequence[str] | None = None, filters: manifest.Filters | None = None
) -> pd.DataFrame:
    """Return the rows of the manifest, or some of them: see manifest.read."""
    return manifest.read(of.manifest_path, columns, filters)


def page(
    of: Version, query: Query = EVERYTHING, *, offset: int = 0, limit: int = 60
) -> tuple[pd.DataFrame, int]:
    """Return the rows of one page of the gallery and how many pass the query: see browse.page."""
    return browse.page(of.manifest_path, query, offset, limit)


def count(of: Version, query: Query = EVERYTHING) -> int:
    """Return how many rows pass the query."""
    return browse.count(of.manifest_path, query)


def position(of: Version, query: Query, path: str) -> int | None:
    """Return the place of a photo among those that pass the query: see browse.position."""
    return browse.position(of.manifest_path, query, path)


def image_path(of: Dataset, path: str) -> Path:
    """Return the file of the photo in this row; a photo in S3 is fetched first.

    Raises UserError if a link leads outside the dataset's folder, BackendError if S3 refuses.
    """
    place = files.safe_join(of.root, path)
    remote.bring(of.root, [path])
    return place


def add_dataset(
    name: str,
    root: Path,
    source: str,
    frame: pd.DataFrame,
    report: Mapping[str, Any],
    *,
    split: Mapping[str, Any],
    drawn: bool = False,
    staged: Staged | None = None,
    metadata: pd.DataFrame | None = None,
    attached: Mapping[str, Any] | None = None,
) -> Version:
    """Create a dataset whose v1 is `frame`, atomically; return v1.

    If `root` is inside `staged`, that folder becomes the dataset's. `attached` are JSON values by
    file name, saved beside the manifest.

    Raises UserError for an invalid name or manifest.
    """
    if staged is None:
        with stage(name) as own:
            return add_dataset(
                name,
                root,
                source,
                frame,
                report,
                split=split,
                drawn=drawn,
                staged=own,
                metadata=metadata,
                attached=attached,
            )
    facts = {
        "id": staged.id,
        # No two datasets have one name, even if they are imported at the same time.
        "name": numbered(clean_name(name, "dataset name"), names_taken()),
        "root": staged.root_kept(root.absolute()),
        "source": source,
        "created": version_folders.now(),
        "drawn": drawn,
    }
    files.write_json(staged.folder / "dataset.json", facts)
    origin = Origin("", "Imported", split, report, attached or {}, metadata)
    first = version_folders.write_first(staged.folder, frame, origin)
    files.move(staged.folder, settings.datasets_dir() / staged.id)
    return version(staged.id, first)


def add_version(
    parent: Version,
    frame: pd.DataFrame,
    note: str,
    split: Mapping[str, Any],
    attached: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
    metadata: pd.DataFrame | None = None,
) -> Version:
    """Create the next version of `parent`'s dataset; the metadata of its photos is copied.

    Sessions that add at the same time each create a version.

    `attached` are JSON values stored beside the manifest, by file name; `report` and `metadata`
    belong to an import that added photos. Raises UserError for an invalid manifest, NotFound when
    the dataset was deleted.
    """
    note = note.strip()[: 4 * settings.MAX_NAME_LENGTH]
    known = photo_metadata.joined(metadata_of(parent), metadata)
    origin = Origin(parent.id, note, split, report or {}, attached or {}, known)
    made = version_folders.write_next(parent.dataset_id, frame, origin)
    return version(parent.dataset_id, made)


def metadata_of(of: Version) -> pd.DataFrame | None:
    """Return the metadata of the version's photos (see core.datasets.metadata), or None."""
    return photo_metadata.read(of.folder)


def derive(
    parent: Version, split: Mapping[str, Any], labels: Sequence[str] | None = None, note: str = ""
) -> Version:
    """Create the next version with only these classes (None: all), split as `split` describes.

    See splits.apply. Raises UserError, naming the class, if that is not possible.
    """
    if labels is None:
        labels = parent.classes
    frame = splits.select_classes(manifest_of(parent), labels)
    return add_version(parent, splits.apply(frame, split), note, split)


def names_taken(but: str = "") -> list[str]:
    """Return the names of all datasets but the one with the id `but`."""
    return [item.name for item in datasets() if isinstance(item, Dataset) and item.id != but]


def require_free(name: str, but: str = "") -> None:
    """Raise UserError if another dataset than `but` has this name or one that looks the same."""
    free = numbered(name, names_taken(but))
    if free != name[: settings.MAX_NAME_LENGTH]:
        raise UserError(
            f"There is already a dataset named {printable(name)!r}. Choose another name, such as "
            f"{printable(free)!r}.",
            field="name",
        )


def rename(dataset_id: str, name: str) -> Dataset:
    """Rename the dataset; its id stays.

    Raises UserError for a name that is not valid or is taken.
    """
    clean = clean_name(name, "dataset name")
    require_free(clean, but=dataset_id)
    folder = settings.datasets_dir() / dataset(dataset_id).id
    with files.locked(folder, "dataset"):
        facts = files.read_json(folder / "dataset.json")
        files.write_json(folder / "dataset.json", facts | {"name": clean})
        return dataset(dataset_id)


def move_to_bin(dataset_id: str) -> str:
    """Move what Fieldmark keeps of a dataset into the bin, readable or not.

    Return its group there, or "" if there is nothing to restore.

    Photos in the user's own folder are left alone. Raises NotFound if there is no such dataset.
    """
    folder = settings.datasets_dir() / dataset_id
    if not ID_PATTERN.fullmatch(dataset_id) or not folder.is_dir():
        raise NotFound(f"There is no dataset {dataset_id!r}. It may have been deleted already.")
    with files.there(folder, "dataset"):
        try:
            return bin_folder.take(folder)
        except OSError as error:
            raise files.unwritable(error, folder) or error from error


def _by_age(item: Dataset | Unreadable) -> tuple[bool, str, str]:
    return isinstance(item, Dataset), getattr(item, "created", ""), item.id


def _dataset_or_reason(dataset_id: str) -> Dataset | Unreadable:
    folder = settings.datasets_dir() / dataset_id
    if not ID_PATTERN.fullmatch(dataset_id) or not folder.is_dir():
        return Unreadable(dataset_id, "there is no such dataset.")
    try:
        facts = files.read_json(folder / "dataset.json")
        texts = {name: str(facts[name]) for name in ("name", "source", "created")}
        return Dataset(
            id=dataset_id,
            root=folder / facts["root"],
            drawn=bool(facts.get("drawn", False)),
            **texts,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Unreadable(dataset_id, _reason("dataset.json", error))


def _version_or_reason(dataset_id: str, version_id: str) -> Version | Unreadable:
    folder = version_folders.of_dataset(dataset_id) / version_id
    patterns = ((ID_PATTERN, dataset_id), (version_folders.VERSION_PATTERN, version_id))
    known = all(pattern.fullmatch(name) for pattern, name in patterns)
    if not known or not folder.is_dir():
        return Unreadable(version_id, "there is no such version.")
    try:
        facts = files.read_json(folder / version_folders.FACTS)
        texts = {name: str(facts[name]) for name in ("parent", "created", "note")}
        counts = {
            str(label): {split: int(row.get(split, 0)) for split in settings.SPLITS}
            for label, row in facts["counts"].items()
        }
        return Version(
            dataset_id=dataset_id,
            id=version_id,
            classes=tuple(map(str, facts["classes"])),
            counts=counts,
            problems=int(facts.get("problems", 0)),
            unlabelled=int(facts.get("unlabelled", 0)),
            split=dict(facts["split"]),
            report=dict(facts["report"]),
            **texts,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Unreadable(version_id, _reason(version_folders.FACTS, error))


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{name} is missing."
    return f"{name} is damaged ({type(error).__name__}: {error})."
