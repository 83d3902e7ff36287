"""Libraries that two threads must not use for the first time at once, set up by one thread.

OpenVINO's Python binding looks numpy up at its first array: a thread that does so holds a C++ guard
and releases the interpreter's lock; another thread takes that lock and waits for the guard: a
deadlock. Python then handles no signals.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

_one_at_a_time = threading.Lock()


def import_openvino() -> Any:
    """Return the module, ready for any number of threads and for forks. No other module imports it.

    Starts no thread, so that a process may call this and fork afterwards. Raises ImportError.
    """
    with _one_at_a_time:
        # Importing OpenVINO reports to Google Analytics if this package is found; Fieldmark sends
        # nothing to anyone.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        openvino.Tensor(np.zeros(1, np.float32))
    return openvino
