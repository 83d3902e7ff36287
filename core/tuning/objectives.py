"""What a tuning job may be asked for: its objectives, its strategies, and whether a spec makes
sense."""

from __future__ import annotations

from dataclasses import dataclass

from core import settings
from core.errors import UserError
from core.jobs import specs
from core.tuning import space as spaces

MAX_TRIALS = 1000
MAX_PARALLEL = 16
MAX_NAME_BYTES = 32


@dataclass(frozen=True)
class Objective:
    """What trials are ranked by.

    `figure` is its name in model.json's figures of the validation split; `maximize` its direction.
    """

    title: str
    figure: str
    maximize: bool

    def merit(self, value: float) -> float:
        """The value, turned so that higher is better."""
        if self.maximize:
            return value
        return -value

    def better(self, value: float, than: float) -> bool:
        return self.merit(value) > self.merit(than)

    @property
    def direction(self) -> str:
        if self.maximize:
            return "maximize"
        return "minimize"


OBJECTIVES = {
    "validation_accuracy": Objective("Validation accuracy", "top1", True),
    "validation_loss": Objective("Validation loss", "loss", False),
    "validation_macro_f1": Objective("Validation macro F1", "macro_f1", True),
}


@dataclass(frozen=True)
class Strategy:
    title: str
    advice: str


STRATEGIES = {
    "tpe": Strategy(
        "Bayesian (TPE)", "Learns from the trials so far where good values lie. The best start."
    ),
    "gp": Strategy(
        "Bayesian (Gaussian process)",
        "Models the objective as a surface; strong with few trials and few numbers. A second per "
        "trial.",
    ),
    "random": Strategy("Random", "Every trial on its own; honest, and easy to run in parallel."),
    "grid": Strategy("Grid", "Every combination once."),
    "hyperband": Strategy(
        "Hyperband",
        "Starts many, gives each a few epochs and stops the worse ones early. For fine-tuning, "
        "where an epoch takes long.",
    ),
}


def check(spec: specs.TuningSpec) -> None:
    """UserError, naming the field, for a tuning job that cannot run. The same for every backend."""
    if len(spec.id.encode()) > MAX_NAME_BYTES:
        raise UserError(
            f"A tuning job's id has at most {MAX_NAME_BYTES} characters; {spec.id!r} has "
            f"{len(spec.id)}.",
            field="name",
        )
    if spec.objective not in OBJECTIVES:
        raise UserError(
            f"There is no objective {spec.objective!r}. Use {', '.join(OBJECTIVES)}.",
            field="objective",
        )
    if spec.strategy not in STRATEGIES:
        raise UserError(
            f"There is no strategy {spec.strategy!r}. Use {', '.join(STRATEGIES)}.",
            field="strategy",
        )
    for name, value, highest in (
        ("max_trials", spec.max_trials, MAX_TRIALS),
        ("parallel", spec.parallel, MAX_PARALLEL),
    ):
        if not 1 <= value <= highest:
            raise UserError(
                f"{name.replace('_', ' ')} can be 1 to {highest}, not {value}.", field=name
            )
    for name, limit in (("max_seconds", spec.max_seconds), ("patience", spec.patience)):
        if limit < 0:
            raise UserError("A limit cannot be negative; 0 means none.", field=name)
    if not 0 <= spec.seed < 2**31:
        raise UserError("The seed is a whole number from 0 to 2147483647.", field="seed")
    searched = spaces.parse(spec.space)
    spaces.check(searched, spec.fixed)
    if spec.strategy == "grid":
        spaces.grid(searched)


def trial_name(spec: specs.TuningSpec, number: int) -> str:
    """The name of one trial's training job, short enough whatever the tuning job is called."""
    end = f" #{number}"
    return f"{spec.name.strip()[: settings.MAX_NAME_LENGTH - len(end)].rstrip()}{end}"
