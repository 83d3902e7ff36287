"""The review queue: photos with a prediction and a proposed label that wait for a person's
decision.

<HOME>/review/<image_id>/   entry.json, photo: a copy, because the source may be deleted meanwhile

An entry is a folder that is renamed into place, and decisions take a lock: several sessions may
add, propose and decide at once. Decided entries become a new version of a dataset; existing
versions never change."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core import settings
from core.datasets import manifest, store
from core.datasets.editing import edits
from core.datasets.store import Version
from core.errors import NotFound, UserError
from core.io import files, images, names

MAX_ENTRIES = 5_000
ADDED = "added-in-review"
LEAVE_OUT = ""
PHOTO, ENTRY = "photo", "entry.json"
SIGNATURES = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"BM": ".bmp",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
# The bytes after the length of the first box of HEIC and AVIF.
CONTAINER, AVIF = b"ftyp", b"avif"


@dataclass(frozen=True)
class Entry:
    """One photo to review.

    `id` is its image_id, `label` its current label ('' if unknown), `proposed` the new one.
    `answer` are the model's `{"label", "probability"}` entries, best first. `origin` is the job or
    endpoint that it comes from, `reason` why it was added, `added` seconds since 1970. `decided`: a
    person confirmed `proposed` (LEAVE_OUT: leave the photo out).
    """

    id: str
    shown: str
    label: str
    proposed: str
    answer: tuple[Mapping[str, Any], ...]
    model_id: str
    origin: str
    reason: str
    added: float
    decided: bool = False

    @property
    def photo(self) -> Path:
        return _folder(self.id) / PHOTO

    @property
    def prediction(self) -> str:
        if not self.answer:
            return ""
        return str(self.answer[0]["label"])

    @property
    def probability(self) -> float:
        if not self.answer:
            return math.nan
        return float(self.answer[0]["probability"])


@dataclass(frozen=True)
class Outcome:
    """The result of a decision: the new version and the numbers of photos relabelled, confirmed,
    added and left out."""

    version: Version
    relabelled: int
    confirmed: int
    added: int
    left_out: int


def add(
    photo: bytes | Path,
    *,
    shown: str,
    answer: Sequence[Mapping[str, Any]] = (),
    model_id: str = "",
    origin: str = "",
    label: str = "",
    reason: str = "",
) -> Entry:
    """Add a photo to the queue.

    The proposed label is its own, else the model's prediction. A photo that is already in the queue
    gets the newer prediction; a person's decision is kept.

    Raises BadImage when it is not a photo, UserError when the queue is full, NotFound when the file
    is gone.
    """
    try:
        data = photo if isinstance(photo, bytes) else photo.read_bytes()
    except OSError as error:
        raise NotFound(
            f"The photo {names.printable(shown)} can't be read ({error.strerror or error})."
        ) from error
    images.open_image(data)
    ranked: tuple[Mapping[str, Any], ...] = tuple(
        {"label": str(a["label"]), "probability": float(a["probability"])} for a in answer
    )
    proposed = label or (str(ranked[0]["label"]) if ranked else "")
    image_id = hashlib.sha256(data).hexdigest()
    entry = Entry(
        image_id,
        names.printable(shown),
        label,
        proposed,
        ranked,
        model_id,
        origin,
        reason,
        time.time(),
    )
    with _locked():
        if _folder(image_id).is_dir():
            entry = _with_earlier_word(entry)
            _write(_folder(image_id), entry)
        else:
            _make(entry, data)
    return entry


def count() -> int:
    """Return the number of photos in the queue."""
    return sum(images.IMAGE_ID.fullmatch(item.name) is not None for item in os.scandir(_home()))


def entries() -> list[Entry]:
    """Return the entries, newest first. Folders that can't be read are left out; `count` counts
    them."""
    found = []
    for item in os.scandir(_home()):
        if images.IMAGE_ID.fullmatch(item.name):
            try:
                found.append(read(item.name))
            except NotFound:
                continue
    return sorted(found, key=lambda entry: (entry.added, entry.id), reverse=True)


def read(entry_id: str) -> Entry:
    """Return an entry. Raises NotFound when it is not in the queue or can't be read."""
    try:
        body = files.read_json(_folder(entry_id) / ENTRY)
        return Entry(**{**body, "answer": tuple(body["answer"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotFound(
            "This photo does not wait for review any more; it may have been dealt with in another "
            "window."
        ) from error


def propose(entry_ids: Sequence[str], label: str, *, decided: bool = True) -> None:
    """Store the proposed label of these photos (LEAVE_OUT: leave them out), and whether a person
    decided it. The dataset does not change yet.

    Raises UserError for an invalid label, NotFound for a photo that has left the queue meanwhile.
    """
    clean = LEAVE_OUT
    if label != LEAVE_OUT:
        clean = names.clean_name(label, "class name")
    with _locked():
        for entry_id in entry_ids:
            _write(_folder(entry_id), replace(read(entry_id), proposed=clean, decided=decided))


def dismiss(entry_ids: Sequence[str]) -> None:
    """Remove photos from the queue without a decision; missing ones are ignored."""
    with _locked():
        for entry_id in entry_ids:
            _remove(entry_id)


def new_photos(entry_ids: Sequence[str], parent: Version) -> list[str]:
    """Return those photos that the dataset version does not have, by content."""
    known = set(store.manifest_of(parent, columns=["image_id"])["image_id"])
    return [entry_id for entry_id in entry_ids if entry_id not in known]


def folder_for_new(dataset: store.Dataset) -> tuple[Path, bool]:
    """Return the folder for new photos of this dataset, and whether it is the person's own folder
    rather than Fieldmark's."""
    return dataset.root / ADDED, not dataset.root.resolve().is_relative_to(
        settings.datasets_dir().resolve()
    )


def decide(
    decisions: Mapping[str, str], parent: Version, note: str = "", *, into_own_folder: bool = False
) -> Outcome:
    """Create the next version of `parent`'s dataset, in which each of these photos has its decided
    label or is left out.

    Photos that the dataset does not have yet are copied below its root (see `folder_for_new`; into
    a person's own folder only if `into_own_folder` is true) and join train. The entries leave the
    queue. Raises UserError when nothing would change, a label is invalid, a class would
    lose its last training photo, or a photo was dealt with meanwhile.
    """
    if not decisions:
        raise UserError("Choose the photos to review.")
    with _locked():
        waiting = [read(entry_id) for entry_id in decisions]
        labels = {
            entry_id: names.clean_name(label, "class name") if label != LEAVE_OUT else ""
            for entry_id, label in decisions.items()
        }
        frame = store.manifest_of(parent)
        _require_no_clash(frame, labels.values())
        known = set(frame["image_id"])
        frame, relabelled, left_out = _changed(frame, labels)
        new = [
            entry for entry in waiting if entry.id not in known and labels[entry.id] != LEAVE_OUT
        ]
        confirmed = sum(entry.id in known for entry in waiting) - relabelled - left_out
        if not (relabelled or left_out or new):
            raise UserError(
                "These edits change nothing: each of these photos already has its decided label. "
                "Dismiss them instead."
            )
        if new:
            frame = pd.concat(
                [frame, _added(new, labels, parent, into_own_folder)], ignore_index=True
            )
        _require_classes(frame)
        parts = {"relabelled": relabelled, "added": len(new), "left out": left_out}
        words = note.strip() or "Review: " + ", ".join(
            f"{number} {what}" for what, number in parts.items() if number
        )
        version = store.add_version(parent, frame, words, parent.split)
        for entry in waiting:
            _remove(entry.id)
    return Outcome(version, relabelled, confirmed, len(new), left_out)


def _changed(frame: pd.DataFrame, labels: Mapping[str, str]) -> tuple[pd.DataFrame, int, int]:
    """Return the manifest with the decisions about its photos, and the numbers of photos relabelled
    and left out."""
    frame = frame.copy()
    decided = frame["image_id"].map(labels)
    here = decided.notna()
    out = here & (decided == LEAVE_OUT) & (frame["problem"] == "")
    other = here & (decided != LEAVE_OUT) & (decided != frame["label"])
    frame.loc[out, "split"] = "unused"
    # Without the mark a later split would bring the photo back.
    frame.loc[out, "problem"] = f"{edits.LEFT_OUT}: decided in the review"
    frame.loc[other, "label"] = decided[other]
    return frame, frame.loc[other, "image_id"].nunique(), frame.loc[out, "image_id"].nunique()


def _added(
    new: Sequence[Entry], labels: Mapping[str, str], parent: Version, into_own_folder: bool
) -> pd.DataFrame:
    dataset = store.dataset(parent.dataset_id)
    target, own = folder_for_new(dataset)
    if own and not into_own_folder:
        raise UserError(
            f"{len(new)} of these photos are not in the dataset yet, and its photos lie in your "
            "own folder. "
            f"Allow Fieldmark to put them into {target}, or leave them out of this decision.",
            field="own_folder",
        )
    rows: dict[str, list[Any]] = {
        name: [] for name in ("image_id", "path", "label", "split", "width", "height", "size_bytes")
    }
    for entry in new:
        data = entry.photo.read_bytes()
        _, (width, height) = images.open_sized(data)
        path = f"{ADDED}/{entry.id[:2]}/{entry.id}{_suffix(data)}"
        place = files.safe_join(dataset.root, path)
        try:
            with files.there(dataset.root, "dataset's folder"):
                files.folder_below(dataset.root, Path(path).parent)
                files.write_bytes(place, data)
        except OSError as error:
            raise UserError(
                f"{target} can't be written to ({error.strerror}). Correct that, or leave the new "
                "photos out."
            ) from error
        values = (entry.id, path, labels[entry.id], "train", width, height, len(data))
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    return manifest.frame_of(rows)


def _suffix(data: bytes) -> str:
    if data[4:8] == CONTAINER:
        return ".avif" if data[8:12] == AVIF else ".heic"
    return next(
        (suffix for signature, suffix in SIGNATURES.items() if data.startswith(signature)), ".jpg"
    )


def _require_no_clash(frame: pd.DataFrame, labels: Iterable[str]) -> None:
    groups = names.clashes(
        {*frame["label"].unique(), *(label for label in labels if label != LEAVE_OUT)}
    )
    if groups:
        listed = " and ".join(repr(names.printable(name)) for name in groups[0])
        raise UserError(
            f"The class names {listed} differ only in capitals or blanks. Use one of them.",
            field="label",
        )


def _require_classes(frame: pd.DataFrame) -> None:
    """Raise UserError when a class in use would have no photo left in train."""
    used = frame[frame["split"] != "unused"]
    lost = sorted(set(used["label"]) - set(used.loc[used["split"] == "train", "label"]))
    if lost:
        raise UserError(
            f"The class {names.printable(lost[0])!r} would have no photo left in train. Keep one, "
            "or leave its other photos out too."
        )


def _make(entry: Entry, data: bytes) -> None:
    """Write a new entry, entirely or not at all."""
    if count() >= MAX_ENTRIES:
        raise UserError(
            f"The review queue is full ({MAX_ENTRIES:,} photos). Review some of them first."
        )
    with files.held(_home() / f".new-{entry.id}") as made:
        files.write_bytes(made / PHOTO, data)
        _write(made, entry)
        files.move(made, _folder(entry.id))


def _with_earlier_word(entry: Entry) -> Entry:
    """Return the newer entry with the earlier proposal or decision about its photo."""
    try:
        before = read(entry.id)
    except NotFound:
        return entry
    if not before.decided:
        return replace(entry, decided=False)
    return replace(entry, proposed=before.proposed, decided=True)


def sweep() -> None:
    """Remove what a killed process was about to add or remove; a live one holds the lock."""
    with _locked():
        for path in list(_home().glob(".*")):
            files.remove(path)


def _home() -> Path:
    return files.folder_below(settings.home(), "review")


def _folder(entry_id: str) -> Path:
    if not images.IMAGE_ID.fullmatch(entry_id):
        raise NotFound(f"{entry_id[:80]!r} is not the id of a photo.")
    return _home() / entry_id


def _write(folder: Path, entry: Entry) -> None:
    files.write_json(folder / ENTRY, asdict(entry))


def _remove(entry_id: str) -> None:
    folder = _folder(entry_id)
    gone = folder.with_name(f".gone-{entry_id}-{time.monotonic_ns()}")
    if not folder.is_dir():
        return
    files.move(folder, gone)
    files.remove(gone)


@contextmanager
def _locked() -> Iterator[None]:
    """One decision at a time; the others wait for the moment it takes."""
    with files.locked(_home(), "queue"):
        yield
