"""A skip for a reason that is not listed fails a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core import settings
from tests.patience import PATIENCE

TEST = """
import pytest

def test_of_a_reason():
    pytest.skip({reason!r})
"""


@pytest.mark.parametrize(
    ("reason", "code"), [("OpenVINO is not installed", 0), ("it fails today", 1)]
)
def test_a_skip_needs_a_listed_reason(reason: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(TEST.format(reason=reason))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "tests.conftest"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("does not list" in done.stdout) is bool(code)
