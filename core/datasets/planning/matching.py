"""Find the photo that a table cell names: by its path, else by the end of its path. If several
photos match, none is chosen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from core.datasets.importing.entries import BadRow, is_image
from core.io.names import folded, printable

_URL = re.compile(r"^(https?|s3|gs|file|abfss?|azureml)://", re.IGNORECASE)
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")

_UPLOADED = re.compile(r"[0-9a-f]{8}-")
# Folders of masks, which have the same file names as their photos.
_MASKS = re.compile(
    r"(^|/)(masks?|segmentations?|segmentation(class|object)|annotations?|labels|ground_?truth)/",
    re.IGNORECASE,
)
# A cell without one of these is a plain name.
_SPECIAL = re.compile(r"[/\\:]")

# How a photo was found, in the words of the plan; exact matches are not mentioned.
EXACT = ""
BY_END = "by the end of its path"
BY_NAME = "by its file name"
BY_STEM = "without its suffix"
OTHER_SUFFIX = "with another suffix"
BY_CASE = "with different upper or lower case"
BY_NUMBER = "without leading zeros"


@dataclass(frozen=True)
class Match:
    """A photo's path, how it was found, and the folders in the cell that do not exist here."""

    path: str
    how: str = EXACT
    lost_folders: str = ""


class _NameIndex:
    """Photos by file name, by name without suffix, and by number without leading zeros."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.by_name: dict[str, list[str]] = defaultdict(list)
        self.by_stem: dict[str, list[str]] = defaultdict(list)
        self.by_number: dict[str, list[str]] = defaultdict(list)
        for path in sorted(paths):
            name = folded(path.rpartition("/")[2])
            stem = _stem(name)
            self.by_name[name].append(path)
            self.by_stem[stem].append(path)
            if stem.isdigit() and stem.startswith("0"):
                self.by_number[stem.lstrip("0")].append(path)


class Photos:
    """The photos of a listing, found by the names that tables give them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)

    @cached_property
    def _called(self) -> _NameIndex:
        """The index, made at first use: class folders need none."""
        return _NameIndex(self._paths)

    def find(self, text: str, base: str = "") -> Match | None:
        """Return the photo that a cell names, or None; paths start at the folder `base`, or
        anywhere.

        Raises Ambiguous if several photos match equally well.
        """
        wanted = clean_path(text)
        if not wanted:
            return None
        if base and f"{base}/{wanted}" in self._paths:
            return Match(f"{base}/{wanted}")
        if wanted in self._paths:
            return Match(wanted)
        for candidates, how in self._candidates(wanted):
            if candidates:
                return _choose(candidates, wanted, how, base, text)
        return None

    def exactly(self, text: str, base: str) -> Match | None:
        """Return the photo at exactly a cell's path below `base`, or None."""
        path = f"{base}/{text}" if base else text
        return Match(path) if path in self._paths else None

    def _candidates(self, wanted: str) -> Iterable[tuple[Sequence[str], str]]:
        name = folded(wanted.rpartition("/")[2])
        yield self._called.by_name.get(name, ()), EXACT
        yield self._called.by_stem.get(name, ()), BY_STEM
        if is_image(name):
            yield self._called.by_stem.get(_stem(name), ()), OTHER_SUFFIX
        yield self._called.by_name.get(folded(unquote(name)), ()), EXACT
        # Label Studio prefixes the names of uploads with part of an id.
        if uploaded := _UPLOADED.match(name):
            yield self._called.by_name.get(name[uploaded.end() :], ()), EXACT
        number = _stem(name) if is_image(name) else name.removesuffix(".0")
        if number.isdigit():
            yield self._called.by_stem.get(number, ()), BY_STEM
            yield self._called.by_number.get(number.lstrip("0"), ()), BY_NUMBER


def is_photo(name: str) -> bool:
    """Return whether this is a photo's file name."""
    return is_image(name)


class Ambiguous(BadRow):
    """Several photos match a cell."""


def clean_path(text: str) -> str:
    """Return a cell's path with forward slashes, without scheme, host, drive or `./`."""
    path = text.strip()
    if not _SPECIAL.search(path):
        return "" if path in (".", "..") else path
    if _URL.match(path):
        path = _below_host(path)
    elif _DRIVE.match(path):
        path = path[2:]
    path = path.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "" if ".." in parts else "/".join(parts)


def _below_host(address: str) -> str:
    try:
        return unquote(urlsplit(address).path)
    except ValueError:  # an invalid IPv6 host
        return unquote(address.partition("://")[2])


class LostFolders:
    """The folders in a table's cells that do not exist here, and whether that matters.

    If photos were moved, every row loses the same folders; if all were put into one folder, no two
    rows have the same file name. Any other row is about another photo.
    """

    def __init__(self) -> None:
        self._folders = Counter[str]()
        self._names = Counter[str]()

    def add(self, text: str, match: Match | None) -> None:
        """Count a row; `match` is None if no photo was found."""
        self._names[folded(clean_path(text).rpartition("/")[2])] += 1
        if match is not None:
            self._folders[match.lost_folders] += 1

    def allows(self, text: str, match: Match) -> bool:
        """Return whether the matched photo is the row's photo."""
        if not match.lost_folders:
            return True
        usual = max((name for name in self._folders if name), key=self._folders.__getitem__)
        if match.lost_folders == usual and self._folders[usual] > 1:
            return True
        return self._names[folded(clean_path(text).rpartition("/")[2])] == 1


def _choose(candidates: Sequence[str], wanted: str, how: str, base: str, text: str) -> Match:
    """Return the candidate whose path ends most like `wanted`, preferring those in `base`."""
    inside = [path for path in candidates if base and path.startswith(f"{base}/")]
    candidates = inside or candidates
    lengths = {path: _common_end(path, wanted) for path in candidates}
    longest = max(lengths.values())
    best = [path for path, length in lengths.items() if length == longest]
    folders = wanted.split("/")[:-1]
    if len(best) > 1:
        best = [path for path in best if not _MASKS.search(path)] or best
    if len(best) > 1:
        exact = [path for path in best if path.rpartition("/")[2] == wanted.rpartition("/")[2]]
        if len(exact) != 1:
            raise Ambiguous(f"{len(best)} files are named {printable(wanted)}; use full paths")
        best = exact
    lost_folders = "/".join(folders[: len(folders) - longest])
    if how == EXACT:
        how = _describe_match(best[0], wanted, lost_folders)
    if lost_folders and text.strip().startswith("/"):
        lost_folders = f"/{lost_folders}"
    return Match(best[0], how, lost_folders)


def _describe_match(path: str, wanted: str, dropped: str) -> str:
    if dropped:
        return BY_END if "/" in wanted.removeprefix(dropped).strip("/") else BY_NAME
    return EXACT if path.endswith(wanted) else BY_CASE


def _common_end(path: str, wanted: str) -> int:
    """Return how many folders directly above the file two paths share."""
    pairs = zip(reversed(path.split("/")[:-1]), reversed(wanted.split("/")[:-1]), strict=False)
    count = 0
    for one, other in pairs:
        if folded(one) != folded(other):
            break
        count += 1
    return count


def _stem(name: str) -> str:
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name
