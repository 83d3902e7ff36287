"""Training and tuning from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core import backends, settings
from core.errors import NotFound, UserError
from core.jobs.specs import Resources, TrainingSpec, TuningSpec
from core.training import script
from core.tuning import leaderboard, presets, space
from core.tuning.space import Range
from fieldmark.api import work
from fieldmark.api.datasets import Dataset
from fieldmark.api.models import Model
from fieldmark.api.work import Tell, silent

Value = str | int | float | bool


def train(
    dataset: Dataset,
    preset: str = "fast",
    name: str = "",
    *,
    where: str = "local",
    resources: Resources | None = None,
    tell: Tell = silent,
    **hyperparameters: Value,
) -> Model:
    """Train a model on a dataset and wait for it.

    `hyperparameters` are those of sm_scripts/train.py, such as `arch` or `weight_decay`. `where` is
    "local" or "sagemaker"; the latter needs `resources`. Raises UserError for a value that cannot
    be used, JobFailed.
    """
    values = hyperparameters_of(preset, hyperparameters)
    spec = training_spec(dataset, values, name, resources)
    job = work.wait(backends.named(where).train(spec), tell)
    return Model(job.id, job.name)


def training_spec(
    dataset: Dataset, values: Mapping[str, str], name: str = "", resources: Resources | None = None
) -> TrainingSpec:
    """Return the spec of a training job. Raises UserError for a name that cannot be used."""
    what = values.get("arch") or values["preset"]
    title = name or f"{dataset.name}, {what}"[: settings.MAX_NAME_LENGTH]
    return TrainingSpec(title, dataset.id, dataset.version, dict(values), resources=resources)


def hyperparameters_of(preset: str, given: Mapping[str, Value]) -> dict[str, str]:
    """Return hyperparameters as the training script takes them. Raises UserError, naming the one
    that cannot be used."""
    values = {"preset": preset} | {name: _text(value) for name, value in given.items()}
    for name, value in values.items():
        if name not in script.BY_NAME:
            raise UserError(f"There is no hyperparameter {name!r}.", field=name)
        if problem := script.problem(name, value):
            raise UserError(problem, field=name)
    script.check(values)
    return values


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


@dataclass(frozen=True)
class Tuning:
    """A completed tuning job."""

    id: str
    name: str

    @property
    def leaderboard(self) -> pd.DataFrame:
        """A row per trial, best first: trial, status, objective, accuracy, loss, seconds, the tuned
        hyperparameters, and the id of its job."""
        return leaderboard.frame(leaderboard.read(self.id))

    @property
    def best(self) -> Model:
        """The model of the best trial. Raises NotFound if no trial has completed."""
        found = leaderboard.read(self.id).best()
        if found is None:
            raise NotFound(f"No trial of {self.name} has completed.")
        return Model(found.id, f"{self.name}, trial {found.number}")


def tune(
    dataset: Dataset,
    ranges: Mapping[str, tuple[float, float] | Sequence[str]] | None = None,
    *,
    trials: int = 30,
    name: str = "",
    preset: str = "fast",
    objective: str = "validation_accuracy",
    strategy: str = "tpe",
    where: str = "local",
    resources: Resources | None = None,
    tell: Tell = silent,
    **hyperparameters: Value,
) -> Tuning:
    """Search for better hyperparameters and wait for it.

    `ranges` maps a hyperparameter to (low, high) or to a list of choices; without it, the
    regularisation of the head is searched. The other arguments are those of `train`. Raises
    UserError for a range that cannot be used, JobFailed.
    """
    spec = TuningSpec(
        name or f"{dataset.name}, tuned"[: settings.MAX_NAME_LENGTH],
        dataset.id,
        dataset.version,
        hyperparameters_of(preset, hyperparameters),
        search_space(ranges or {}),
        objective=objective,
        strategy=strategy,
        max_trials=trials,
        resources=resources,
    )
    space.check(space.parse(spec.space), spec.fixed)
    job = work.wait(backends.named(where).tune(spec), tell)
    return Tuning(job.id, job.name)


def search_space(
    ranges: Mapping[str, tuple[float, float] | Sequence[str]],
) -> dict[str, dict[str, Any]]:
    """Return the search space of these ranges as a spec has it; without any, the regularisation of
    the head. Raises UserError for a hyperparameter that cannot be tuned."""
    searched = presets.SPACES["head"].space
    if ranges:
        searched = {key: range_of(key, value) for key, value in ranges.items()}
    return space.as_dict(searched)


def range_of(name: str, given: tuple[float, float] | Sequence[str]) -> Range:
    """Return the range of one hyperparameter: (low, high), on the usual scale, or choices.

    Raises UserError if it cannot be tuned.
    """
    if name not in script.BY_NAME or not script.BY_NAME[name].tunable:
        raise UserError(f"{name!r} cannot be tuned.", field=name)
    numbers = [value for value in given if isinstance(value, int | float)]
    usual = presets.usual(name)
    if len(numbers) == len(given) == 2 and usual.kind != "choice":
        return Range(usual.kind, numbers[0], numbers[1], log=usual.log and numbers[0] > 0)
    return Range("choice", choices=tuple(map(str, given)))
