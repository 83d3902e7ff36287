"""Which hyperparameters a tuning job tries next: optuna behind SageMaker's strategies, ranges, scales and warm start."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.world import Record

LISTS = ("ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges")
MOST_PARAMETERS = 30
# A range that spans more than this is searched by its logarithm where the scale is left to the service.
WIDE = 1000


@dataclass(frozen=True)
class Range:
    """One hyperparameter. A reversed one is searched as 1 - value."""

    name: str
    kind: str
    low: float
    high: float
    scale: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, entry: Record, kind: str) -> Range:
        """ApiError if it can't be searched."""
        name, scale = entry["Name"], entry.get("ScalingType", "Auto")
        if kind == LISTS[2]:
            return cls(name, kind, 0, 0, "", tuple(entry["Values"]))
        try:
            low, high = (
                float(entry[bound]) if kind == LISTS[0] else int(entry[bound])
                for bound in ("MinValue", "MaxValue")
            )
        except ValueError:
            raise invalid(f"The bounds of {name} are not numbers.") from None
        if not math.isfinite(low) or not math.isfinite(high) or low > high:
            raise invalid(
                f"MinValue of hyperparameter {name} has to be less than or equal to MaxValue."
            )
        if scale == "Logarithmic" and low <= 0:
            raise invalid(f"Logarithmic scaling of {name} needs a MinValue greater than 0.")
        if scale == "ReverseLogarithmic" and (kind != LISTS[0] or low < 0 or high >= 1):
            raise invalid(
                f"ReverseLogarithmic scaling of {name} needs a continuous range within 0 <= x < 1.0."
            )
        if scale == "Auto":
            scale = "Logarithmic" if low > 0 and high / low > WIDE else "Linear"
        return cls(name, kind, low, high, scale, ())

    def distribution(self) -> BaseDistribution:
        if self.values:
            return CategoricalDistribution(self.values)
        if self.kind == LISTS[1]:
            return IntDistribution(int(self.low), int(self.high), log=self.scale == "Logarithmic")
        if self.scale == "ReverseLogarithmic":
            return FloatDistribution(1 - self.high, 1 - self.low, log=True)
        return FloatDistribution(self.low, self.high, log=self.scale == "Logarithmic")

    def text(self, value: Any) -> str:
        """As the training job gets it."""
        return str(1 - value if self.scale == "ReverseLogarithmic" else value)

    def value(self, text: str) -> Any:
        """Return the inverse of `text`, for the trials of a parent. ValueError."""
        if self.values:
            return text
        number = float(text) if self.kind == LISTS[0] else int(text)
        return 1 - number if self.scale == "ReverseLogarithmic" else number


def ranges(config: Record) -> list[Range]:
    given = config.get("ParameterRanges", {})
    return [Range.of(entry, kind) for kind in LISTS for entry in given.get(kind, [])]


def combinations(config: Record) -> int:
    """Return how many trials a grid has."""
    return math.prod(len(entry.values) for entry in ranges(config))


def check_ranges(config: Record, static: dict[str, str]) -> None:
    """ApiError for ranges that the strategy cannot search."""
    found, strategy = ranges(config), config["Strategy"]
    names = [entry.name for entry in found]
    if not found:
        raise invalid("A tuning job needs at least one parameter range.")
    if len(found) > MOST_PARAMETERS:
        raise invalid(f"A tuning job can search {MOST_PARAMETERS} hyperparameters at most.")
    if twice := sorted({name for name in names if names.count(name) > 1 or name in static}):
        raise invalid(
            f"Hyperparameters can be given once only, in a range or as static: {', '.join(twice)}."
        )
    if strategy == "Grid":
        most = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
        if not all(entry.values for entry in found):
            raise invalid("Grid search only takes categorical parameters.")
        if most is not None and most != combinations(config):
            raise invalid(
                f"MaxNumberOfTrainingJobs of a grid search has to be {combinations(config)}, the number of combinations, or left out."
            )
    elif "MaxNumberOfTrainingJobs" not in config["ResourceLimits"]:
        raise invalid("MaxNumberOfTrainingJobs is required.")


class Search:
    """Proposes, and is told how it went. Not for several threads."""

    def __init__(self, config: Record, direction: str) -> None:
        """`direction` is Maximize or Minimize."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = ranges(config)
        seed = config.get("RandomSeed", 0)
        samplers: dict[str, Any] = {
            "Bayesian": optuna.samplers.TPESampler(seed=seed, n_startup_trials=3, multivariate=True)
        }
        sampler = samplers.get(config["Strategy"], optuna.samplers.RandomSampler(seed=seed))
        self._study = optuna.create_study(
            direction="maximize" if direction == "Maximize" else "minimize", sampler=sampler
        )
        self._grid: Iterator[tuple[str, ...]] | None = None
        if config["Strategy"] == "Grid":
            self._grid = itertools.product(*(entry.values for entry in self._ranges))

    def learn(self, tried: list[tuple[dict[str, str], float]]) -> int:
        """Take over the trials of a parent, as far as they lie in the ranges of today; says how
        many do."""
        distributions = {entry.name: entry.distribution() for entry in self._ranges}
        taken = 0
        for texts, value in tried:
            try:
                values = {entry.name: entry.value(texts[entry.name]) for entry in self._ranges}
                self._study.add_trial(
                    create_trial(params=values, distributions=distributions, value=value)
                )
                taken += 1
            except (KeyError, ValueError):
                continue
        return taken

    def propose(self) -> tuple[Any, dict[str, str]] | None:
        """Return (a token for `tell`, hyperparameters), or None if the grid is used up."""
        if self._grid is not None:
            values = next(self._grid, None)
            return (
                None
                if values is None
                else (
                    None,
                    {entry.name: value for entry, value in zip(self._ranges, values, strict=True)},
                )
            )
        trial = self._study.ask({entry.name: entry.distribution() for entry in self._ranges})
        return trial, {entry.name: entry.text(trial.params[entry.name]) for entry in self._ranges}

    def tell(self, token: Any, value: float | None) -> None:
        """The final value of the objective, None if there is none."""
        if token is not None:
            self._study.tell(token, value, state=None if value is not None else TrialState.FAIL)
