"""The parts of a batch, each alone: the network on photos already in memory, and reading and
decoding.

    python -m benchmarks.batch.parts MODEL_ID SPLIT

The same engine, batches and threads as a transform job; prints photos per second as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.backends.local.batch import batches as pipeline
from core.backends.local.batch.scorer import PARITY_PHOTOS, Scorer
from core.backends.local.datasets import fetching
from core.datasets import store
from core.models import store as models


def main(model_id: str, split: str) -> None:
    model = models.read(model_id)
    version = store.version(model.dataset_id, model.version_id)
    root = store.dataset(model.dataset_id).root
    paths = [
        root / path
        for path in store.manifest_of(version, columns=["path"], filters=[("split", "==", split)])[
            "path"
        ]
    ]
    scorer = Scorer(model)
    scorer.settle(fetching.photos_for_model(model, PARITY_PHOTOS))
    batches = [paths[start : start + scorer.batch] for start in range(0, len(paths), scorer.batch)]

    def prepared(batch: list[Path]) -> Any:
        return scorer.prepare([scorer.decode(path.read_bytes()) for path in batch])

    inputs = [prepared(batch) for batch in batches]
    rate(scorer, scorer.forward, inputs[: 2 * scorer.workers])
    forward, decode = rate(scorer, scorer.forward, inputs), rate(scorer, prepared, batches)
    count = len(paths) / len(batches)
    print(json.dumps({"forward": forward * count, "decode": decode * count, "form": scorer.form}))


def rate(scorer: Scorer, work: Callable[[Any], Any], batches: Sequence[Any]) -> float:
    """Batches per second."""
    start = time.perf_counter()
    done = sum(
        1
        for _ in pipeline.in_order(
            work, batches, scorer.workers, lambda: False, scorer.start_thread
        )
    )
    return done / (time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
