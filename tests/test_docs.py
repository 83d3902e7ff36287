"""What docs/ says of the code is so: the paths and functions it names, and the table of faults."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core import settings

DOCS = settings.PROJECT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
FAULTS = (DOCS / "faults.md").read_text(encoding="utf-8")
EMULATOR = (DOCS / "aws_emulator.md").read_text(encoding="utf-8")
TOPS = "app.py|pages|ui|core|sm_scripts|tests|docs|benchmarks"
NAMED = re.compile(rf"`((?:{TOPS})[\w./-]*)(?:::(\w+))?`")
ROW = re.compile(r"\| (\d\d) \|.*\| ([^|]*) \|")


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def files_by_number() -> dict[str, set[str]]:
    """Return the files that hold tests of each fault, by its number."""
    found: dict[str, set[str]] = {}
    for path in (settings.PROJECT / "tests").rglob("*.py"):
        for number in re.findall(r"def test_fault_(\d\d)_", path.read_text(encoding="utf-8")):
            found.setdefault(number, set()).add(path.relative_to(settings.PROJECT).as_posix())
    return found


@pytest.mark.parametrize(
    "text", [ARCHITECTURE, FAULTS, EMULATOR], ids=["architecture", "faults", "emulator"]
)
def test_every_path_that_is_named_is_there(text: str) -> None:
    named = {match[1] for match in NAMED.finditer(text)}
    assert named
    assert not [name for name in named if not (settings.PROJECT / name).exists()]


def test_every_function_that_is_named_is_there() -> None:
    named = {(match[1], match[2]) for match in NAMED.finditer(ARCHITECTURE) if match[2]}
    assert len(named) > 20
    assert not [
        f"{path}::{name}" for path, name in named if name not in functions(settings.PROJECT / path)
    ]


@pytest.mark.parametrize("folder", ["core", "ui"])
def test_every_room_stands_in_the_map(folder: str) -> None:
    rooms = {
        path.parent.relative_to(settings.PROJECT).as_posix()
        for path in (settings.PROJECT / folder).glob("*/__init__.py")
    }
    assert rooms
    assert not [room for room in rooms if f"`{room}/`" not in ARCHITECTURE]


def test_the_table_of_faults_is_that_of_the_tests() -> None:
    rows = {number: set(re.findall(r"`([^`]+)`", files)) for number, files in ROW.findall(FAULTS)}
    assert rows == files_by_number()


def test_every_test_of_the_emulator_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", EMULATOR))
    there = {
        name for path in (settings.PROJECT / "tests").rglob("test_*.py") for name in functions(path)
    }
    assert len(named) > 50
    assert not named - there


def test_every_row_about_the_emulator_names_a_test() -> None:
    rows = [line for line in EMULATOR.splitlines() if line.startswith("| ")]
    heads = [line for line in rows if line.endswith("| tests |")]
    assert len(rows) - len(heads) == 26 + 18
    assert not [line for line in rows if line not in heads and "`test_" not in line]


def test_the_licence_of_every_requirement_is_listed() -> None:
    listed = re.findall(r"[\w-]+", (DOCS / "licences.md").read_text(encoding="utf-8"))
    asked = (settings.PROJECT / "requirements.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w-]+)", asked, re.MULTILINE)
    assert len(names) > 20
    assert not set(names) - set(listed)
