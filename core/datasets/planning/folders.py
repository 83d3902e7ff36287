"""Recognise what folders mean: splits, classes, levels of a taxonomy, camera sites, or nothing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.datasets.importing.entries import SPLIT_FOLDERS
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
# Directly above photos only such names are sites: B737 and A320 are classes.
_NUMBERED_PLACE = re.compile(
    r"(site|camera|cam|station|location|loc|plot|transect|deployment|trap)"
    r"([ _-]?\d{1,4}[a-z]?|[ _-][a-z]\d{0,3})",
    re.IGNORECASE,
)
# Folders are sites or sessions if this share of their names looks like it.
MOST = 0.8


@dataclass(frozen=True)
class Folders:
    """The meaning of the folders below a root.

    roles: roles by path, of folders that are not classes. class_level: which of the other folders
    is the class, -1 for the last; None if none is. depth: the most such folders above a photo.
    loose: photos in no such folder. doubt: the kind of another possible meaning.
    """

    root: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    class_level: int | None = None
    depth: int = 0
    loose: int = 0
    group_level: int = -2
    doubt: str = ""
    levels: tuple[str, ...] = ()


def parse_part(word: str) -> str:
    """Return the part of a split that a single word names, or ''."""
    return SPLIT_FOLDERS.get(word.casefold(), "")


def find_split_word(name: str) -> str:
    """Return the split in the name of a folder or table, such as `train`, `val_images` or
    `instances_test2017`; or ''."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    splits = {
        SPLIT_FOLDERS[word]
        for word in re.split(r"[\W_\d]+", plain.casefold())
        if word in SPLIT_FOLDERS
    }
    if "trainval" in name.casefold():
        return "train"
    return splits.pop() if len(splits) == 1 else ""


def recognise(photos: Sequence[str], folders: Iterable[str]) -> Folders:
    """Return the meaning of the photos' folders; empty ones in `folders` are classes, too."""
    tree = _Tree(photos, folders)
    root = _find_root(tree)
    roles = _find_roles(tree, root)
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
    level, group, doubt = _find_class_level(Counter(deep))
    depth = max(map(len, deep))
    names = tuple(f"level_{number}" for number in range(1, depth + 1)) if depth > 1 else ()
    if level is None:
        names = tuple(f"level_{number}" for number in range(1, depth + 1))
    return Folders(root, roles, level, depth, loose, group, doubt, names)


def read_levels(path: str, root: str, roles: Mapping[str, str]) -> tuple[tuple[str, ...], str, str]:
    """Return a photo's folders without a role, the split of its folders, and the last other role
    among them; '' if there is none."""
    levels, split, role = [], "", ""
    below = path[len(root) :].lstrip("/") if root else path
    folder = root
    for part in below.split("/")[:-1]:
        folder = f"{folder}/{part}" if folder else part
        folder_role = roles.get(folder, "")
        if folder_role in SPLITS:
            split = folder_role
        elif folder_role in (NO_LABEL, LEFT_OUT):
            role = folder_role
        elif not folder_role:
            levels.append(part)
    return tuple(levels), split, role


class _Tree:
    """The folders that directly contain photos, with their counts, and all folders above them."""

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


def _find_root(tree: _Tree) -> str:
    """Return the folder where the layout starts: below folders that only contain one other."""
    root = ""
    while tree.parents[root] == 0 and len(tree.children[root]) == 1:
        below = next(iter(tree.children[root]))
        if not tree.children[below] and not _is_container(below):
            return root
        if _find_split_folders(tree.children[root]) or not tree.children[below]:
            return root
        root = below
    return root


def _find_roles(tree: _Tree, root: str) -> dict[str, str]:
    """Return the folders that are splits, unlabelled photos, or without meaning."""
    roles: dict[str, str] = {}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        children = tree.children[folder]
        splits = _find_split_folders(children)
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


def _find_split_folders(children: Iterable[str]) -> dict[str, str]:
    """Return which subfolders are parts of a split: train and at least one other part."""
    exact = {child: SPLIT_FOLDERS.get(_name(child).casefold(), "") for child in children}
    exact = {child: split for child, split in exact.items() if split}
    if "train" in exact.values() and len(set(exact.values())) > 1:
        return exact
    rests = Counter(_other_words(_name(child)) for child in children)
    named = {child: _read_split_name(_name(child), rests) for child in children}
    named = {child: split for child, split in named.items() if split}
    if "train" in named.values() and len(set(named.values())) > 1:
        return named
    return {}


