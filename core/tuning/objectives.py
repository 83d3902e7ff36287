"""The objectives and strategies of tuning jobs, and the check of a spec."""

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
    """The metric that trials are ranked by.

    `figure` is its name in model.json's figures of the validation split; `maximize` its direction.
    """

    title: str
    figure: str
    maximize: bool

    def merit(self, value: float) -> float:
        """Return the value, negated if needed so that higher is better."""
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
    "tpe": Strategy("Bayesian (TPE)", "Proposes values from earlier trials. Recommended."),
    "gp": Strategy(
        "Bayesian (Gaussian process)",
        "Models the objective as a surface. Good for few trials and few numeric hyperparameters; "
        "takes about a second per trial.",
    ),
    "random": Strategy("Random", "Draws every trial independently; easy to run in parallel."),
    "grid": Strategy("Grid", "Runs every combination once."),
    "hyperband": Strategy(
        "Hyperband",
        "Starts many trials with a few epochs each and stops the worse ones early. For "
        "fine-tuning, where epochs are slow.",
    ),
}


def check(spec: specs.TuningSpec) -> None:
    """Raise UserError, naming the field, for a tuning job that can't run, on any backend."""
    if len(spec.id.encode()) > MAX_NAME_BYTES:
        raise UserError(
            f"A tuning job's id has at most {MAX_NAME_BYTES} characters; {spec.id!r} has "
            f"{len(spec.id)}.",
            field="name",
        )
    if spec.objective not in OBJECTIVES:
        raise UserError(
            f"{spec.objective!r} is not an objective. Use {', '.join(OBJECTIVES)}.",
            field="objective",
        )
    if spec.strategy not in STRATEGIES:
        raise UserError(
            f"{spec.strategy!r} is not a strategy. Use {', '.join(STRATEGIES)}.",
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
    """Return the name of a trial's training job, shortened to the longest name allowed."""
    end = f" #{number}"
    return f"{spec.name.strip()[: settings.MAX_NAME_LENGTH - len(end)].rstrip()}{end}"
