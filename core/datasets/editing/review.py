"""The review queue: photos set aside with the model's answer and a proposed label, until a person
decides about them.

<HOME>/review/<image_id>/   entry.json, photo: its own bytes, for its source may be gone by then

An entry is a folder that is renamed into place, a decision is made under a lock: several sessions
may add, propose and decide at once. Decided entries become a new version of a dataset; no version
that exists is ever changed.
"""

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
# What stands behind the length of the first box of HEIC and AVIF.
CONTAINER, AVIF = b"ftyp", b"avif"


@dataclass(frozen=True)
class Entry:
    """One photo to decide about.

    `id` is its image_id, `label` what it is called so far ('' where that is not known), `proposed`
    what it would be called. `answer` are the model's `{"label", "probability"}` entries, best
    first. `origin` is the job or endpoint it comes from, `reason` why it was set aside, `added`
    seconds since 1970. `decided`: a person said that `proposed` is right (LEAVE_OUT: leave the
    photo out).
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
    """What a decision made: the new version, and how many photos were relabelled, confirmed, added
    and left out."""

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
    """Sets a photo aside.

    The proposed label is the one it has, else the model's. A photo that waits already gets the
    newer answer; what a person decided about it stays.

    Raises BadImage for what is no photo, UserError where MAX_ENTRIES wait, NotFound where the file
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
    """How many photos wait."""
    return sum(images.IMAGE_ID.fullmatch(item.name) is not None for item in os.scandir(_home()))


def entries() -> list[Entry]:
    """What waits, newest first. A folder that can't be read is left out; `count` has it."""
    found = []
    for item in os.scandir(_home()):
        if images.IMAGE_ID.fullmatch(item.name):
            try:
                found.append(read(item.name))
            except NotFound:
                continue
    return sorted(found, key=lambda entry: (entry.added, entry.id), reverse=True)


def read(entry_id: str) -> Entry:
    """Raises NotFound where the photo does not wait any more, or its entry can't be read."""
    try:
        body = files.read_json(_folder(entry_id) / ENTRY)
        return Entry(**{**body, "answer": tuple(body["answer"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotFound(
            "This photo does not wait for review any more; it may have been dealt with in another "
            "window."
        ) from error


def propose(entry_ids: Sequence[str], label: str, *, decided: bool = True) -> None:
    """Notes what these photos should be called (LEAVE_OUT: not at all), and whether that is a
    person's word. Nothing else changes yet.

    Raises UserError for a label that can't be used, NotFound for a photo that was dealt with
    meanwhile.
    """
    clean = LEAVE_OUT
    if label != LEAVE_OUT:
        clean = names.clean_name(label, "class name")
    with _locked():
        for entry_id in entry_ids:
            _write(_folder(entry_id), replace(read(entry_id), proposed=clean, decided=decided))


def dismiss(entry_ids: Sequence[str]) -> None:
    """Takes photos out of the queue with nothing decided; those that are gone already are no
    error."""
    with _locked():
        for entry_id in entry_ids:
            _remove(entry_id)


def new_photos(entry_ids: Sequence[str], parent: Version) -> list[str]:
    """Those of the photos that the dataset version does not have, by content."""
    known = set(store.manifest_of(parent, columns=["image_id"])["image_id"])
    return [entry_id for entry_id in entry_ids if entry_id not in known]


def folder_for_new(dataset: store.Dataset) -> tuple[Path, bool]:
    """Where new photos of this dataset would be kept, and whether that is the person's own folder
    rather than Fieldmark's."""
    return dataset.root / ADDED, not dataset.root.resolve().is_relative_to(
        settings.datasets_dir().resolve()
    )


def decide(
    decisions: Mapping[str, str], parent: Version, note: str = "", *, into_own_folder: bool = False
) -> Outcome:
    """Makes the next version of `parent`'s dataset, in which each of these photos has its decided
    label, or is left out as edits do it.

    Photos that the dataset does not have yet are copied below its root (see `folder_for_new`; into
    a person's own folder only where `into_own_folder` says so) and join train. The entries leave
    the queue. Raises UserError where nothing would change, a label can't be used, a class would
    lose its last training photo, or a photo was dealt with meanwhile.
    """
    if not decisions:
        raise UserError("Choose the photos to decide about.")
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
                "Nothing would change: each of these photos has the label it was given already. "
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
    """The manifest with the decisions about photos it has, and how many photos got another label
    and how many were left out."""
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
                f"{target} can't be written to ({error.strerror}). Mend that, or leave the new "
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
    """Each class of photos in use must keep one to learn from."""
    used = frame[frame["split"] != "unused"]
    lost = sorted(set(used["label"]) - set(used.loc[used["split"] == "train", "label"]))
    if lost:
        raise UserError(
            f"The class {names.printable(lost[0])!r} would have no photo left in train. Keep one, "
            "or leave its other photos out too."
        )


def _make(entry: Entry, data: bytes) -> None:
    """A new entry, whole or not at all."""
    if count() >= MAX_ENTRIES:
        raise UserError(
            f"{MAX_ENTRIES} photos wait for review already. Decide about some of them first."
        )
    with files.held(_home() / f".new-{entry.id}") as made:
        files.write_bytes(made / PHOTO, data)
        _write(made, entry)
        files.move(made, _folder(entry.id))


def _with_earlier_word(entry: Entry) -> Entry:
    """The newer entry with what was proposed or decided about its photo before."""
    try:
        before = read(entry.id)
    except NotFound:
        return entry
    if not before.decided:
        return replace(entry, decided=False)
    return replace(entry, proposed=before.proposed, decided=True)


def sweep() -> None:
    """Removes what a killed process was about to add or to remove: whoever does so holds the
    lock."""
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
