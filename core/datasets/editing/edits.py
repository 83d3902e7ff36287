"""Edits: relabel photos, leave them out, or move them to another split.

Edits create a new version; existing versions never change.

The new version keeps its steps (`steps.json`: what, why, when) beside its manifest. A photo that
was left out keeps its row, with LEFT_OUT and the reason as its `problem`, so that a later split
does not use it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from core import settings
from core.datasets import store
from core.datasets.splits import require_classes
from core.datasets.store import Version
from core.errors import NotFound, UserError
from core.io import files, names

STEPS = "steps.json"
LEFT_OUT = "left out"
RELABEL, LEAVE_OUT, MOVE = "relabel", "leave out", "move"
ACTIONS = (RELABEL, LEAVE_OUT, MOVE)
DONE = {RELABEL: "relabelled", LEAVE_OUT: "left out", MOVE: "moved"}
MAX_WHY = 200


@dataclass(frozen=True)
class Step:
    """One edit of some photos.

    `values` maps each photo's path to its new label or split; '' for a photo that is left out.

    `why` is a reason in words, `when` an ISO time. Raises UserError for values that can't be used.
    """

    action: str
    values: Mapping[str, str]
    why: str = ""
    when: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise UserError(f"There is no edit called {self.action!r}. Use {', '.join(ACTIONS)}.")
        if not self.values:
            raise UserError("Choose the photos to edit.")
        if self.action == RELABEL:
            clean = {
                label: names.clean_name(label, "class name") for label in set(self.values.values())
            }
            object.__setattr__(
                self, "values", {path: clean[label] for path, label in self.values.items()}
            )
        if self.action == MOVE and (unknown := set(self.values.values()) - set(settings.SPLITS)):
            raise UserError(
                f"There is no split called {min(unknown)!r}. Use {', '.join(settings.SPLITS)}."
            )
        object.__setattr__(self, "why", names.printable(self.why.strip())[:MAX_WHY])


def relabel(paths: Iterable[str], label: str, why: str = "") -> Step:
    """Return a step that gives photos this label."""
    return Step(RELABEL, dict.fromkeys(paths, label), why)


def leave_out(paths: Iterable[str], why: str = "") -> Step:
    """Return a step that leaves photos out of every split."""
    return Step(LEAVE_OUT, dict.fromkeys(paths, ""), why)


def move(paths: Iterable[str], split: str, why: str = "") -> Step:
    """Return a step that moves photos to train, validation, test or unused. It also returns a photo
    that was left out."""
    return Step(MOVE, dict.fromkeys(paths, split), why)


def applied(frame: pd.DataFrame, steps: Sequence[Step]) -> pd.DataFrame:
    """Return the manifest `frame` after the steps, in order.

    Exact duplicates always move together, because they would leak.

    Raises UserError for a photo that is missing or can't be used, and for a class name that clashes
    with another.
    """
    made = frame.copy()
    where = pd.Index(made["path"])
    for step in steps:
        rows = where.get_indexer(pd.Index(list(step.values)))
        if (rows < 0).any():
            gone = next(path for path, row in zip(step.values, rows, strict=True) if row < 0)
            raise UserError(
                f"The photo {names.printable(gone)} is not in this version. Undo this edit."
            )
        places, values = made.index[rows], list(step.values.values())
        if step.action == RELABEL:
            made.loc[places, "label"] = values
        elif step.action == LEAVE_OUT:
            usable = places[(made.loc[places, "problem"] == "").to_numpy()]
            made.loc[usable, "split"] = "unused"
            made.loc[usable, "problem"] = ": ".join(filter(None, (LEFT_OUT, step.why)))
        else:
            made = _moved(
                made, dict(zip(made.loc[places, "image_id"], values, strict=True)), places
            )
    if any(step.action == RELABEL for step in steps):
        require_no_clash(made["label"].unique())
    return made


def is_left_out(problems: pd.Series) -> pd.Series:
    """Return a mask of the problems that are a person's decision, not a fault of the file."""
    return problems.str.startswith(LEFT_OUT)


