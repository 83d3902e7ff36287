"""The end of a script that runs as a job: an exit code, and the reason where the platform reads
it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from fieldmark_ml import runtime
from fieldmark_ml.hyperparameters import BadValue, Values, from_arguments, resolve

Run = Callable[[Values], None]


def main(run: Run, arguments: Sequence[str], description: str, stopped: str) -> int:
    """Call `run(values)` with the hyperparameters of a command line, typed and resolved. `stopped`
    is the last log line after a stop.

    The exit code: 0 done, 1 failed, 2 an argument cannot be used, 143 stopped with everything
    saved.
    """
    try:
        values = resolve(from_arguments(arguments, description))
    except BadValue as error:
        return _fail(f"Bad argument {error}", runtime.EXIT_BAD_ARGUMENT)
    try:
        run(values)
    except runtime.Stopped:
        runtime.log(stopped)
        return runtime.EXIT_STOPPED
    except runtime.TrainingError as error:
        return _fail(str(error), error.exit_code)
    except Exception as error:
        traceback.print_exc()
        return _fail(runtime.explain(error), runtime.EXIT_FAILED)
    return 0


def _fail(reason: str, code: int) -> int:
    runtime.write_failure(Path(os.environ.get("SM_OUTPUT_DATA_DIR", "/opt/ml/output/data")), reason)
    # SageMaker takes over as FailureReason only a line that names one of Python's errors.
    print(f"FAILED (RuntimeError): {reason}", file=sys.stderr, flush=True)
    return code
