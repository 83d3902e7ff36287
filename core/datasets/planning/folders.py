"""What the folders above photos mean: splits, classes, levels of a taxonomy, places of cameras, or
nothing at all."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.datasets.importing.found import SPLIT_FOLDERS
from core.datasets.planning.decisions import LEFT_OUT, NO_LABEL, SPLITS, THROUGH

CONTAINERS = frozenset(
    {
        *("images", "image", "imgs", "img", "photos", "photo", "pictures", "pics", "picture"),
        *("data", "dataset", "datasets", "jpg", "jpgs", "jpeg", "jpegs", "png", "pngs", "raw"),
        *("jpegimages", "files", "media", "all", "all_images", "crops", "frames", "originals"),
        *("bilder", "fotos", "images_original", "full", "samples", "input", "inputs"),
    }
)
UNLABELLED = frozenset(
    {"unlabeled", "unlabelled", "unsup", "unsupervised", "unlabeled_images", "not_labelled"}
)
ANNOTATIONS = frozenset({"annotations", "annotation", "labels", "masks", "segmentations", "xml"})
_SESSION = re.compile(
    r"(\d{4}[-_.]?\d{2}[-_.]?\d{2}.*|\d{1,2}[-_.]\d{1,2}[-_.]\d{2,4}|\d+|dcim|\d{3}[a-z_]{3,6}"
    r"|\d{3}_?\d{4}|(day|night|batch|session|seq|sequence|burst|date|week|month|visit|roll|set)"
    r"[ _-]?\w{0,4}|(20|19)\d\d)",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"((site|camera|cam|station|location|loc|plot|transect|deployment|deploy|trap|sd|card|grid"
    r"|cell|point|ct|unit|zone|area)[ _-]?\w{0,6}|[A-Z]{1,4}[ _-]?\d{1,5})",
    re.IGNORECASE,
)
# Alone above photos only such names are places: B737 and A320 are classes.
_NUMBERED_PLACE = re.compile(
    r"(site|camera|cam|station|location|loc|plot|transect|deployment|trap)"
    r"([ _-]?\d{1,4}[a-z]?|[ _-][a-z]\d{0,3})",
    re.IGNORECASE,
)
# The share of names that have to look so before all are taken for it.
MOST = 0.8


@dataclass(frozen=True)
class Folders:
    """The meaning of the folders below a root.

    roles: of folders that are no class's, by path. class_level: which of the others is the class,
    -1 the last; None where none is. depth: how many of them a photo has at most. loose: photos
    that lie in none. doubt: what speaks for another reading, in a few words.
    """

    root: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    class_level: int | None = None
    depth: int = 0
    loose: int = 0
    group_level: int = -2
    doubt: str = ""
    levels: tuple[str, ...] = ()


def part_named(word: str) -> str:
    """The part of a split that this word alone names, or the empty string."""
    return SPLIT_FOLDERS.get(word.casefold(), "")


def split_word(name: str) -> str:
    """The split that a folder, or a table, names in its own name: `train`, `val_images`,
    `instances_test2017`; or the empty string."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    found = {
        SPLIT_FOLDERS[word]
        for word in re.split(r"[\W_\d]+", plain.casefold())
        if word in SPLIT_FOLDERS
    }
    if "trainval" in name.casefold():
        return "train"
    return found.pop() if len(found) == 1 else ""


def understood(photos: Sequence[str], folders: Iterable[str]) -> Folders:
    """The meaning of the folders of these photos; of `folders` also the empty ones are classes."""
    tree = _Tree(photos, folders)
    root = _root(tree)
    roles = _roles(tree, root)
    paths = [_levels(path, root, roles) for path in tree.parents if _is_below(path, root)]
    labelled = {
        path: levels
        for path, levels in zip(
            [path for path in tree.parents if _is_below(path, root)], paths, strict=True
        )
        if not _has_role(path, root, roles, (NO_LABEL, LEFT_OUT))
    }
    deep = {levels: tree.parents[path] for path, levels in labelled.items() if levels}
    loose = sum(tree.parents[path] for path, levels in labelled.items() if not levels)
    if not deep:
        return Folders(root, roles, None, 0, loose)
    level, group, doubt = _class_level(Counter(deep))
    depth = max(map(len, deep))
    names = tuple(f"level_{number}" for number in range(1, depth + 1)) if depth > 1 else ()
    if level is None:
        names = tuple(f"level_{number}" for number in range(1, depth + 1))
    return Folders(root, roles, level, depth, loose, group, doubt, names)


