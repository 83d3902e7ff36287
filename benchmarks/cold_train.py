"""The first model on a folder of photos, nothing cached: ours, the workshop's recipe, and the plain cached-feature loop."""

from __future__ import annotations

from benchmarks import frozen
from benchmarks.harness import Outcome, Row
from benchmarks.photos import photos

TARGET, TARGET_PLAIN = 30.0, 2.5


def run() -> Outcome:
    runs = frozen.cold()
    ours, plain = frozen.ours("ours, cold", runs), frozen.plain()
    where = photos()
    extra = {
        "peer_plain": round(plain.value, 3),
        "ratio_plain": round(plain.value / ours.value, 2),
        "target_plain": TARGET_PLAIN,
        "accuracy_plain": plain.accuracy,
        "import_seconds": round(where.import_seconds, 3),
    }
    counts = ", ".join(f"{count} {split}" for split, count in where.version.split_counts().items() if count)
    brought_in = Row("importing the photos, once", where.import_seconds, note=f"{where.name}: {counts}", compared=False)
    return Outcome("cold_train", "s", ours, frozen.workshop(), TARGET, runs[0].n, others=(plain, brought_in), extra=extra)
