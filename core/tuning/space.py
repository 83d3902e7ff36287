"""The search space: for each tuned hyperparameter the values it may take, as a person gave them and
as trials carry them.

A trial's values are texts, the very ones its job passes to the training script, so that a study is
rebuilt from jobs exactly.
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
# What the backend or the tuning job sets itself, or what says how to train rather than how well.
FIXED_ONLY = (*scripts.OURS, "mode", "preset", "precision", "unsure_target")


@dataclass(frozen=True)
class Range:
    """The values of one hyperparameter: numbers from `low` to `high`, both included, or one of
    `choices`.

    `log` spreads the tries evenly over orders of magnitude. `points` is how many values a grid
    takes of a range of numbers.
    """

    kind: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()
    points: int = DEFAULT_POINTS

    def text(self, value: Any) -> str:
        """A value as the training script takes it: at most six significant digits, and never
        outside the range for that."""
        if self.kind == "choice":
            return str(value)
        if self.kind == "int":
            return str(round(value))
        return f"{min(max(float(f'{value:.6g}'), self.low), self.high):.12g}"

    def value(self, text: str) -> float | int | str:
        """The value that a text means. Raises ValueError where it is not one of this range."""
        found: float | int | str = text
        if self.kind != "choice":
            found = float(text)
            if self.kind == "int" and found == int(found):
                found = int(found)
        if not self._holds(found):
            raise ValueError(f"{text!r} is not in the range {self.words()}")
        return found

    def clipped(self, text: str) -> float | int | str:
        """The value that a text means, without the rounding error by which it may lie outside.

        Raises ValueError as `value` does.
        """
        found = self.value(text)
        if isinstance(found, str):
            return found
        return min(max(found, self.low), self.high)

    def holds(self, text: str) -> bool:
        """Whether a text is a value of this range."""
        try:
            self.value(text)
        except ValueError:
            return False
        return True

    def grid(self) -> tuple[str, ...]:
        """The values that a grid takes, in order: all choices, or `points` numbers from end
        to end."""
        if self.kind == "choice":
            return self.choices
        low, high = self._ends()
        count = self.points
        if self.kind == "int":
            count = min(self.points, round(self.high - self.low) + 1)
        steps = [low + (high - low) * step / max(1, count - 1) for step in range(count)]
        return tuple(dict.fromkeys(self.text(self._number(step)) for step in steps))

    def position(self, text: str) -> float:
        """Where a value lies between the ends, from 0 to 1, on the scale of the range."""
        if self.kind == "choice":
            return self.choices.index(text) / max(1, len(self.choices) - 1)
        low, high = self._ends()
        return (self._scaled(float(text)) - low) / (high - low)

    def at(self, position: float) -> float:
        """The number at a position from 0 to 1, on the scale of the range."""
        low, high = self._ends()
        return float(self.text(self._number(low + (high - low) * position)))

    def words(self) -> str:
        """The range for people: `0.0001 to 0.1 (log)`, `linear or mlp`."""
        if self.kind == "choice":
            return " or ".join(self.choices)
        words = f"{self.low:g} to {self.high:g}"
        if self.log:
            words += " (log)"
        return words

    def _scaled(self, number: float) -> float:
        """A number on the scale of the range."""
        if self.log:
            return math.log(number)
        return number

    def _number(self, scaled: float) -> float:
        """The number at a place on the scale of the range."""
        if self.log:
            return math.exp(scaled)
        return scaled

    def _ends(self) -> tuple[float, float]:
        """Both ends, on the scale of the range."""
        return self._scaled(self.low), self._scaled(self.high)

    def _holds(self, value: float | int | str) -> bool:
        if self.kind == "choice":
            return value in self.choices
        whole = self.kind == "float" or isinstance(value, int)
        # A text of twelve digits may lie a rounding error outside.
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return (
            whole and not isinstance(value, str) and self.low - slack <= value <= self.high + slack
        )


Space = Mapping[str, Range]


def parse(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Range]:
    """A space as a spec holds it. UserError where an entry is not a range."""
    made = {}
    for name, entry in given.items():
        try:
            made[name] = Range(**{**entry, "choices": tuple(entry.get("choices", ()))})
        except TypeError as error:
            raise UserError(f"{name}: {dict(entry)} is not a range.", field=name) from error
    return made


def as_dict(space: Space) -> dict[str, dict[str, Any]]:
    """A space as a spec holds it; `parse` reads it back."""
    return {
        name: {**asdict(values), "choices": list(values.choices)} for name, values in space.items()
    }


def check(space: Space, fixed: Mapping[str, str]) -> None:
    """UserError, naming the hyperparameter, for a space that cannot be searched beside these fixed
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
        raise UserError(f"{name}: there is no range of kind {values.kind!r}.", field=name)
    if values.kind == "choice":
        if not 2 <= len(set(values.choices)) == len(values.choices) <= MAX_CHOICES:
            raise UserError(
                f"{name}: give two to {MAX_CHOICES} different values to choose from, or fix it.",
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
        raise UserError(f"{name}: a grid takes 2 to {MAX_POINTS} values of a range.", field=name)


def _check_value(name: str, text: str, fixed: Mapping[str, str]) -> None:
    if problem := scripts.problem(name, text):
        raise UserError(problem, field=name)
    try:
        scripts.check({**fixed, name: text})
    except UserError as error:
        raise UserError(f"With {name} = {text}: {error}", field=name) from error


def grid_size(space: Space) -> int:
    """How many trials the whole grid means."""
    return math.prod(len(values.grid()) for values in space.values())


def grid(space: Space) -> list[dict[str, str]]:
    """Every combination of the grid, in order. UserError beyond MAX_GRID of them."""
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
    """How many different trials the space allows, or None where a range of fractions allows any
    number."""
    if any(values.kind == "float" for values in space.values()):
        return None
    return math.prod(
        len(values.choices) or round(values.high - values.low) + 1 for values in space.values()
    )


def without_effect(space: Space, fixed: Mapping[str, str]) -> list[str]:
    """Tuned hyperparameters that change nothing: those of adamw, where every trial uses lbfgs."""
    only_lbfgs = (
        fixed.get("mode", "frozen") == "frozen"
        and _possible("head", "linear", space, fixed) == {"linear"}
        and _possible("optimizer", scripts.AUTO, space, fixed) <= {"lbfgs", scripts.AUTO}
    )
    return [name for name in ("lr", "batch_size", "dropout") if name in space and only_lbfgs]


def _possible(name: str, default: str, space: Space, fixed: Mapping[str, str]) -> set[str]:
    """The values that a choice has in some trial."""
    if name in space:
        return set(space[name].choices)
    return {fixed.get(name, default)}