def _read_split_name(name: str, rests: Mapping[tuple[str, ...], int]) -> str:
    """Return the split in a name like train_images or cars_test: a split word beside one other
    word, or beside words that other names share, as counted in `rests`."""
    rest = _other_words(name)
    return find_split_word(name) if len(rest) <= 1 or rests[rest] > 1 else ""


def _other_words(name: str) -> tuple[str, ...]:
    """Return the words of a name that name no split."""
    words = [word for word in re.split(r"[\W_\d]+", name.casefold()) if word]
    return tuple(word for word in words if word not in SPLIT_FOLDERS)


def _is_looked_through(child: str, siblings: Iterable[str], tree: _Tree) -> bool:
    others = [other for other in siblings if other != child]
    name = _name(child).casefold()
    if not others and name == _name(child.rpartition("/")[0]).casefold():
        return True  # an archive unpacked into a folder of its own name
    if name in ANNOTATIONS:
        return not tree.children[child] and bool(others)
    if not others and name in SPLIT_FOLDERS:
        return True  # one part of a dataset without the others
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


def _find_class_level(deep: Counter[tuple[str, ...]]) -> tuple[int | None, int, str]:
    """Return the level of the class, the level that groups photos, and the doubt about them."""
    depth = max(map(len, deep))
    if depth == 1:
        names = [levels[0] for levels in deep]
        if len(names) > 1 and _is_mostly(names, _NUMBERED_PLACE):
            return None, 0, "places"
        doubt = "places" if _is_mostly(names, _PLACE) and len(names) > 1 else ""
        return 0, -2, doubt
    if _is_mixed(deep):
        return 0, -2, ""
    used = depth
    while used > 0 and _is_mostly(_names_at(deep, used - 1), _SESSION):
        used -= 1
    if used < depth and _are_places(deep, used):
        return None, max(used - 1, 0), "places"
    if used <= 1:
        return 0, 1 if depth > 1 and used < depth else -2, "sessions"
    if used < depth:
        return used - 1, used, "sessions"
    if (
        _has_repeated_names(deep)
        and not _are_places(deep, 1)
        and not _is_mostly(_names_at(deep, 0), _SESSION)
    ):
        return 0, -2, "levels"
    return -1, -2, "levels"


def _has_repeated_names(deep: Counter[tuple[str, ...]]) -> bool:
    """Return whether the lowest folders repeat their names, which species do not."""
    return len({levels[-1] for levels in deep}) < MOST * len(deep)


def _names_at(deep: Counter[tuple[str, ...]], level: int) -> list[str]:
    return [levels[level] for levels in deep if len(levels) > level]


def _is_mixed(deep: Counter[tuple[str, ...]]) -> bool:
    """Return whether a folder contains photos and folders of photos, so that it is a class."""
    tops = {levels[0] for levels in deep if len(levels) == 1}
    deeper = {levels[0] for levels in deep if len(levels) > 1}
    return bool(tops & deeper)


def _are_places(deep: Counter[tuple[str, ...]], used: int) -> bool:
    return all(_is_mostly(_names_at(deep, level), _PLACE) for level in range(used))


def _is_mostly(names: Sequence[str], pattern: re.Pattern[str]) -> bool:
    distinct = set(names)
    return sum(bool(pattern.fullmatch(name)) for name in distinct) >= MOST * len(distinct) > 0


def _levels(path: str, root: str, roles: Mapping[str, str]) -> tuple[str, ...]:
    return read_levels(f"{path}/x" if path else "x", root, roles)[0]


def _has_role(path: str, root: str, roles: Mapping[str, str], wanted: Sequence[str]) -> bool:
    return read_levels(f"{path}/x" if path else "x", root, roles)[2] in wanted


def _is_below(path: str, root: str) -> bool:
    return not root or path == root or path.startswith(f"{root}/")


def _name(folder: str) -> str:
    return folder.rpartition("/")[2]
