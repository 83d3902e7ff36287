"""The pages say what the reviewed catalogue says, no more and no less."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from core import settings
from tests.ui import words


def test_the_pages_say_what_the_catalogue_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in words.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(settings.ENV_HOME, str(tmp_path))
    known = words.CATALOGUE.read_text(encoding="utf-8").splitlines()
    said = words.collect(tmp_path / "homes")
    change = difflib.unified_diff(known, said, "words.txt", "the pages", lineterm="", n=0)
    lines = [line for line in change if not line.startswith("@@")]
    assert not lines, "\n".join(["Read these lines, then run `python -m tests.ui.words`:", *lines])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,034 photos, 12 classes", "0 photos, 0 classes"),
        ("made 3 min ago", "made AGE"),
        ("about 2 min 5 s left", "about TIME left"),
        ("fm-training-20261130t064810-986b7e", "JOB"),
        ("Looked up 2026-11-30 06:48", "Looked up DATE"),
        (r"95 % CI 0\.791\-0\.839", "0 % CI 0-0"),
        ("lite0@288", "lite0@0"),
        ("/tmp/x/photos is gone", "FOLDER/photos is gone"),
        ("12.5 MB of 2 GB", "SIZE of SIZE"),
    ],
)
def test_what_varies_is_normalised(text: str, expected: str) -> None:
    assert words.normalise(text, ("/tmp/x",)) == expected
