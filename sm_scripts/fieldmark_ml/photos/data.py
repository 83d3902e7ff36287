"""The photos of a training: from a manifest and a folder of images, or from plain
`train/<class>/<image>` folders."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fieldmark_ml.photos import boxes, suffixes, walk
from fieldmark_ml.photos.system_files import is_junk
from fieldmark_ml.runtime import TrainingError, check_stop, log

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
READ = ", ".join(sorted(suffixes.PHOTOS))
# Reasons for which a left-out file is named in the log; other files are counted by suffix.
NAMED = {walk.DEAD_LINK, walk.SEEN, walk.UNREADABLE, walk.DEEP, walk.SPECIAL}
MAX_BAD_SHARE = 0.05
NAMED_IN_FAILURE = 5
UNKNOWN = -1


@dataclass
class Photos:
    """One row per photo, as columns: a million photos are a few arrays, not a million objects.

    `labels` holds positions in `classes`, UNKNOWN (-1) for a photo without a label or of a class
    that training has not seen. `boxes`, if photos are cropped, holds (left, top, right, bottom) in
    pixels, None for a photo that is used whole.
    """

    image_ids: list[str]
    files: list[str]
    paths: list[str]
    labels: np.ndarray
    splits: np.ndarray
    classes: list[str]
    bad: dict[int, str] = field(default_factory=dict)
    boxes: list[boxes.Edges | None] | None = None

    def key(self, row: int) -> str:
        """Return the cache key of the network's input: the image_id of the photo, or the key of its
        crop."""
        if not self.boxes:
            return self.image_ids[row]
        return boxes.key(self.image_ids[row], self.boxes[row])

    def seen(self, row: int, photo: Any, by: int = 1) -> Any:
        """Return the part of a decoded photo [3, height, width] that the network uses: all of it,
        or the square around its box. Its sides were divided by `by` in decoding."""
        if not self.boxes:
            return photo
        return boxes.crop(photo, self.boxes[row], by)

    def crop_to_boxes(self) -> None:
        """Use only the square around a photo's box from now on.

        TrainingError if no photo has a box.
        """
        manifest = os.environ.get("SM_CHANNEL_MANIFEST")
        try:
            found = boxes.read(Path(manifest) / "manifest.csv") if manifest else {}
        except ValueError as error:
            raise TrainingError(str(error)) from error
        self.boxes = [found.get(path) for path in self.paths]
        count = sum(inside is not None for inside in self.boxes)
        if not count:
            raise TrainingError(
                "crop_to_box is on, but no photo has a box. Train without it, or add boxes to the "
                "manifest."
            )
        log(f"{count} of {len(self)} photos are cropped to their boxes; the others are used whole")

    def __len__(self) -> int:
        return len(self.files)

    def rows(self, split: str) -> np.ndarray:
        """Return positions of the split's usable photos with a known label, in order."""
        return self._usable((self.splits == split) & (self.labels != UNKNOWN))

    def unlabelled_rows(self, split: str) -> np.ndarray:
        """Return positions of the split's usable photos without a known label: they can be
        predicted, but not scored."""
        return self._usable((self.splits == split) & (self.labels == UNKNOWN))

    def _usable(self, mask: np.ndarray) -> np.ndarray:
        chosen = np.flatnonzero(mask)
        if not self.bad:
            return chosen
        return chosen[~np.isin(chosen, list(self.bad))]

    def mark_bad(self, row: int, reason: str) -> None:
        if row not in self.bad:
            self.bad[row] = reason
            log(f"photo left out: {self.paths[row]}: {reason}")

    def mark_all_bad(self, found: list[dict[int, str]]) -> None:
        """Mark the unusable rows (row -> reason, from each process), and every other row of the
        same content."""
        reasons = {row: reason for part in found for row, reason in part.items()}
        if not reasons:
            return
        twins: dict[str, list[int]] = {}
        for row, image_id in enumerate(self.image_ids):
            twins.setdefault(image_id, []).append(row)
        for row, reason in sorted(reasons.items()):
            for twin in twins[self.image_ids[row]]:
                self.mark_bad(twin, reason)

    def check_bad(self) -> None:
        """Raise TrainingError if more than MAX_BAD_SHARE of the photos cannot be used."""
        if len(self.bad) > MAX_BAD_SHARE * len(self):
            named = "; ".join(
                f"{self.paths[row]}: {reason}"
                for row, reason in sorted(self.bad.items())[:NAMED_IN_FAILURE]
            )
            raise TrainingError(
                f"{len(self.bad)} of {len(self)} images cannot be used, more than "
                f"{MAX_BAD_SHARE:.0%}. The first: {named}. "
                "Replace or leave out these files."
            )
        if self.bad:
            log(f"{len(self.bad)} of {len(self)} images cannot be used and are left out")
        empty = [
            self.classes[label]
            for label in range(len(self.classes))
            if not (self.labels[self.rows("train")] == label).any()
        ]
        if empty:
            raise TrainingError(
                f"No usable photo is left in the train split for {', '.join(empty)}."
            )