def levels_of(path: str, root: str, roles: Mapping[str, str]) -> tuple[tuple[str, ...], str, str]:
    """A photo's folders that are not roles themselves; the split of its folders; and the last
    other role among them ('' for none of these)."""
    levels, split, role = [], "", ""
    below = path[len(root) :].lstrip("/") if root else path
    folder = root
    for part in below.split("/")[:-1]:
        folder = f"{folder}/{part}" if folder else part
        given = roles.get(folder, "")
        if given in SPLITS:
            split = given
        elif given in (NO_LABEL, LEFT_OUT):
            role = given
        elif not given:
            levels.append(part)
    return tuple(levels), split, role


class _Tree:
    """The folders with photos directly in them, with how many, and all the folders above them."""

    def __init__(self, photos: Sequence[str], folders: Iterable[str]) -> None:
        self.parents = Counter(path.rpartition("/")[0] for path in photos)
        self.children: dict[str, set[str]] = defaultdict(set)
        for folder in {*self.parents}:
            self._add(folder)
        self.empty = [folder for folder in folders if folder not in self.children]

    def _add(self, folder: str) -> None:
        self.children.setdefault(folder, set())
        while folder:
            above = folder.rpartition("/")[0]
            if folder in self.children[above]:
                return
            self.children[above].add(folder)
            folder = above


def _root(tree: _Tree) -> str:
    """The folder that the layout begins at: past folders that only hold one other."""
    root = ""
    while tree.parents[root] == 0 and len(tree.children[root]) == 1:
        below = next(iter(tree.children[root]))
        if not tree.children[below] and not _is_container(below):
            return root
        if _split_children(tree.children[root]) or not tree.children[below]:
            return root
        root = below
    return root


def _roles(tree: _Tree, root: str) -> dict[str, str]:
    """The folders that are splits, or only hold others, or hold what has no label."""
    roles: dict[str, str] = {}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        children = tree.children[folder]
        splits = _split_children(children)
        roles |= splits
        for child in children:
            name = _name(child).casefold()
            if name in UNLABELLED:
                roles[child] = NO_LABEL
            elif splits and child not in splits:
                roles[child] = LEFT_OUT
            elif child not in splits and _is_looked_through(child, children, tree):
                roles[child] = THROUGH
        waiting += children
    return roles


def _split_children(children: Iterable[str]) -> dict[str, str]:
    """Which of a folder's folders are the parts of a split: one of them train, and another one."""
    exact = {child: SPLIT_FOLDERS.get(_name(child).casefold(), "") for child in children}
    exact = {child: split for child, split in exact.items() if split}
    if "train" in exact.values() and len(set(exact.values())) > 1:
        return exact
    rests = Counter(_rest(_name(child)) for child in children)
    named = {child: _named_split(_name(child), rests) for child in children}
    named = {child: split for child, split in named.items() if split}
    if "train" in named.values() and len(set(named.values())) > 1:
        return named
    return {}


def _named_split(name: str, rests: Mapping[tuple[str, ...], int]) -> str:
    """The split in a name like train_images or cars_test: a word of a split beside one other word,
    or beside the same words as in another of `rests`, which counts them."""
    rest = _rest(name)
    return split_word(name) if len(rest) <= 1 or rests[rest] > 1 else ""


