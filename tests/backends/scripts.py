"""Training scripts of a few lines: one that runs on, one that obeys a stop, one that refuses, one that leaves a model."""

from __future__ import annotations

RUNS = "import time\nprint('running', flush=True)\ntime.sleep(86_400)\n"
# Runs until this file is there, beside the script that the test wrote.
GO = "go"
WAITS = """
import os, time
print('running', flush=True)
while not os.path.exists({go!r}):
    time.sleep(0.05)
"""
OBEYS = """
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path(sys.argv[sys.argv.index('--checkpoint_dir') + 1], 'checkpoint').write_text('learned so far')
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print('running', flush=True)
time.sleep(86_400)
"""
REFUSES = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('running', flush=True)\ntime.sleep(86_400)\n"
MODEL = """
import json, os, pathlib
folder = pathlib.Path(os.environ['SM_MODEL_DIR'])
(folder / 'model.json').write_text(json.dumps({'format': 1, 'classes': ['cat', 'dog']}))
"""

# One that says why it failed, where SageMaker looks for it.
EXPLAINS = """
import os, pathlib
pathlib.Path(os.environ['SM_OUTPUT_DATA_DIR'], 'failure').write_text({reason!r})
raise SystemExit(1)
"""
