"""Which photo a cell of a table means: by its path, else by the end of its path, however the table
writes it, and never the first of several.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from core.datasets.importing.found import BadRow, is_image
from core.io.names import folded, printable

_URL = re.compile(r"^(https?|s3|gs|file|abfss?|azureml)://", re.IGNORECASE)
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")

_UPLOADED = re.compile(r"[0-9a-f]{8}-")
# Folders of pictures that are called like the photos they are about.
_MASKS = re.compile(
    r"(^|/)(masks?|segmentations?|segmentation(class|object)|annotations?|labels|ground_?truth)/",
    re.IGNORECASE,
)
# Without one of these a cell is a plain name.
_SPECIAL = re.compile(r"[/\\:]")

# How a photo was found, in the words of the plan; those of EXACT need none.
EXACT = ""
BY_END = "by the end of the path"
BY_NAME = "by the file's name"
BY_STEM = "without its suffix"
OTHER_SUFFIX = "under another suffix"
BY_CASE = "with other capitals"
BY_NUMBER = "after zeros that were cut off"


@dataclass(frozen=True)
class Match:
    """A photo's path, how it was found, and the folders of the cell that lead nowhere here."""

    path: str
    how: str = EXACT
    dropped: str = ""


class _Called:
    """Photos by their names, by these without a suffix, and by their numbers without zeros."""

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
    """The photos of a listing, to be asked for by what tables call them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)

    @cached_property
    def _called(self) -> _Called:
        """Made when the first cell asks: folders of classes have no cells."""
        return _Called(self._paths)

    def find(self, text: str, base: str = "") -> Match | None:
        """The photo that a cell means; paths begin at the folder `base`, if they are there, or
        anywhere. None where no photo is called so.

        Raises Ambiguous where several are and nothing tells them apart.
        """
        wanted = tidy(text)
        if not wanted:
            return None
        if base and f"{base}/{wanted}" in self._paths:
            return Match(f"{base}/{wanted}")
        if wanted in self._paths:
            return Match(wanted)
        for candidates, how in self._candidates(wanted):
            if candidates:
                return _chosen(candidates, wanted, how, base, text)
        return None

    def exactly(self, text: str, base: str) -> Match | None:
        """The photo at a cell's path below `base`."""
        path = f"{base}/{text}" if base else text
        return Match(path) if path in self._paths else None

    def _candidates(self, wanted: str) -> Iterable[tuple[Sequence[str], str]]:
        name = folded(wanted.rpartition("/")[2])
        yield self._called.by_name.get(name, ()), EXACT
        yield self._called.by_stem.get(name, ()), BY_STEM
        if is_image(name):
            yield self._called.by_stem.get(_stem(name), ()), OTHER_SUFFIX
        yield self._called.by_name.get(folded(unquote(name)), ()), EXACT
        # Label Studio puts a part of an id before the names of uploads.
        if uploaded := _UPLOADED.match(name):
            yield self._called.by_name.get(name[uploaded.end() :], ()), EXACT
        number = _stem(name) if is_image(name) else name.removesuffix(".0")
        if number.isdigit():
            yield self._called.by_stem.get(number, ()), BY_STEM
            yield self._called.by_number.get(number.lstrip("0"), ()), BY_NUMBER


def is_photo(name: str) -> bool:
    """Whether a photo is called like this."""
    return is_image(name)


class Ambiguous(BadRow):
    """Several photos are called what a cell says."""


def tidy(text: str) -> str:
    """A cell's path with slashes only, without a scheme, a host, a drive or `./` at its start."""
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
    except ValueError:  # a host in brackets that is none
        return unquote(address.partition("://")[2])


class Dropped:
    """Which folders of a table's cells may be passed over because they lead nowhere here.

    Where photos were moved, every row loses the same folders; where all were put into one folder,
    no two rows have the same file name. Anything else is a row about another photo.
    """

    def __init__(self) -> None:
        self._folders = Counter[str]()
        self._names = Counter[str]()

    def add(self, text: str, match: Match | None) -> None:
        """Learns from a row; `match` is None where no photo was found."""
        self._names[folded(tidy(text).rpartition("/")[2])] += 1
        if match is not None:
            self._folders[match.dropped] += 1

    def allows(self, text: str, match: Match) -> bool:
        """Whether the row's photo is the one that was found."""
        if not match.dropped:
            return True
        usual = max((name for name in self._folders if name), key=self._folders.__getitem__)
        if match.dropped == usual and self._folders[usual] > 1:
            return True
        return self._names[folded(tidy(text).rpartition("/")[2])] == 1


def _chosen(candidates: Sequence[str], wanted: str, how: str, base: str, text: str) -> Match:
    """The candidate whose end agrees with most of what is wanted, of those in `base` if there are
    any."""
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
            raise Ambiguous(f"{len(best)} files are called {printable(wanted)}; give the path")
        best = exact
    dropped = "/".join(folders[: len(folders) - longest])
    if how == EXACT:
        how = _how(best[0], wanted, dropped)
    if dropped and text.strip().startswith("/"):
        dropped = f"/{dropped}"
    return Match(best[0], how, dropped)


def _how(path: str, wanted: str, dropped: str) -> str:
    if dropped:
        return BY_END if "/" in wanted.removeprefix(dropped).strip("/") else BY_NAME
    return EXACT if path.endswith(wanted) else BY_CASE


def _common_end(path: str, wanted: str) -> int:
    """How many folders directly above the file two paths share."""
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
