"""The prose check finds what it should, where a person reads it, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import prose


def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str) -> list[str]:
    monkeypatch.setattr(prose, "PROJECT", tmp_path)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(prose.findings(path))


@pytest.mark.parametrize(
    "text",
    [
        "raise ValueError('x is no path')",
        "raise ValueError(f'{name} is no folder')",
        "x = 'Its label is simply wrong'",
        "def f():\n    '''None where nothing is known.'''",
        "# Nobody has looked at it.",
        "x = 'Done!'",
        "x = '95% of them'",
        "x = 'Please wait'",
        "x = 'Finetune'",
    ],
)
def test_forbidden_phrases_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    ast.parse(text)
    assert len(found(tmp_path, monkeypatch, text, "module.py")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = 'there is no folder at /tmp'",
        "x = 'just now'",
        "x = f'{share:.0%} of them'",
        "x = '95 % of them'",
        "def f():\n    '''Please, in a docstring, is no message!'''",
        "mode = 'finetune'",
        "x = '!important'",
    ],
)
def test_other_phrases_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert not found(tmp_path, monkeypatch, text, "module.py")


def test_markdown_is_read_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = found(tmp_path, monkeypatch, "Fine.\nIt simply works.\n", "notes.md")
    assert [line.split(":")[1] for line in lines] == ["2"]
