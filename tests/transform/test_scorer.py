"""A model in its fast form, before any thread uses it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from core import settings
from core.models import Model

INSTALL = """
import sys
from pathlib import Path
sys.path[:0] = [f"{sys.argv[1]}/code"]
sys.path.append(sys.argv[2])
import inference, fastest
model = inference.model_fn(sys.argv[1])
made = fastest.install(model, "auto", 2, Path(sys.argv[3]))
print([hasattr(form._threads, "request") for form in made])
"""


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_the_first_call_is_made_before_there_are_threads(model: Model, tmp_path: Path) -> None:
    """OpenVINO's binding sets itself up in its first call; two threads that both made it waited for each other for ever."""
    command = [sys.executable, "-c", INSTALL, str(model.folder.model), str(settings.SM_SCRIPTS), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().splitlines()[-1] == "[True]"
