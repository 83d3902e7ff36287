"""The list of known holes is compared with real requirements and what is really installed."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version

from tests import holes

OLD = holes.Hole("packaging", Version("9999"), "CVE-0000-1")
DEEP = holes.Hole("nothing-of-that-name", Version("1.2"), "CVE-0000-2")


def test_nothing_installed_or_allowed_has_a_known_hole() -> None:
    assert holes.main() == 0


def test_an_old_package_is_named() -> None:
    (said,) = holes.problems([OLD], {})
    assert said.startswith("packaging ")
    assert said.endswith("CVE-0000-1 is fixed in 9999.")


@pytest.mark.parametrize(
    ("line", "is_allowed"),
    [
        ("nothing-of-that-name>=1.2,<2", False),
        ("Nothing_of.that-name==1.3; python_version > '3'", False),
        ("nothing-of-that-name>=1.1", True),
        ("nothing-of-that-name<3", True),
        ("nothing-of-that-name", True),
        ("nothing-of-that-name>=1.2\nnothing-of-that-name>=1.0; sys_platform == 'x'", True),
        ("other>=1.0", False),
        ("# nothing-of-that-name>=1.0", False),
    ],
)
def test_a_requirement_that_allows_a_hole_is_named(line: str, is_allowed: bool) -> None:
    assert bool(list(holes.problems([DEEP], {"requirements.txt": line}))) == is_allowed


def test_an_old_list_only_warns(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(holes, "MAX_DAYS", -1_000_000)
    assert holes.main() == 0
    assert "Warning: holes.txt" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["a 1.0 CVE-1", "# Looked through: 2026-01-01\na 1.0", "# x"])
def test_a_list_that_cant_be_read_is_no_clean_bill(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        holes.listed(text)
