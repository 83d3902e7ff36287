"""The plan of an import: what was understood of a folder, what will become of each file in it, and
what is doubtful. Nothing is decoded for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.datasets.importing.found import Layout, OnFile
from core.datasets.planning import decide, questions, read
from core.datasets.planning.decisions import BY_FOLDERS, Decisions
from core.datasets.planning.listing import Listing, listed
from core.datasets.planning.questions import Question
from core.datasets.planning.tables import candidates
from core.datasets.planning.tables.columns import KEEP
from core.errors import UserError
from core.io.names import printable

FORMAT = 1
SHOWN_ERRORS = 20


@dataclass(frozen=True)
class Class:
    """A class of a plan: its photos, and one of them."""

    name: str
    photos: int
    example: str = ""


@dataclass(frozen=True)
class Left:
    """Files that are left out for one reason, and one of them."""

    reason: str
    files: int
    example: str = ""


@dataclass(frozen=True)
class Plan:
    """What an import of a folder would do.

    unlabelled counts photos without a label; splits those of each part of a given split; kept are
    the names of further columns; errors are the first of error_count rows that can't be used.
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
    left_out: tuple[Left, ...] = ()
    missing: int = 0
    error_count: int = 0
    errors: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


def make(folder: Path, on_file: OnFile = lambda: None) -> tuple[Listing, Plan]:
    """A plan for what lies in `folder`, and the listing that another one can be made from.

    Raises UserError where nothing can be understood: no photos, damaged tables of a published
    dataset, class names that clash.
    """
    listing = listed(folder, on_file)
    return listing, again(listing, decide.decide(listing), on_file)


def again(listing: Listing, decisions: Decisions, on_file: OnFile = lambda: None) -> Plan:
    """The plan for the same files under other decisions. Raises UserError as read.read does."""
    return described(decisions, read.read(listing, decisions, on_file), listing)


def described(decisions: Decisions, layout: Layout, listing: Listing) -> Plan:
    """The plan whose decisions gave this layout."""
    root = f"{decisions.root}/" if decisions.root else ""
    sizes, examples = Counter[str](), dict[str, str]()
    for found in layout.found:
        sizes[found.label] += 1
        examples.setdefault(found.label, f"{root}{found.path}")
    unlabelled = sizes.pop("", 0)
    classes = [Class(name, count, examples[name]) for name, count in sorted(sizes.items())]
    classes += [Class(name, 0) for name in layout.empty]
    splits = Counter(found.official for found in layout.found if found.official)
    return Plan(
        decisions,
        tuple(classes),
        len(layout.found),
        unlabelled,
        examples.get("", ""),
        dict(sorted(splits.items())),
        len({found.group for found in layout.found if found.group}),
        sum(found.box is not None for found in layout.found),
        _kept(decisions, layout),
        _left_out(layout, listing),
        layout.missing,
        layout.row_error_count,
        tuple(layout.row_errors[:SHOWN_ERRORS]),
        questions.asked(decisions, layout),
        _notes(decisions, layout, listing),
    )


def _kept(decisions: Decisions, layout: Layout) -> tuple[str, ...]:
    columns = [name for use in decisions.used for name in use.columns(KEEP)]
    at = decisions.class_level % max(len(decisions.levels), 1)
    is_class = decisions.labels == BY_FOLDERS
    levels = [
        name
        for number, name in enumerate(decisions.levels)
        if name and not (is_class and number == at)
    ]
    return tuple(dict.fromkeys((*levels, *columns)))


def _left_out(layout: Layout, listing: Listing) -> tuple[Left, ...]:
    root = f"{listing.root}/"
    return tuple(
        Left(reason, count, printable(layout.ignored.examples.get(reason, "").removeprefix(root)))
        for reason, count in sorted(layout.ignored.items())
        if count
    )


def _notes(decisions: Decisions, layout: Layout, listing: Listing) -> tuple[str, ...]:
    """What a person should know about the tables that are not used, and how rows found their
    photos."""
    found = [
        f"{printable(use.path)} is not used: {use.why}."
        for use in decisions.tables
        if not use.is_used
    ]
    found += [
        f"{printable(path)} is a spreadsheet: save it as CSV, so that it can be read."
        for path in candidates.sheets(listing)
    ]
    found += [
        f"{count:,} rows of the tables found their photo {how}."
        for how, count in layout.otherwise.items()
    ]
    if listing.note:
        found.insert(0, listing.note)
    return tuple(found)


def of(stored: Mapping[str, Any]) -> Plan:
    """A plan from `as_dict`. Raises UserError for a document that is none."""
    try:
        if stored["format"] != FORMAT:
            raise UserError(
                f"This plan is of format {stored['format']!r}; this Fieldmark reads {FORMAT}. "
                "Make the plan again.",
                field="plan",
            )
        known = {name: stored[name] for name in Plan.__dataclass_fields__ if name in stored}
        made = Plan(**known | {"decisions": Decisions.of(stored["decisions"])})
        return replace(
            made,
            classes=tuple(Class(**item) for item in stored.get("classes", ())),
            left_out=tuple(Left(**item) for item in stored.get("left_out", ())),
            questions=tuple(map(_question, stored.get("questions", ()))),
            kept=tuple(made.kept),
            errors=tuple(made.errors),
            notes=tuple(made.notes),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"This is no plan of an import ({error}).", field="plan") from error


def _question(stored: Mapping[str, Any]) -> Question:
    options = tuple((str(value), str(words)) for value, words in stored["options"])
    return Question(stored["id"], stored["text"], options, stored["answer"])
