"""The real worker as a warm one that has imported nothing heavy: tuning jobs and their trials run the test's own training script.

python -m tests.tuning.toy_tuner RUN_FOLDER --lock FD
"""

from __future__ import annotations

import sys
import types

from core.jobs import prefork, worker
from tests.backends import toy_worker

if __name__ == "__main__":
    toy_worker.prepare()
    prefork.HEAVY, prefork.OURS, prefork.OPTIONAL = (), (), ()
    # Trainers are forked from what says that it has torch.
    sys.modules["torch"] = types.ModuleType("torch")
    sys.exit(worker.main(sys.argv[1:]))
