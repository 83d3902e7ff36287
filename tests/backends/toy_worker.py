"""The real worker, with a test's own training script in place of ours and, where the test says so, less patience.

python -m tests.backends.toy_worker RUN_FOLDER --lock FD
"""

from __future__ import annotations

import json
import resource
import sys
from importlib import import_module

from core import settings
from core.jobs import worker

FOLDER = "toy"
LIMITS = "limits.json"


def prepare() -> None:
    """Makes this process one whose training jobs run `<HOME>/toy/train.py`."""
    # It reads the tables of the real scripts, so before others stand in their place.
    import_module("core.training.script")
    settings.SM_SCRIPTS = settings.home() / FOLDER
    limits = json.loads((settings.SM_SCRIPTS / LIMITS).read_text())
    for name in ("STOP_SECONDS", "SILENT_SECONDS", "SILENT_SAID_SECONDS"):
        setattr(settings, name, limits.get(name.lower(), getattr(settings, name)))
    if size := limits.get("file_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    prepare()
    sys.exit(worker.main(sys.argv[1:]))
