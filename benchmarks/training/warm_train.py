"""The same model again with other hyperparameters, its features cached, beside the same peers."""

from __future__ import annotations

from benchmarks.harness import Outcome
from benchmarks.training import frozen

TARGET = 200.0


def run() -> Outcome:
    (_, warm), (_, shell) = frozen.in_the_app(), frozen.from_a_shell()
    workshop, notebook = frozen.workshop(), frozen.notebook()
    extra = {
        "peer_as_written": round(notebook.value, 3),
        "ratio_as_written": round(notebook.value / frozen.app_row("warm", warm).value, 2),
        "ours_from_a_shell": round(shell.run.seconds, 3),
        "ratio_from_a_shell": round(workshop.value / shell.run.seconds, 2),
    }
    others = (notebook, frozen.plain(), frozen.shell_row("warm", shell))
    return Outcome(
        "warm_train",
        "s",
        frozen.app_row("warm", warm),
        workshop,
        TARGET,
        shell.n,
        others=others,
        extra=extra,
    )
