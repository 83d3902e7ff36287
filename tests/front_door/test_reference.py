"""The references in docs/ are what the code says."""

from __future__ import annotations

from core import settings
from tests.front_door import reference

DOCS = settings.PROJECT / "docs"
AGAIN = "Run `python -m tests.front_door.reference`."


def test_the_reference_of_the_command_line_is_the_code_s() -> None:
    assert (DOCS / reference.CLI).read_text(encoding="utf-8") == reference.command_line(), AGAIN


def test_the_reference_of_the_package_is_the_code_s() -> None:
    assert (DOCS / reference.PYTHON).read_text(encoding="utf-8") == reference.python(), AGAIN
