"""The search space: the values that each tuned hyperparameter may take.

A trial's values are strings, exactly as its job passes them to the training script, so that a study
can be rebuilt from the jobs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import UserError
from core.training import script as scripts

KINDS = ("float", "int", "choice")
MAX_CHOICES = 50
MAX_POINTS = 100
MAX_GRID = 10_000
DEFAULT_POINTS = 5
# Set by the backend or the tuning job, or without influence on the quality of the model.
FIXED_ONLY = (*scripts.OURS, "mode", "preset", "precision", "unsure_target")


@dataclass(frozen=True)
class Range:
    """The values of one hyperparameter: numbers from `low` to `high`, both included, or one of
    `choices`.

    `log` draws evenly over orders of magnitude. `points` is the number of values that a grid takes
    of a numeric range.
    """

    kind: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()
    points: int = DEFAULT_POINTS

    def text(self, value: Any) -> str:
        """Return a value as the training script takes it: at most six significant digits, and never
        outside the range because of rounding."""
        if self.kind == "choice":
            return str(value)
        if self.kind == "int":
            return str(round(value))
        return f"{min(max(float(f'{value:.6g}'), self.low), self.high):.12g}"

    def value(self, text: str) -> float | int | str:
        """Return the value of a string. Raises ValueError if it is not in this range."""
        found: float | int | str = text
        if self.kind != "choice":
            found = float(text)
            if self.kind == "int" and found == int(found):
                found = int(found)
        if not self._holds(found):
            raise ValueError(f"{text!r} is not in the range {self.words()}")
        return found

    def clipped(self, text: str) -> float | int | str:
        """Return the value of a string without the rounding error that may put it outside the
        range. Raises ValueError as `value` does."""
        found = self.value(text)
        if isinstance(found, str):
            return found
        return min(max(found, self.low), self.high)

    def holds(self, text: str) -> bool:
        """Return whether a string is a value of this range."""
        try:
            self.value(text)
        except ValueError:
            return False
        return True

    def grid(self) -> tuple[str, ...]:
        """Return the values of a grid, in order: all choices, or `points` numbers from end to
        end."""
        if self.kind == "choice":
            return self.choices
        low, high = self._ends()
        count = self.points
        if self.kind == "int":
            count = min(self.points, round(self.high - self.low) + 1)
        steps = [low + (high - low) * step / max(1, count - 1) for step in range(count)]
        return tuple(dict.fromkeys(self.text(self._number(step)) for step in steps))

    def position(self, text: str) -> float:
        """Return the position of a value between the ends, from 0 to 1, on the scale of the
        range."""
        if self.kind == "choice":
            return self.choices.index(text) / max(1, len(self.choices) - 1)
        low, high = self._ends()
        return (self._scaled(float(text)) - low) / (high - low)

    def at(self, position: float) -> float:
        """Return the number at a position from 0 to 1, on the scale of the range."""
        low, high = self._ends()
        return float(self.text(self._number(low + (high - low) * position)))

    def words(self) -> str:
        """Return the range in words: `0.0001 to 0.1 (log)`, `linear or mlp`."""
        if self.kind == "choice":
            return " or ".join(self.choices)
        words = f"{self.low:g} to {self.high:g}"
        if self.log:
            words += " (log)"
        return words

    def _scaled(self, number: float) -> float:
        """Return a number on the scale of the range."""
        if self.log:
            return math.log(number)
        return number

    def _number(self, scaled: float) -> float:
        """Return the number at a place on the scale of the range."""
        if self.log:
            return math.exp(scaled)
        return scaled

    def _ends(self) -> tuple[float, float]:
        """Return both ends, on the scale of the range."""
        return self._scaled(self.low), self._scaled(self.high)

    def _holds(self, value: float | int | str) -> bool:
        if self.kind == "choice":
            return value in self.choices
        whole = self.kind == "float" or isinstance(value, int)
        # A string of twelve digits may be a rounding error outside.
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return (
            whole and not isinstance(value, str) and self.low - slack <= value <= self.high + slack
        )


Space = Mapping[str, Range]


def parse(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Range]:
    """Return a space from its form in a spec. Raises UserError if an entry is not a range."""
    made = {}
    for name, entry in given.items():
        try:
            made[name] = Range(**{**entry, "choices": tuple(entry.get("choices", ()))})
        except TypeError as error:
            raise UserError(f"{name}: {dict(entry)} is not a range.", field=name) from error
    return made


def as_dict(space: Space) -> dict[str, dict[str, Any]]:
    """Return a space in the form of a spec; `parse` reads it back."""
    return {
        name: {**asdict(values), "choices": list(values.choices)} for name, values in space.items()
    }


def check(space: Space, fixed: Mapping[str, str]) -> None:
    """Raise UserError, naming the hyperparameter, if the space can't be searched with these fixed
    values."""
    if not space:
        raise UserError("Choose at least one hyperparameter to vary.", field="space")
    scripts.check(fixed)
    mode = fixed.get("mode", "frozen")
    for name, values in space.items():
        parameter = scripts.BY_NAME.get(name)
        if parameter is None or name in FIXED_ONLY:
            raise UserError(f"{name} cannot be tuned.", field=name)
        if name in fixed:
            raise UserError(
                f"{name} is both fixed ({fixed[name]}) and tuned. Choose one.", field=name
            )
        if mode not in parameter.modes:
            raise UserError(f"{name} has no effect in {mode} mode.", field=name)
        _check_range(name, values)
        texts = values.grid()
        if values.kind != "choice":
            texts = texts[0], texts[-1]
        for text in texts:
            _check_value(name, text, fixed)


def _check_range(name: str, values: Range) -> None:
    if values.kind not in KINDS:
        raise UserError(f"{name}: {values.kind!r} is not a kind of range.", field=name)
    if values.kind == "choice":
        if not 2 <= len(set(values.choices)) == len(values.choices) <= MAX_CHOICES:
            raise UserError(
                f"{name}: choose 2 to {MAX_CHOICES} different values, or fix it.",
                field=name,
            )
        return
    if not (math.isfinite(values.low) and math.isfinite(values.high) and values.low < values.high):
        raise UserError(
            f"{name}: the range has to go from a smaller number to a larger one, not "
            f"{values.low:g} to {values.high:g}.",
            field=name,
        )
    if values.log and values.low <= 0:
        raise UserError(
            f"{name}: a logarithmic range starts above 0, not at {values.low:g}.", field=name
        )
    if values.kind == "int" and (values.low != int(values.low) or values.high != int(values.high)):
        raise UserError(f"{name} takes whole numbers.", field=name)
    if not 2 <= values.points <= MAX_POINTS:
        raise UserError(f"{name}: use 2 to {MAX_POINTS} values of a range in a grid.", field=name)


def _check_value(name: str, text: str, fixed: Mapping[str, str]) -> None:
    if problem := scripts.problem(name, text):
        raise UserError(problem, field=name)
    try:
        scripts.check({**fixed, name: text})
    except UserError as error:
        raise UserError(f"With {name} = {text}: {error}", field=name) from error


def grid_size(space: Space) -> int:
    """Return the number of trials of the whole grid."""
    return math.prod(len(values.grid()) for values in space.values())


def grid(space: Space) -> list[dict[str, str]]:
    """Return every combination of the grid, in order. Raises UserError for more than MAX_GRID."""
    if grid_size(space) > MAX_GRID:
        raise UserError(
            f"The grid has {grid_size(space):,} combinations; at most {MAX_GRID:,} can be tried.",
            field="strategy",
        )
    return [
        dict(zip(space, values, strict=True))
        for values in itertools.product(*(part.grid() for part in space.values()))
    ]


def combinations(space: Space) -> int | None:
    """Return how many different trials the space allows; None if a range of floats allows any
    number."""
    if any(values.kind == "float" for values in space.values()):
        return None
    return math.prod(
        len(values.choices) or round(values.high - values.low) + 1 for values in space.values()
    )


def without_effect(space: Space, fixed: Mapping[str, str]) -> list[str]:
    """Return the tuned hyperparameters without effect: those of adamw if every trial uses lbfgs."""
    only_lbfgs = (
        fixed.get("mode", "frozen") == "frozen"
        and _possible("head", "linear", space, fixed) == {"linear"}
        and _possible("optimizer", scripts.AUTO, space, fixed) <= {"lbfgs", scripts.AUTO}
    )
    return [name for name in ("lr", "batch_size", "dropout") if name in space and only_lbfgs]


def _possible(name: str, default: str, space: Space, fixed: Mapping[str, str]) -> set[str]:
    """Return the values that a choice has in some trial."""
    if name in space:
        return set(space[name].choices)
    return {fixed.get(name, default)}
