"""Tuning jobs whose trials are scripts of a few lines: backend, workers, locks, signals, folders and Optuna are the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from core import settings
from core.backends import LOCAL
from core.backends.local import backend as local_backend
from core.jobs.specs import TuningSpec
from core.jobs.store import Job
from core.tuning import space as spaces
from core.tuning.space import Range
from tests.backends.conftest import Toys, toys, version
from tests.tuning import made, toy_tuner

__all__ = ["toys", "version"]

# A trial whose accuracy is best at weight_decay 0.1. FAIL and WAIT are expressions of `given`, the hyperparameters, and WAIT of `epoch`
# too. held(n): where there are n trials, until the file GO is there. met(n): until n trials have come as far.
TRIAL = """
import json, math, os, pathlib, sys, time
given = dict(zip((name[2:] for name in sys.argv[1::2]), sys.argv[2::2]))
print('running', os.environ.get('OMP_NUM_THREADS'), flush=True)
off = abs(math.log10(float(given.get('weight_decay', '1'))) + 1)
share = max(0, 1 - off / 4)
home = pathlib.Path(os.environ['SM_MODEL_DIR']).parents[2]
def held(trials):
    while len(list((home / 'jobs').glob('fm-training-*'))) >= trials and not (home / 'go').exists():
        time.sleep(0.02)
    return 0
def met(trials):
    (home / f'met-{os.getpid()}').touch()
    while len(list(home.glob('met-*'))) < trials:
        time.sleep(0.02)
    return 0
if FAIL:
    pathlib.Path(os.environ['SM_OUTPUT_DATA_DIR'], 'failure').write_text('It does not like ' + str(given.get('weight_decay')))
    raise SystemExit(1)
for epoch in range(1, 4):
    losses = f'train_loss=0.5 validation_loss={off + 1 / epoch:.4f}'
    print(f'[metrics] epoch={epoch} {losses} validation_accuracy={share:.4f}', flush=True)
    time.sleep(WAIT)
correct = round(48 * share)
figures = {'top1': correct / 48, 'loss': off, 'macro_f1': share, 'correct': correct, 'n': 48}
body = {'format': 1, 'classes': ['cat', 'dog'], 'metrics': {'validation': figures}}
pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.json').write_text(json.dumps(body))
"""


GO = "go"


class Tuning:
    """Submits tuning jobs over toys."""

    def __init__(self, toys: Toys) -> None:
        self.toys = toys

    def script(self, fail: str = "False", wait: str = "0") -> None:
        self.toys.script(TRIAL.replace("FAIL", fail).replace("WAIT", wait))

    def spec(self, space: Mapping[str, Range] = made.SPACE, **more: Any) -> TuningSpec:
        asked = {"fixed": {}, "max_trials": 5, **more}
        return TuningSpec(
            "Toys",
            self.toys.version.dataset_id,
            self.toys.version.id,
            space=spaces.as_dict(space),
            **asked,
        )

    def go(self) -> None:
        """Trials that are held go on."""
        (settings.home() / GO).touch()

    def start(self, *, fail: str = "False", wait: str = "0", **more: Any) -> Job:
        self.script(fail, wait)
        return LOCAL.tune(self.spec(**more))


@pytest.fixture
def tuning(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> Tuning:
    monkeypatch.setattr(local_backend, "WORKER", toy_tuner.__name__)
    return Tuning(toys)
