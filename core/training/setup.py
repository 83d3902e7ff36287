"""What a training job trains, read from the hyperparameters that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from core.errors import UserError
from core.training import script as scripts

LBFGS = "lbfgs"
MODES = {"frozen": "frozen", "finetune": "fine-tuned"}


@dataclass(frozen=True)
class Setup:
    """The preset ("" for a chosen architecture), the architecture with its image size, the mode as
    a person reads it, the most epochs (0 if unknown), whether training may end before them, and the
    optimizer."""

    preset: str
    arch: str
    mode: str
    epochs: int
    may_end_early: bool
    optimizer: str = ""

    @property
    def is_finetuned(self) -> bool:
        return self.mode == MODES["finetune"]

    @property
    def model(self) -> str:
        """The preset with its architecture, or the architecture alone."""
        if self.preset:
            return f"{self.preset} ({self.arch})"
        return self.arch


def setup_of(hyperparameters: Mapping[str, object]) -> Setup:
    """Return what these hyperparameters train. Values that this version can't read leave gaps."""
    return _setup(tuple(sorted((name, str(value)) for name, value in hyperparameters.items())))


@lru_cache(maxsize=1024)
def _setup(given: tuple[tuple[str, str], ...]) -> Setup:
    values = dict(given)
    mode = values.get("mode", "frozen")
    preset = values.get("preset", "fast")
    if values.get("arch", scripts.AUTO) != scripts.AUTO:
        preset = ""
    try:
        resolved = scripts.check(values)
    except UserError:
        return Setup(preset, values.get("arch", ""), MODES.get(mode, mode), 0, True)
    epochs, patience = int(resolved["epochs"]), int(resolved["early_stopping_patience"])
    return Setup(
        preset,
        str(resolved["arch"]),
        MODES.get(mode, mode),
        epochs,
        resolved["optimizer"] == LBFGS or 0 < patience < epochs,
        str(resolved["optimizer"]),
    )