def load() -> Photos:
    """Return the photos of the channels in the environment.

    Raises TrainingError if no training is possible on them.
    """
    manifest, root = os.environ.get("SM_CHANNEL_MANIFEST"), os.environ.get("SM_CHANNEL_IMAGES")
    if manifest and root:
        photos = _from_manifest(Path(manifest), Path(root))
    elif os.environ.get("SM_CHANNEL_TRAIN"):
        photos = _from_folders(
            {
                split: Path(os.environ[f"SM_CHANNEL_{split.upper()}"])
                for split in SPLITS
                if f"SM_CHANNEL_{split.upper()}" in os.environ
            }
        )
    else:
        raise TrainingError(
            "There are no photos: set SM_CHANNEL_IMAGES and SM_CHANNEL_MANIFEST, or "
            "SM_CHANNEL_TRAIN to a folder of <class>/<image> "
            "(and SM_CHANNEL_VALIDATION, SM_CHANNEL_TEST)."
        )
    _check(photos)
    counts = ", ".join(f"{int((photos.splits == split).sum())} {split}" for split in SPLITS)
    log(f"{len(photos)} photos of {len(photos.classes)} classes: {counts}")
    return photos


def _check(photos: Photos) -> None:
    if not len(photos.rows("train")):
        raise TrainingError(
            "The train split is empty. Only {READ} files are read; the log lists the files that "
            "were left out."
        )
    if len(photos.classes) < 2:
        raise TrainingError(
            f"There is only one class ({photos.classes[0]}) in the train split; a classifier "
            "needs at least two."
        )
    for split in SPLITS[1:]:
        unknown = int(((photos.splits == split) & (photos.labels == UNKNOWN)).sum())
        if unknown:
            log(
                f"{unknown} {split} photos have no label of the train split: they are predicted, "
                "but not scored"
            )


def _photos(rows: Iterable[tuple[str, str, str, str, str]]) -> Photos:
    """Return rows of (image_id, file, path, label, split)."""
    columns = list(zip(*rows, strict=True)) or [()] * 5
    image_ids, files, paths, names, splits = (list(column) for column in columns)
    classes = sorted(
        {name for name, split in zip(names, splits, strict=True) if split == "train" and name}
    )
    position = {name: index for index, name in enumerate(classes)}
    labels = np.array([position.get(name, UNKNOWN) for name in names], dtype=np.int32)
    return Photos(image_ids, files, paths, labels, np.array(splits), classes)


def _from_manifest(folder: Path, root: Path) -> Photos:
    path = folder / "manifest.csv"
    if not path.is_file():
        raise TrainingError(f"There is no manifest.csv in {folder} (SM_CHANNEL_MANIFEST).")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"image_id", "path", "label", "split"} - set(reader.fieldnames or ())
        if missing:
            raise TrainingError(f"{path} has no column {', '.join(sorted(missing))}.")
        # `key`, if there is one, is the photo's file; its path stays its name.
        rows = [
            (r["image_id"], r.get("key") or r["path"], r["path"], r["label"], r["split"])
            for r in reader
            if r["split"] in SPLITS
        ]
    for _, relative, _, _, _ in rows:
        pure = PurePosixPath(relative)
        if pure.is_absolute() or ".." in pure.parts:
            raise TrainingError(
                f"{path} names {relative!r}, which is outside the folder of images."
            )
    return _photos(
        (image_id, f"{root}/{relative}", shown, label, split)
        for image_id, relative, shown, label, split in rows
    )


def _from_folders(folders: dict[str, Path]) -> Photos:
    rows = []
    for split, folder in folders.items():
        if not folder.is_dir():
            raise TrainingError(f"The {split} channel {folder} is not a folder.")
        groups = [
            path for path in sorted(folder.iterdir()) if path.is_dir() and not is_junk(path.name)
        ]
        _check_groups(split, folder, [group.name for group in groups])
        for group in groups:
            found = _photos_in(group)
            rows += [
                (str(path), f"{split}/{path.relative_to(folder).as_posix()}", group.name, split)
                for path in found
            ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        image_ids = list(pool.map(_sha256, (row[0] for row in rows)))
    check_stop()
    return _photos((image_id, *row) for image_id, row in zip(image_ids, rows, strict=True))


def _check_groups(split: str, folder: Path, names: list[str]) -> None:
    if not names and any(suffixes.is_photo(path.name) for path in folder.iterdir()):
        raise TrainingError(
            f"The {split} channel {folder} holds photos but no folders. Put the photos of each "
            "class into a folder of its name."
        )
    if len(names) > 1 and {name.lower() for name in names} <= SPLIT_NAMES:
        raise TrainingError(
            f"The {split} channel {folder} holds {', '.join(names)}: these are splits, not "
            "classes. "
            "Set one channel for each (SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION, SM_CHANNEL_TEST)."
        )


def _photos_in(group: Path) -> list[Path]:
    """Return the photos of one class, sorted.

    Files that are not photos are counted in the log by suffix; photos that cannot be used are
    named. Links are followed, because the user made them.
    """
    found, others = [], Counter[str]()
    for path, left_out in walk.entries_below(group, lambda target: True):
        if not left_out:
            found.append(Path(path))
        elif left_out in NAMED:
            log(f"left out: {path} is a {left_out}")
        elif left_out == walk.BAD_NAME:
            log(f"left out: {path!a}, whose {left_out}")
        elif left_out != walk.HIDDEN:
            others[Path(path).suffix.lower() or Path(path).name] += 1
    if others:
        named = ", ".join(
            f"{count} {suffix}" for suffix, count in others.most_common(NAMED_IN_FAILURE)
        )
        log(f"left out of {group.name}: {named} (only {READ} are read)")
    if not found:
        log(f"left out: the class {group.name} has no photo that can be read")
    return sorted(found)


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
