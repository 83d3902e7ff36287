"""The doubtful decisions of a plan, as questions with their possible answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from core.datasets.importing.entries import ASIDE, LOOSE, UNLISTED, Layout
from core.datasets.planning.decisions import (
    AS_TEXT,
    BY_FOLDERS,
    BY_TABLES,
    FIRST,
    LEFT_OUT,
    NO_LABEL,
    SKIP,
    SPLITS,
    TRAIN,
    UNLABELLED,
    Decisions,
    TableUse,
)
from core.datasets.planning.tables import encodings
from core.datasets.planning.tables.columns import KEEP, LABEL, ONE_HOT, PATH
from core.errors import UserError
from core.io.names import printable

EXCLUDE, UNLABELLED_PHOTOS = "Exclude them", "Import them unlabelled"


@dataclass(frozen=True)
class Question:
    """`options` are pairs of value and label; `answer` is the chosen value."""

    id: str
    text: str
    options: tuple[tuple[str, str], ...]
    answer: str


def collect_questions(decisions: Decisions, layout: Layout) -> tuple[Question, ...]:
    """Return the questions about these decisions and the layout that they give."""
    questions: list[Question] = []
    for collect in (
        _class_level,
        _rival_tables,
        _columns,
        _several_labels,
        _encoding,
        _split,
        _folders,
        _photos_without_row,
        _photos_outside_classes,
    ):
        questions += collect(decisions, layout)
    return tuple(questions)


def apply_answer(decisions: Decisions, question: str, value: str) -> Decisions:
    """Return the decisions with another answer. Raises UserError for an unknown question."""
    kind, _, about = question.partition(":")
    if kind not in ANSWERS:
        raise UserError(f"The plan has no question {question!r}.", field="plan")
    return ANSWERS[kind](decisions, about, value)


def _class_level(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Ask which folder is the class if folders are nested."""
    depth = len(decisions.levels)
    if decisions.labels == BY_TABLES or (depth < 2 and decisions.labels == BY_FOLDERS):
        return
    if not depth:
        return
    options = [(str(level), _ordinal(level)) for level in range(depth)]
    options += [("-1", "Last folder"), ("none", "None: the photos have no labels")]
    answer = "none" if decisions.labels == UNLABELLED else str(decisions.class_level)
    yield Question("level", "Folder that names the class", tuple(options), answer)


def _ordinal(level: int) -> str:
    return (
        f"{('First', 'Second', 'Third', 'Fourth')[level]} folder"
        if level < 4
        else f"Folder {level + 1}"
    )


def _set_level(decisions: Decisions, _: str, value: str) -> Decisions:
    if value == "none":
        return replace(decisions, labels=UNLABELLED, loose=NO_LABEL)
    return replace(decisions, labels=BY_FOLDERS, class_level=int(value), loose=LEFT_OUT)


