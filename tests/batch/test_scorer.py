"""A model in its fast form, before any thread uses it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from core import settings
from core.models.store import Model

INSTALL = """
import sys, threading
from pathlib import Path
sys.path[:0] = [f"{sys.argv[1]}/code"]
sys.path.append(sys.argv[2])
import inference, torch
from fieldmark_ml.engines import fastest
model = inference.model_fn(sys.argv[1])
(form,) = fastest.install(model, "auto", 4, Path(sys.argv[3]))
size = model.info["backbones"][0]["image_size"]
pixels = torch.full((1, 3, size, size), 128, dtype=torch.uint8)
together, answers = threading.Barrier(4), []
def ask():
    together.wait()
    answers.append(form(pixels))
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(answers), all(torch.equal(answers[0], answer) for answer in answers))
"""


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)
def test_threads_that_all_ask_first_wait_for_none_of_each_other(
    model: Model, tmp_path: Path
) -> None:
    """OpenVINO's binding sets itself up in its first call; two threads that both made it waited for each other for ever."""
    command = [
        sys.executable,
        "-c",
        INSTALL,
        str(model.folder.model),
        str(settings.SM_SCRIPTS),
        str(tmp_path),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().splitlines()[-1] == "4 True"
