"""What is doubtful about a plan: questions, each with the answer that was chosen and the others
that a person may choose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from core.datasets.importing.found import ASIDE, LOOSE, UNLISTED, Layout
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

LEAVE, UNNAMED = "Leave them out", "Bring them in, without a label"
TELLING = "which of two tables"


@dataclass(frozen=True)
class Question:
    """`options` are values and the words for them; `answer` is the value that was chosen."""

    id: str
    text: str
    options: tuple[tuple[str, str], ...]
    answer: str


def asked(decisions: Decisions, layout: Layout) -> tuple[Question, ...]:
    """The questions about these decisions, as they turned out."""
    found: list[Question] = []
    for ask in (
        _level,
        _rivals,
        _columns,
        _several,
        _encoding,
        _split,
        _folders,
        _unlisted,
        _loose,
    ):
        found += ask(decisions, layout)
    return tuple(found)


def answered(decisions: Decisions, question: str, value: str) -> Decisions:
    """The decisions with another answer. Raises UserError for a question that is not asked."""
    kind, _, about = question.partition(":")
    if kind not in ANSWERS:
        raise UserError(f"The plan asks no question {question!r}.", field="plan")
    return ANSWERS[kind](decisions, about, value)


def _level(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Which folder names the class, where photos lie in folders of folders."""
    depth = len(decisions.levels)
    if decisions.labels == BY_TABLES or (depth < 2 and decisions.labels == BY_FOLDERS):
        return
    if not depth:
        return
    options = [(str(level), _ordinal(level)) for level in range(depth)]
    options += [("-1", "The last folder"), ("none", "None of them: these photos have no labels")]
    answer = "none" if decisions.labels == UNLABELLED else str(decisions.class_level)
    yield Question("level", "Which folder says what a photo shows?", tuple(options), answer)


def _ordinal(level: int) -> str:
    return (
        f"The {('first', 'second', 'third', 'fourth')[level]} folder"
        if level < 4
        else f"Folder {level + 1}"
    )


def _set_level(decisions: Decisions, _: str, value: str) -> Decisions:
    if value == "none":
        return replace(decisions, labels=UNLABELLED, loose=NO_LABEL)
    return replace(decisions, labels=BY_FOLDERS, class_level=int(value), loose=LEFT_OUT)


def _rivals(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Which table is believed, where several are about the same photos."""
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
        options.append(("", "None: the folders do"))
    used = [use.path for use in able if use.is_used]
    yield Question(
        "table", "Which table says what the photos show?", tuple(options), (used or [""])[0]
    )


def _set_table(decisions: Decisions, _: str, value: str) -> Decisions:
    tables = tuple(_chosen_alone(use, value) for use in decisions.tables)
    labels = BY_TABLES if value else BY_FOLDERS
    names = next((use.names for use in tables if use.path == value), "")
    return replace(decisions, tables=tables, labels=labels, names=names)


def _chosen_alone(use: TableUse, path: str) -> TableUse:
    if use.path == path:
        return replace(use, is_used=True, why="it was chosen")
    is_rival = LABEL in use.roles.values() or ONE_HOT in use.roles.values()
    return replace(use, is_used=False, why="another was chosen") if is_rival else use


def _columns(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Which column is the label, where several could be."""
    for use in decisions.tables:
        if use.doubtful and (use.is_used or not use.column(LABEL)) and use.column(PATH):
            chosen = use.column(LABEL)
            names = [name for name in (chosen, *use.doubtful) if name]
            options = tuple((name, printable(name)) for name in names)
            if not chosen:
                options = (("", "None of them"), *options)
            text = f"Which column of {printable(use.path)} is the label?"
            yield Question(f"label:{use.path}", text, options, chosen)


def _set_label(decisions: Decisions, path: str, value: str) -> Decisions:
    use = _table(decisions, path)
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
    made = decisions.with_table(replace(changed, why="its label was chosen"))
    return replace(made, labels=BY_TABLES) if value else made


def _several(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    if any(use.several for use in decisions.used):
        yield Question(
            "several",
            "Some photos have several labels. What becomes of them?",
            (
                (AS_TEXT, "All of them together are one class"),
                (FIRST, "The first one counts"),
                (SKIP, LEAVE),
            ),
            decisions.several,
        )


def _set_several(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, several=value)


def _encoding(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    for use in decisions.used:
        if use.encoding and not use.encoding.startswith("utf"):
            options = tuple((name, name.upper()) for name in encodings.CHOICES)
            text = f"In which encoding is {printable(use.path)}?"
            yield Question(f"encoding:{use.path}", text, options, use.encoding)


def _set_encoding(decisions: Decisions, path: str, value: str) -> Decisions:
    return decisions.with_table(replace(_table(decisions, path), encoding=value))


def _split(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    given = {found.official for found in layout.found} - {""}
    if given or not decisions.use_split:
        names = ", ".join(part for part in SPLITS if part in given) or "there is one"
        options = (("yes", f"Use it ({names})"), ("no", "Make another one by ratios"))
        answer = "yes" if decisions.use_split else "no"
        yield Question("split", "The photos came with a split.", options, answer)


def _set_split(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, use_split=value == "yes")


def _folders(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    """Folders beside those of a split, and those whose photos have no label."""
    options = ((LEFT_OUT, LEAVE), (NO_LABEL, UNNAMED), (TRAIN, "They belong to train"))
    for folder, role in sorted(decisions.folders.items()):
        if role == LEFT_OUT or (role == NO_LABEL and decisions.labels != UNLABELLED):
            text = f"What becomes of the photos in {printable(folder)}?"
            some = options if role == LEFT_OUT or decisions.labels == BY_FOLDERS else options[:2]
            yield Question(f"folder:{folder}", text, some, role)


def _set_folder(decisions: Decisions, folder: str, value: str) -> Decisions:
    return replace(decisions, folders={**decisions.folders, folder: value})


def _unlisted(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    count = layout.ignored[UNLISTED]
    if decisions.labels == BY_TABLES and (count or decisions.unlisted == NO_LABEL):
        number = f"{count:,} photos" if count else "Photos"
        yield Question(
            "unlisted",
            f"{number} have no row in the tables. What becomes of them?",
            ((LEFT_OUT, LEAVE), (NO_LABEL, UNNAMED)),
            decisions.unlisted,
        )


def _set_unlisted(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, unlisted=value)


def _loose(decisions: Decisions, layout: Layout) -> Iterator[Question]:
    count = layout.ignored[LOOSE]
    if decisions.labels == BY_FOLDERS and (count or decisions.loose == NO_LABEL):
        number = f"{count:,} photos" if count else "Photos"
        yield Question(
            "loose",
            f"{number} lie outside the folders of the classes. What becomes of them?",
            ((LEFT_OUT, LEAVE), (NO_LABEL, UNNAMED)),
            decisions.loose,
        )


def _set_loose(decisions: Decisions, _: str, value: str) -> Decisions:
    return replace(decisions, loose=value)


def _table(decisions: Decisions, path: str) -> TableUse:
    for use in decisions.tables:
        if use.path == path:
            return use
    raise UserError(f"The plan knows no table {printable(path)}.", field="plan")


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
# What a question about folders is about: they are counted under this where they are left out.
COUNTED = {"folder": ASIDE, "unlisted": UNLISTED, "loose": LOOSE}
