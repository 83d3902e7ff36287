"""Suggest the next trial.

Optuna's study is rebuilt from the trials' jobs at each call, so that a restart changes nothing.
Optuna is imported here only, when a suggestion is needed, because pages do without it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.jobs.specs import TuningSpec
from core.jobs.store import State
from core.tuning import leaderboard
from core.tuning import space as spaces
from core.tuning.leaderboard import Trial
from core.tuning.objectives import OBJECTIVES
from core.tuning.space import Range

if TYPE_CHECKING:
    import optuna

RETRIES = 20
LARGEST_LOSS = 10.0


@dataclass(frozen=True)
class Observation:
    """One trial as a sampler sees it.

    `score` is better if higher; None while it runs. `steps` are scores by epoch, of a trial that
    was stopped early.
    """

    params: Mapping[str, str]
    score: float | None
    steps: Mapping[int, float] | None = None


def suggest(
    spec: TuningSpec, trials: Sequence[Trial], prior: Sequence[Observation] = ()
) -> dict[str, str] | None:
    """Return the values of the next trial as strings; None if every combination was tried.

    The same trials give the same answer: the seed is the spec's plus the number of trials. `prior`
    are the observations of other tuning jobs. No combination is tried twice.
    """
    space = spaces.parse(spec.space)
    tried = [trial.params for trial in trials if trial.params]
    if spec.strategy == "grid":
        return _next_of_grid(spec, space, tried)
    possible = spaces.combinations(space)
    if (
        possible is not None
        and len({tuple(sorted(params.items())) for params in tried}) >= possible
    ):
        return None
    observed = [*prior, *(found for trial in trials if (found := observation(trial, spec, space)))]
    for attempt in range(RETRIES):
        params = _ask(
            spec,
            space,
            observed,
            spec.seed + len(trials) + attempt * 100_003,
            by_chance=attempt >= RETRIES // 4,
        )
        if params not in tried:
            return params
    if possible is None:
        return params
    return _untried(space, tried, spec.seed)


def observation(trial: Trial, spec: TuningSpec, space: Mapping[str, Range]) -> Observation | None:
    """Return a trial as an observation; None for the baseline, a failure, or values outside the
    space."""
    if (
        not trial.params
        or set(trial.params) != set(space)
        or not all(space[name].holds(text) for name, text in trial.params.items())
    ):
        return None
    if not trial.state.is_finished:
        return Observation(trial.params, None)
    if trial.state is State.COMPLETED and trial.value is not None:
        return Observation(trial.params, score(trial, spec.objective))
    if trial.stopped_early:
        return _of_stopped(trial, spec.objective)
    return None


def _of_stopped(trial: Trial, objective: str) -> Observation | None:
    steps = {
        int(row["epoch"]): found
        for row in trial.curve
        if (found := progress_score(row, objective)) is not None
    }
    if not steps:
        return None
    return Observation(trial.params, None, steps)


def score(trial: Trial, objective: str) -> float:
    """Return the objective, higher is better.

    Ties in a share of n photos are broken by the loss, which counts for half a photo at most, so
    that a sampler can tell trials of the same accuracy apart.
    """
    assert trial.value is not None
    if not OBJECTIVES[objective].maximize:
        return -trial.value
    loss = LARGEST_LOSS
    if trial.loss is not None:
        loss = min(trial.loss, LARGEST_LOSS)
    return trial.value - 0.5 * (loss / LARGEST_LOSS) / (trial.n or 1000)


def progress_score(row: Mapping[str, float], objective: str) -> float | None:
    """Return the score of one epoch, higher is better.

    Logs of older trials have no macro F1; the accuracy takes its place.
    """
    for name in (objective, "validation_accuracy"):
        value = row.get(name)
        if value is not None and math.isfinite(value):
            return OBJECTIVES[name].merit(value)
    return None


def prior_of(spec: TuningSpec, boards: Iterable[leaderboard.Board]) -> list[Observation]:
    """Return the completed trials of other tuning jobs as observations for this one: same data and
    objective, and every tuned value known and in range. A value that was fixed there counts as
    known."""
    space = spaces.parse(spec.space)
    found = []
    for board in boards:
        if not _comparable(board.spec, spec):
            continue
        for trial in board.completed():
            known = {**board.spec.fixed, **trial.params}
            params = {
                name: known[name]
                for name in space
                if name in known and space[name].holds(known[name])
            }
            if set(params) == set(space):
                found.append(Observation(params, score(trial, spec.objective)))
    return found


def _comparable(one: TuningSpec, other: TuningSpec) -> bool:
    return (
        one.dataset_id == other.dataset_id
        and one.version_id == other.version_id
        and one.objective == other.objective
    )


def distributions(space: Mapping[str, Range]) -> dict[str, optuna.distributions.BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    made: dict[str, optuna.distributions.BaseDistribution] = {}
    for name, values in space.items():
        if values.kind == "choice":
            made[name] = CategoricalDistribution(values.choices)
        elif values.kind == "int":
            made[name] = IntDistribution(int(values.low), int(values.high), log=values.log)
        else:
            made[name] = FloatDistribution(values.low, values.high, log=values.log)
    return made


def _ask(
    spec: TuningSpec,
    space: Mapping[str, Range],
    observed: Sequence[Observation],
    seed: int,
    *,
    by_chance: bool,
) -> dict[str, str]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    dimensions = distributions(space)
    study = optuna.create_study(
        direction="maximize", sampler=_sampler(spec, seed, by_chance), study_name=spec.id
    )
    study.add_trials([_frozen(found, space, dimensions) for found in observed])
    values = study.ask(dimensions).params
    return {name: space[name].text(values[name]) for name in space}


def _sampler(spec: TuningSpec, seed: int, by_chance: bool) -> optuna.samplers.BaseSampler:
    import optuna

    seed %= 2**32
    if by_chance or spec.strategy == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    startup = max(4, min(10, spec.max_trials // 3))
    if spec.strategy == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=startup, constant_liar=spec.parallel > 1
    )


def _frozen(
    found: Observation,
    space: Mapping[str, Range],
    dimensions: Mapping[str, optuna.distributions.BaseDistribution],
) -> optuna.trial.FrozenTrial:
    import optuna

    state = optuna.trial.TrialState.RUNNING
    if found.score is not None:
        state = optuna.trial.TrialState.COMPLETE
    elif found.steps:
        state = optuna.trial.TrialState.PRUNED
    return optuna.trial.create_trial(
        state=state,
        value=found.score,
        params={name: space[name].clipped(text) for name, text in found.params.items()},
        distributions=dict(dimensions),
        intermediate_values=dict(found.steps or {}),
    )


def _next_of_grid(
    spec: TuningSpec, space: Mapping[str, Range], tried: Sequence[Mapping[str, str]]
) -> dict[str, str] | None:
    """Return the first untried combination, in an order shuffled by the seed, so that a truncated
    grid covers the whole space."""
    order = spaces.grid(space)
    random.Random(spec.seed).shuffle(order)
    return next((params for params in order if params not in tried), None)


def _untried(
    space: Mapping[str, Range], tried: Sequence[Mapping[str, str]], seed: int
) -> dict[str, str] | None:
    """Return any untried combination of a finite space."""
    whole = {
        name: Range(**{**vars(values), "points": max(2, round(values.high - values.low) + 1)})
        for name, values in space.items()
    }
    if spaces.grid_size(whole) > spaces.MAX_GRID:
        return None
    order = spaces.grid(whole)
    random.Random(seed).shuffle(order)
    return next((params for params in order if params not in tried), None)