def make(parent: Version, steps: Sequence[Step], note: str = "") -> Version:
    """Create the next version of `parent`'s dataset by these steps.

    Raises UserError as `applied` does, when nothing would change, and when a class would have no
    photo left in train.
    """
    if not steps:
        raise UserError("The draft is empty. Choose photos and relabel, move or leave them out.")
    before = store.manifest_of(parent)
    frame = applied(before, steps)
    if frame.equals(before):
        raise UserError(
            "These edits change nothing. The photos already have these labels and splits."
        )
    require_trainable(frame)
    attached = {STEPS: [asdict(step) for step in steps]}
    return store.add_version(
        parent, frame, note.strip() or summary(steps), _how(parent, steps), attached
    )


def steps_of(version: Version) -> list[Step]:
    """Return the steps that made this version from its parent; empty if it was made otherwise."""
    try:
        return [Step(**step) for step in files.read_json(version.folder / STEPS)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, UserError) as error:
        raise NotFound(
            f"What changed in {version.id} can't be read ({error}). Its manifest is not affected."
        ) from error


def summary(steps: Iterable[Step]) -> str:
    """Return `3 relabelled, 2 left out`; each photo counts once per action."""
    last = {(path, step.action): step.action for step in steps for path in step.values}
    counts = {action: sum(done == action for done in last.values()) for action in ACTIONS}
    return ", ".join(f"{number} {DONE[action]}" for action, number in counts.items() if number)


def labels_of(steps: Iterable[Step]) -> dict[str, str]:
    """Return the final label of each relabelled photo, by path."""
    found: dict[str, str] = {}
    for step in steps:
        if step.action == RELABEL:
            found |= step.values
    return found


def new_classes(version: Version, labels: Mapping[str, str]) -> list[str]:
    """Return the classes among `labels` (by photo) that no photo of the version has."""
    return sorted({label for label in labels.values() if label} - set(version.counts))


def require_trainable(frame: pd.DataFrame) -> None:
    """Raise UserError, by name, when a class in use would have no photo left in train, or when
    fewer than two classes remain."""
    if (frame["label"] == "").all():
        return  # unlabelled photos: nobody trains on them before some have labels
    learned = set(frame.loc[frame["split"] == "train", "label"].unique())
    lost = sorted(set(frame.loc[frame["split"] != "unused", "label"].unique()) - learned)
    if lost:
        raise UserError(
            f"The class {names.printable(lost[0])!r} would have no photo left in train. Keep one "
            "there, or leave its other photos out too."
        )
    require_classes(sorted(learned))


def _moved(frame: pd.DataFrame, splits: Mapping[str, str], places: pd.Index) -> pd.DataFrame:
    faulty = (frame["problem"] != "") & ~is_left_out(frame["problem"])
    if faulty[places].any():
        row = frame.loc[places][faulty[places]].iloc[0]
        raise UserError(
            f"{names.printable(row['path'])} can't be used ({row['problem']}), so it stays out of "
            "every split."
        )
    copies = frame.index[
        frame["image_id"].isin(list(splits)) & ((frame["problem"] == "") | frame.index.isin(places))
    ]
    frame.loc[copies, "split"] = frame.loc[copies, "image_id"].map(splits)
    frame.loc[copies, "problem"] = ""
    return frame


def _how(parent: Version, steps: Sequence[Step]) -> Mapping[str, Any]:
    """Return how the split was made: as the parent's, and how many photos were moved by hand."""
    moved = sum(len(step.values) for step in steps if step.action == MOVE)
    if not moved:
        return dict(parent.split)
    return {**parent.split, "moved": int(parent.split.get("moved", 0)) + moved}


def require_no_clash(labels: Iterable[str]) -> None:
    """Raise UserError when two of these class names differ only in capitals or blanks."""
    groups = names.clashes(labels)
    if groups:
        listed = " and ".join(repr(names.printable(name)) for name in groups[0])
        raise UserError(
            f"The class names {listed} differ only in capitals or blanks. Use one of them.",
            field="label",
        )
