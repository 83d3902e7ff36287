"""The first model on a folder of photos, nothing cached:
ours, the workshop's recipe, and the plain cached-feature loop.
"""

from __future__ import annotations

from benchmarks.harness import Outcome, Row
from benchmarks.photos import photos
from benchmarks.training import frozen

TARGET, TARGET_PLAIN = 30.0, 2.5


def run() -> Outcome:
    where = photos()
    (cold, _), (shell, _) = frozen.in_the_app(), frozen.from_a_shell()
    ours, plain, workshop, notebook = (
        frozen.app_row("cold", cold),
        frozen.plain(),
        frozen.workshop(),
        frozen.notebook(),
    )
    extra = {
        "peer_as_written": round(notebook.value, 3),
        "ratio_as_written": round(notebook.value / ours.value, 2),
        "peer_plain": round(plain.value, 3),
        "ratio_plain": round(plain.value / ours.value, 2),
        "target_plain": TARGET_PLAIN,
        "accuracy_plain": plain.accuracy,
        "ours_from_a_shell": round(shell.run.seconds, 3),
        "ratio_from_a_shell": round(workshop.value / shell.run.seconds, 2),
        "import_seconds": round(where.import_seconds, 3),
    }
    counts = ", ".join(
        f"{count} {split}" for split, count in where.version.split_counts().items() if count
    )
    others = (
        notebook,
        plain,
        frozen.shell_row("cold", shell),
        Row(
            "importing the photos, once",
            where.import_seconds,
            note=f"{where.name}: {counts}",
            compared=False,
        ),
    )
    return Outcome("cold_train", "s", ours, workshop, TARGET, shell.n, others=others, extra=extra)
