"""Compares what is installed, and what the requirements allow, with a dated list of known holes.

    python -m tests.holes

Exit status 1 names each package that is too old. A list older than MAX_DAYS is only a warning:
nothing here asks a network, so that a check says the same today and tomorrow.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("holes.txt")
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
MAX_DAYS = 90
FLOORS = (">=", "==", "~=", ">")


@dataclass(frozen=True)
class Hole:
    package: str
    fixed: Version
    id: str


def listed(text: str) -> tuple[dt.date, list[Hole]]:
    """Return the day of a list and its holes. Raises ValueError for a line that is neither."""
    day = re.search(r"^# Looked through: (\d{4}-\d{2}-\d{2})", text, re.MULTILINE)
    if not day:
        raise ValueError("The list of holes has no line '# Looked through: <date>'.")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    holes = [Hole(canonicalize_name(name), Version(fixed), cve) for name, fixed, cve in lines]
    return dt.date.fromisoformat(day[1]), holes


def lowest(text: str) -> dict[str, Version | None]:
    """Return the lowest version that requirements allow of each package; None if any is allowed."""
    found: dict[str, Version | None] = {}
    for requirement in _requirements(text):
        versions = [Version(one.version) for one in requirement.specifier if one.operator in FLOORS]
        floor = max(versions, default=None)
        name = canonicalize_name(requirement.name)
        known = found.get(name, floor)
        found[name] = None if known is None or floor is None else min(known, floor)
    return found


def problems(holes: list[Hole], requirements: dict[str, str]) -> Iterator[str]:
    """Yield a sentence for each package that is installed, or allowed, in a version with a hole."""
    for hole in holes:
        installed, mended = _installed(hole.package), f"{hole.id} is fixed in {hole.fixed}."
        if installed and installed < hole.fixed:
            yield f"{hole.package} {installed} is installed, and {mended}"
        for file, text in requirements.items():
            allowed = lowest(text)
            floor = allowed.get(hole.package)
            if hole.package in allowed and (floor is None or floor < hole.fixed):
                yield f"{file} allows {hole.package} {floor}, and {mended}"


def _requirements(text: str) -> Iterator[Requirement]:
    for line in text.splitlines():
        try:
            yield Requirement(line.split("#")[0].strip())
        except InvalidRequirement:
            continue  # a comment, an empty line, or the name of another file


def _installed(package: str) -> Version | None:
    try:
        return Version(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> int:
    day, holes = listed(LIST.read_text(encoding="utf-8"))
    texts = {name: (PROJECT / name).read_text(encoding="utf-8") for name in REQUIREMENTS}
    found = list(problems(holes, texts))
    print("\n".join(found or [f"None of {len(holes)} known holes is installed or allowed."]))
    age = (dt.datetime.now(dt.UTC).date() - day).days
    if age > MAX_DAYS:
        print(f"Warning: {LIST.name} was looked through {age} days ago. Bring it up to date.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
