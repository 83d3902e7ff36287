"""When a trial is ended before its time: SageMaker's median rule for early stopping, and Hyperband's successive halving."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.world import Record

EPOCH_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
MOST_EPOCHS = 20_000
REDUCTION = 3
# The rule needs something to compare with.
FEWEST_OTHERS = 2


def check(config: Record, static: dict[str, str]) -> None:
    """ApiError for a Hyperband that the service would refuse."""
    if config["Strategy"] != "Hyperband":
        if "StrategyConfig" in config:
            raise invalid("StrategyConfig can be given with the strategy Hyperband only.")
        return
    if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        raise invalid("TrainingJobEarlyStoppingType must be Off to use Hyperband.")
    low, high = resources(config, static)
    if not 1 <= low <= high <= MOST_EPOCHS:
        raise invalid(
            f"MinResource and MaxResource have to lie between 1 and {MOST_EPOCHS}, in this order."
        )


def resources(config: Record, static: dict[str, str]) -> tuple[int, int]:
    """Return (MinResource, MaxResource) of Hyperband, in reports of the objective. ApiError if the
    latter can't be known."""
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    inferred = next(
        (int(static[name]) for name in EPOCH_NAMES if static.get(name, "").isdigit()), None
    )
    high = given.get("MaxResource", inferred)
    if high is None:
        raise invalid(
            f"MaxResource of Hyperband is missing, and none of {', '.join(EPOCH_NAMES)} is a static hyperparameter."
        )
    return given.get("MinResource", 1), high


def is_behind(
    values: Sequence[float], others: Sequence[Sequence[float]], *, maximise: bool
) -> bool:
    """Return the median rule: the trial's last value is worse than the median of the other trials'
    running averages up to the same report."""
    reached = [other[: len(values)] for other in others if len(other) >= len(values)]
    if not values or len(reached) < FEWEST_OTHERS:
        return False
    median = statistics.median(statistics.fmean(part) for part in reached)
    return values[-1] < median if maximise else values[-1] > median


def is_dropped(
    values: Sequence[float],
    others: Sequence[Sequence[float]],
    low: int,
    high: int,
    *,
    maximise: bool,
) -> bool:
    """Successive halving: at each rung only the best third of those that have reached it goes on; at the last one it ends."""
    if len(values) >= high:
        return True
    rung = low
    while rung <= len(values):
        reached = sorted(
            (other[rung - 1] for other in others if len(other) >= rung), reverse=maximise
        )
        keep = max(1, len(reached) // REDUCTION)
        if len(reached) >= REDUCTION and _worse(
            values[rung - 1], reached[keep - 1], maximise=maximise
        ):
            return True
        rung *= REDUCTION
    return False


def _worse(value: float, than: float, *, maximise: bool) -> bool:
    return value < than if maximise else value > than