def _rest(name: str) -> tuple[str, ...]:
    """The words of a name that are no split's."""
    words = [word for word in re.split(r"[\W_\d]+", name.casefold()) if word]
    return tuple(word for word in words if word not in SPLIT_FOLDERS)


def _is_looked_through(child: str, siblings: Iterable[str], tree: _Tree) -> bool:
    others = [other for other in siblings if other != child]
    name = _name(child).casefold()
    if not others and name == _name(child.rpartition("/")[0]).casefold():
        return True  # an archive that was unpacked into a folder of its name
    if name in ANNOTATIONS:
        return not tree.children[child] and bool(others)
    if not others and name in SPLIT_FOLDERS:
        return True  # a part of a dataset whose other parts are not here
    return _is_container(child) and not any(_is_class_like(other) for other in others)


def _is_class_like(folder: str) -> bool:
    return not _is_container(folder) and _name(folder).casefold() not in ANNOTATIONS


def _is_container(folder: str) -> bool:
    name = _name(folder).casefold()
    words = [word for word in re.split(r"[\W_]+", name) if word]
    known = CONTAINERS | SPLIT_FOLDERS.keys()
    if name in CONTAINERS:
        return True
    has_known = any(word in CONTAINERS for word in words)
    return has_known and all(word in known or word.isdigit() for word in words)


def _class_level(deep: Counter[tuple[str, ...]]) -> tuple[int | None, int, str]:
    """Which level is the class, which one groups, and what makes that doubtful."""
    depth = max(map(len, deep))
    if depth == 1:
        names = [levels[0] for levels in deep]
        if len(names) > 1 and _most(names, _NUMBERED_PLACE):
            return None, 0, "places"
        doubt = "places" if _most(names, _PLACE) and len(names) > 1 else ""
        return 0, -2, doubt
    if _is_mixed(deep):
        return 0, -2, ""
    used = depth
    while used > 0 and _most(_at(deep, used - 1), _SESSION):
        used -= 1
    if used < depth and _are_places(deep, used):
        return None, max(used - 1, 0), "places"
    if used <= 1:
        return 0, 1 if depth > 1 and used < depth else -2, "sessions"
    if used < depth:
        return used - 1, used, "sessions"
    if _repeat(deep) and not _are_places(deep, 1) and not _most(_at(deep, 0), _SESSION):
        return 0, -2, "levels"
    return -1, -2, "levels"


def _repeat(deep: Counter[tuple[str, ...]]) -> bool:
    """Whether the lowest folders are called alike below different ones, as no species is."""
    return len({levels[-1] for levels in deep}) < MOST * len(deep)


def _at(deep: Counter[tuple[str, ...]], level: int) -> list[str]:
    return [levels[level] for levels in deep if len(levels) > level]


def _is_mixed(deep: Counter[tuple[str, ...]]) -> bool:
    """Whether photos lie in a folder and in folders of it, so that the upper one is a class."""
    tops = {levels[0] for levels in deep if len(levels) == 1}
    deeper = {levels[0] for levels in deep if len(levels) > 1}
    return bool(tops & deeper)


def _are_places(deep: Counter[tuple[str, ...]], used: int) -> bool:
    return all(_most(_at(deep, level), _PLACE) for level in range(used))


def _most(names: Sequence[str], pattern: re.Pattern[str]) -> bool:
    distinct = set(names)
    return sum(bool(pattern.fullmatch(name)) for name in distinct) >= MOST * len(distinct) > 0


def _levels(path: str, root: str, roles: Mapping[str, str]) -> tuple[str, ...]:
    return levels_of(f"{path}/x" if path else "x", root, roles)[0]


def _has_role(path: str, root: str, roles: Mapping[str, str], wanted: Sequence[str]) -> bool:
    return levels_of(f"{path}/x" if path else "x", root, roles)[2] in wanted


def _is_below(path: str, root: str) -> bool:
    return not root or path == root or path.startswith(f"{root}/")


def _name(folder: str) -> str:
    return folder.rpartition("/")[2]