def _rival_tables(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Ask which table has the labels if several describe the same photos."""
    able = [
        use
        for use in decisions.tables
        if use.matched
        and not use.is_sample
        and (LABEL in use.roles.values() or ONE_HOT in use.roles.values())
    ]
    unused = [use for use in able if not use.is_used]
    has_folders = any(decisions.folders.values()) or decisions.labels == BY_FOLDERS
    if not unused:
        return
    options = [(use.path, f"{printable(use.path)}, {use.matched:,} photos") for use in able]
    if has_folders or decisions.labels != BY_TABLES:
        options.append(("", "None: use the folders"))
    used = [use.path for use in able if use.is_used]
    yield Question("table", "Table with the labels", tuple(options), (used or [""])[0])


def _set_table(decisions: Decisions, _: str, value: str) -> Decisions:
    tables = tuple(_use_only(use, value) for use in decisions.tables)
    labels = BY_TABLES if value else BY_FOLDERS
    names = next((use.names for use in tables if use.path == value), "")
    return replace(decisions, tables=tables, labels=labels, names=names)


def _use_only(use: TableUse, path: str) -> TableUse:
    if use.path == path:
        return replace(use, is_used=True, why="was selected in the preview")
    is_rival = LABEL in use.roles.values() or ONE_HOT in use.roles.values()
    return replace(use, is_used=False, why="another table was selected") if is_rival else use


def _columns(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Ask which column is the label if several could be."""
    for use in decisions.tables:
        if use.doubtful and (use.is_used or not use.column(LABEL)) and use.column(PATH):
            chosen = use.column(LABEL)
            names = [name for name in (chosen, *use.doubtful) if name]
            options = tuple((name, printable(name)) for name in names)
            if not chosen:
                options = (("", "None"), *options)
            text = f"Label column of {printable(use.path)}"
            yield Question(f"label:{use.path}", text, options, chosen)


def _set_label(decisions: Decisions, path: str, value: str) -> Decisions:
    use = _find_table(decisions, path)
    before = use.column(LABEL)
    changed_roles = {before: KEEP, value: LABEL}
    roles = {name: changed_roles.get(name, role) for name, role in use.roles.items()}
    doubtful = tuple(
        name
        for name in dict.fromkeys((*([before] if before else []), *use.doubtful))
        if name != value
    )
    changed = replace(
        use, roles=roles, doubtful=doubtful, is_used=bool(value), several="", names=""
    )
    decided = decisions.with_table(
        replace(changed, why="has a label column selected in the preview")
    )
    return replace(decided, labels=BY_TABLES) if value else decided


def _several_labels(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    if any(use.several for use in decisions.used):
        yield Question(
            "several",
            "Photos with several labels",
            (
                (AS_TEXT, "Combine the labels into one class"),
                (FIRST, "Use the first label"),
                (SKIP, EXCLUDE),
            ),
            decisions.several,
        )


def _set_several(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, several=value)


def _encoding(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    for use in decisions.used:
        if use.encoding and not use.encoding.startswith("utf"):
            options = tuple((name, name.upper()) for name in encodings.CHOICES)
            text = f"Text encoding of {printable(use.path)}"
            yield Question(f"encoding:{use.path}", text, options, use.encoding)


def _set_encoding(decisions: Decisions, path: str, value: str) -> Decisions:
    return decisions.with_table(replace(_find_table(decisions, path), encoding=value))


def _split(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    parts = {photo.official for photo in layout.photos} - {""}
    if parts or not decisions.use_split:
        names = ", ".join(part for part in SPLITS if part in parts) or "found in the source"
        options = (("yes", f"Keep it ({names})"), ("no", "Replace it by ratios"))
        answer = "yes" if decisions.use_split else "no"
        yield Question("split", "Split found in the source", options, answer)


def _set_split(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, use_split=value == "yes")


def _folders(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Ask about folders beside those of a split, and about folders without labels."""
    options = ((LEFT_OUT, EXCLUDE), (NO_LABEL, UNLABELLED_PHOTOS), (TRAIN, "Add them to train"))
    for folder, role in sorted(decisions.folders.items()):
        if role == LEFT_OUT or (role == NO_LABEL and decisions.labels != UNLABELLED):
            text = f"Photos in the folder {printable(folder)}"
            some = options if role == LEFT_OUT or decisions.labels == BY_FOLDERS else options[:2]
            yield Question(f"folder:{folder}", text, some, role)


def _set_folder(decisions: Decisions, folder: str, value: str) -> Decisions:
    return replace(decisions, folders={**decisions.folders, folder: value})


def _photos_without_row(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    count = layout.ignored[UNLISTED]
    if decisions.labels == BY_TABLES and (count or decisions.unlisted == NO_LABEL):
        number = f"{count:,} photos" if count else "Photos"
        yield Question(
            "unlisted",
            f"{number} without a table row",
            ((LEFT_OUT, EXCLUDE), (NO_LABEL, UNLABELLED_PHOTOS)),
            decisions.unlisted,
        )


def _set_unlisted(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, unlisted=value)


def _photos_outside_classes(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    count = layout.ignored[LOOSE]
    if decisions.labels == BY_FOLDERS and (count or decisions.loose == NO_LABEL):
        number = f"{count:,} photos" if count else "Photos"
        yield Question(
            "loose",
            f"{number} outside the class folders",
            ((LEFT_OUT, EXCLUDE), (NO_LABEL, UNLABELLED_PHOTOS)),
            decisions.loose,
        )


def _set_loose(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, loose=value)


def _find_table(decisions: Decisions, path: str) -> TableUse:
    for use in decisions.tables:
        if use.path == path:
            return use
    raise UserError(f"The plan has no table {printable(path)}.", field="plan")


ANSWERS: dict[str, Callable[[Decisions, str, str], Decisions]] = {
    "level": _set_level,
    "table": _set_table,
    "label": _set_label,
    "several": _set_several,
    "encoding": _set_encoding,
    "split": _set_split,
    "folder": _set_folder,
    "unlisted": _set_unlisted,
    "loose": _set_loose,
}
# The reason under which the photos of a question are counted when they are excluded.
COUNTED = {"folder": ASIDE, "unlisted": UNLISTED, "loose": LOOSE}
