"""What browsers run stands in files of its own: each has content, and a module beside it that uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

UI = Path(__file__).resolve().parent.parent / "ui"
FILES = sorted(path for ending in ("css", "js") for path in UI.rglob(f"*.{ending}"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_of_a_component_is_used_and_not_empty(path: Path) -> None:
    assert path.read_text(encoding="utf-8").strip()
    module = path.with_suffix(".py").read_text(encoding="utf-8")
    assert "browser_code.component(" in module or ("st.html(" in module and ".css" in module)


def test_the_page_of_a_shut_app_says_why() -> None:
    page = (UI / "shell" / "shut.html").read_text(encoding="utf-8")
    assert "{problem}" in page
    assert '"shut.html"' in (UI / "shell" / "gate.py").read_text(encoding="utf-8")
