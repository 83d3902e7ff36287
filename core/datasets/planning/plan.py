"""The plan of an import: the recognised layout, the use of each file, and doubtful decisions. No
photo is decoded for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core import settings
from core.datasets.importing.entries import Layout, OnFile
from core.datasets.planning import decide, questions, read
from core.datasets.planning.decisions import BY_FOLDERS, Decisions
from core.datasets.planning.listing import Listing, list_files
from core.datasets.planning.questions import Question
from core.datasets.planning.tables import candidates
from core.datasets.planning.tables.columns import KEEP
from core.errors import UserError
from core.io.names import printable

FORMAT = 1
MOST_ERRORS = 20


@dataclass(frozen=True)
class Class:
    """A class of a plan: the number of its photos and the path of one."""

    name: str
    photos: int
    example: str = ""


@dataclass(frozen=True)
class Ignored:
    """Files ignored for one reason: their number and the path of one."""

    reason: str
    files: int
    example: str = ""


@dataclass(frozen=True)
class Plan:
    """What an import of a folder will do.

    unlabelled counts photos without a label; splits counts those in each part of a split found in
    the source. kept names the extra columns. errors says why rows can't be used, for the first of
    error_count.
    """

    decisions: Decisions
    classes: tuple[Class, ...] = ()
    photos: int = 0
    unlabelled: int = 0
    unlabelled_example: str = ""
    splits: Mapping[str, int] = field(default_factory=dict)
    groups: int = 0
    boxes: int = 0
    kept: tuple[str, ...] = ()
    left_out: tuple[Ignored, ...] = ()
    missing: int = 0
    error_count: int = 0
    errors: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


def make_plan(folder: Path, on_file: OnFile = lambda: None) -> tuple[Listing, Plan]:
    """Return the listing of `folder` and a plan for it.

    Raises UserError if there are no photos, for damaged tables of a published dataset, and for
    class names that clash.
    """
    listing = list_files(folder, on_file)
    return listing, replan(listing, decide.decide(listing), on_file)


def require_photos(listing: Listing, name: str) -> None:
    """Raise UserError if a listing has no photos, naming the source and other files in it."""
    if listing.photos:
        return
    others = ""
    if listing.others:
        example = printable(listing.others[0])
        others = f" Other files there: {len(listing.others):,}, such as {example!r}."
    suffixes = ", ".join(settings.IMAGE_SUFFIXES)
    raise UserError(
        f"There are no photos in {printable(name)}.{others} Photos end in {suffixes}.",
        field="path",
    )


def replan(listing: Listing, decisions: Decisions, on_file: OnFile = lambda: None) -> Plan:
    """Return the plan for the same files with other decisions. Raises as read.read does."""
    return describe(decisions, read.read(listing, decisions, on_file), listing)


def describe(decisions: Decisions, layout: Layout, listing: Listing) -> Plan:
    """Return the plan of these decisions and their layout."""
    root = f"{decisions.root}/" if decisions.root else ""
    sizes, examples = Counter[str](), dict[str, str]()
    for photo in layout.photos:
        sizes[photo.label] += 1
        examples.setdefault(photo.label, f"{root}{photo.path}")
    unlabelled = sizes.pop("", 0)
    classes = [Class(name, count, examples[name]) for name, count in sorted(sizes.items())]
    classes += [Class(name, 0) for name in layout.empty]
    splits = Counter(photo.official for photo in layout.photos if photo.official)
    return Plan(
        decisions,
        tuple(classes),
        len(layout.photos),
        unlabelled,
        examples.get("", ""),
        dict(sorted(splits.items())),
        len({photo.group for photo in layout.photos if photo.group}),
        sum(photo.box is not None for photo in layout.photos),
        _extra_columns(decisions, layout),
        _ignored_files(layout, listing),
        layout.missing,
        layout.row_error_count,
        tuple(layout.row_errors[:MOST_ERRORS]),
        questions.collect_questions(decisions, layout),
        _notes(decisions, layout, listing),
    )


def _extra_columns(decisions: Decisions, layout: Layout) -> tuple[str, ...]:
    columns = [name for use in decisions.used for name in use.columns(KEEP)]
    at = decisions.class_level % max(len(decisions.levels), 1)
    is_class = decisions.labels == BY_FOLDERS
    levels = [
        name
        for number, name in enumerate(decisions.levels)
        if name and not (is_class and number == at)
    ]
    return tuple(dict.fromkeys((*levels, *columns)))


def _ignored_files(layout: Layout, listing: Listing) -> tuple[Ignored, ...]:
    root = f"{listing.root}/"
    return tuple(
        Ignored(
            reason, count, printable(layout.ignored.examples.get(reason, "").removeprefix(root))
        )
        for reason, count in sorted(layout.ignored.items())
        if count
    )


def _notes(decisions: Decisions, layout: Layout, listing: Listing) -> tuple[str, ...]:
    """Return sentences about unused tables, and about rows whose photo has another name."""
    notes = [
        f"Table {printable(use.path)} is not used: {use.why}."
        for use in decisions.tables
        if not use.is_used
    ]
    notes += [
        f"{printable(path)} is a spreadsheet. Save it as CSV to use it."
        for path in candidates.find_spreadsheets(listing)
    ]
    notes += [
        f"Table rows matched to a photo {how}: {count:,}." for how, count in layout.inexact.items()
    ]
    if listing.note:
        notes.insert(0, listing.note)
    return tuple(notes)


def from_dict(stored: Mapping[str, Any]) -> Plan:
    """Return the plan from `as_dict`. Raises UserError for anything else."""
    try:
        if stored["format"] != FORMAT:
            raise UserError(
                f"This plan has format {stored['format']!r}; this version of Fieldmark reads "
                f"{FORMAT}. Preview the import again.",
                field="plan",
            )
        known = {name: stored[name] for name in Plan.__dataclass_fields__ if name in stored}
        plan = Plan(**known | {"decisions": Decisions.of(stored["decisions"])})
        return replace(
            plan,
            classes=tuple(Class(**item) for item in stored.get("classes", ())),
            left_out=tuple(Ignored(**item) for item in stored.get("left_out", ())),
            questions=tuple(map(_load_question, stored.get("questions", ()))),
            kept=tuple(plan.kept),
            errors=tuple(plan.errors),
            notes=tuple(plan.notes),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"This is not an import plan ({error}).", field="plan") from error


def _load_question(stored: Mapping[str, Any]) -> Question:
    options = tuple((str(value), str(words)) for value, words in stored["options"])
    return Question(stored["id"], stored["text"], options, stored["answer"])
