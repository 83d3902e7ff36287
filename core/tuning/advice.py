"""Advice on what to do next, each with its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from core.errors import NotFound
from core.evaluation import comparison
from core.jobs.store import State
from core.models import store as models
from core.training import script as scripts
from core.tuning import importance
from core.tuning.leaderboard import Board, Trial, rank_key
from core.tuning.space import Range

ENOUGH_TRIALS = 8
TOP = 5
EDGE = 0.1
MIN_TIES = 3
MIN_OF_CHOICE = 4
LONG_WITHOUT = 12
SMALL_IMPORTANCE = 0.05
CHANCE = 0.05
ORDINAL_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    `kind` is edge, ties, defaults, failed, choice, small or long; `trials` are the numbers of the
    trials behind it.
    """

    kind: str
    text: str
    trials: tuple[int, ...] = ()


def advise(board: Board) -> list[Advice]:
    """Return all advice, the most important first."""
    best = board.best()
    if best is None:
        return list(_failures(board))
    ranked = sorted(board.completed(), key=lambda trial: rank_key(trial, board.objective))
    found = [*_failures(board), *_ties(board, ranked), *_defaults(board, best)]
    if len(ranked) >= ENOUGH_TRIALS:
        found += [
            *_edges(board, ranked),
            *_choices(board, ranked),
            *_small(board, ranked),
            *_long(board, best),
        ]
    return found


def _failures(board: Board) -> Iterator[Advice]:
    failed = [trial for trial in board.trials if trial.state is State.FAILED]
    if not failed:
        return
    reason, times = Counter(trial.reason for trial in failed).most_common(1)[0]
    ended = sum(trial.state.is_finished for trial in board.trials)
    culprit = _shared_by(failed, board)
    share = _share_in_words(times, len(failed))
    words = f"{len(failed)} of {ended} trials failed{share}: {reason}"
    if culprit:
        words = (
            f"{words.rstrip('.')}. Every trial with {culprit[0]} = {culprit[1]} failed: remove "
            "that value."
        )
    yield Advice("failed", words, tuple(trial.number for trial in failed))


def _share_in_words(times: int, failed: int) -> str:
    if failed == 1:
        return ""
    if times == failed:
        return ", all for the same reason"
    return f", {times} for this reason"


def _shared_by(failed: list[Trial], board: Board) -> tuple[str, str] | None:
    """Return the choice that all failed trials share and no completed trial has."""
    for name, values in board.space.items():
        if (
            values.kind == "choice"
            and len({trial.params.get(name) for trial in failed}) == 1
            and failed[0].params.get(name)
        ):
            text = failed[0].params[name]
            if len(failed) > 1 and all(
                trial.params.get(name) != text for trial in board.completed()
            ):
                return name, text
    return None


def _ties(board: Board, ranked: list[Trial]) -> Iterator[Advice]:
    tied = [trial for trial in ranked if trial.value == ranked[0].value]
    if len(tied) < MIN_TIES or not board.objective.maximize:
        return
    best = ranked[0]
    figure = f"{best.value:.4f}"
    if board.objective.figure == "top1" and best.n:
        figure = f"{best.correct}/{best.n}"
    words = f"{len(tied)} trials tie at {figure}"
    if best.value == 1.0:
        words = (
            f"{board.objective.title} is saturated: {words}. Use the loss as the objective, or a "
            "harder split."
        )
    elif best.n:
        words += (
            f": with {best.n} validation photos, one photo is {100 / best.n:.1f} points. "
            f"The loss separates them ({_losses(tied)}); so would a larger validation split."
        )
    yield Advice("ties", words, tuple(trial.number for trial in tied))


def _losses(tied: list[Trial]) -> str:
    losses = [trial.loss for trial in tied if trial.loss is not None]
    if not losses:
        return "none was reported"
    return f"{min(losses):.4f} to {max(losses):.4f}"


def _defaults(board: Board, best: Trial) -> Iterator[Advice]:
    baseline = board.baseline()
    if baseline is None or len(board.completed()) < 2:
        return
    if baseline.id == best.id:
        yield Advice(
            "defaults",
            f"No trial beats the defaults ({_figure(baseline)}): the search space may be too "
            "narrow, or there is little to gain.",
            (baseline.number,),
        )
    elif (
        (chance := _chance(best.id, baseline.id)) is not None
        and chance[2] > CHANCE
        and best.value != baseline.value
    ):
        only_best, only_baseline, p_value = chance
        yield Advice(
            "defaults",
            f"The best trial is ahead of the defaults ({_figure(best)} and {_figure(baseline)}), "
            "but the difference is not statistically significant: on the validation photos, the "
            f"best trial alone is right {only_best} times, the defaults alone {only_baseline} "
            "times "
            f"(McNemar's exact test, p = {p_value:.2f}).",
            (best.number, baseline.number),
        )


@lru_cache(maxsize=256)
def _chance(best: str, baseline: str) -> tuple[int, int, float] | None:
    """Return (photos only the best gets right, only the defaults, p) on validation; None if the
    predictions were deleted."""
    try:
        answers = [
            models.read(trial_id).predictions().of_split("validation")
            for trial_id in (best, baseline)
        ]
    except (NotFound, ValueError):
        return None
    found = comparison.compare(*answers)
    if not len(found):
        return None
    return found.counts["only_a"], found.counts["only_b"], found.p_value


def _figure(trial: Trial) -> str:
    if trial.correct is not None and trial.n:
        return f"{trial.correct}/{trial.n}"
    return f"{trial.value:.4f}"


def _edges(board: Board, ranked: list[Trial]) -> Iterator[Advice]:
    tuned = [trial for trial in ranked if importance.inside(trial, board.space)][:TOP]
    if not tuned:
        return
    for name, values in board.space.items():
        if values.kind == "choice":
            continue
        places = [values.position(trial.params[name]) for trial in tuned]
        below = [place < EDGE for place in places]
        above = [place > 1 - EDGE for place in places]
        for upwards, near in ((False, below), (True, above)):
            if near[0] and sum(near) * 2 >= len(near) and _can_widen(name, values, upwards):
                yield _edge(name, values, tuned, sum(near), upwards)


def _edge(name: str, values: Range, tuned: list[Trial], near: int, upwards: bool) -> Advice:
    end, way = f"lower end, {values.low:g}", "downwards"
    if upwards:
        end, way = f"upper end, {values.high:g}", "upwards"
    shown = name.replace("_", " ")
    return Advice(
        "edge",
        f"Best at the edge of the range: {shown} = {float(tuned[0].params[name]):.3g} is near the "
        f"{end}, and so are {near} of the "
        f"best {len(tuned)}. Widen {shown} {way}.",
        tuple(trial.number for trial in tuned),
    )


def _can_widen(name: str, values: Range, upwards: bool) -> bool:
    """Return whether the training script accepts values beyond this end of the range."""
    parameter = scripts.BY_NAME[name]
    if upwards:
        return values.high != parameter.high
    if parameter.low is None:
        return values.low != parameter.above
    return values.low != parameter.low


def _choices(board: Board, ranked: list[Trial]) -> Iterator[Advice]:
    for name, values in board.space.items():
        if values.kind != "choice":
            continue
        top = {trial.params.get(name) for trial in ranked[: max(TOP, len(ranked) // 4)]}
        for text in values.choices:
            tried = [trial for trial in ranked if trial.params.get(name) == text]
            if text not in top and len(tried) >= MIN_OF_CHOICE:
                place = ranked.index(tried[0]) + 1
                yield Advice(
                    "choice",
                    f"{name.replace('_', ' ')} = {text} was tried {len(tried)} times and ranked "
                    f"{_ordinal(place)} of {len(ranked)} at best: "
                    "remove it.",
                    tuple(trial.number for trial in tried),
                )


def _small(board: Board, ranked: list[Trial]) -> Iterator[Advice]:
    if len(ranked) < importance.SANE_TRIALS:
        return
    for name, share in importance.importances(ranked, board.space, board.spec.objective).items():
        if share < SMALL_IMPORTANCE and len(board.space) > 1:
            yield Advice(
                "small",
                f"{name.replace('_', ' ')} has little influence ({share:.0%} of the importance): "
                "fix it to simplify the search.",
            )


def _long(board: Board, best: Trial) -> Iterator[Advice]:
    later = [
        trial for trial in board.trials if trial.number > best.number and trial.state.is_finished
    ]
    if len(later) >= LONG_WITHOUT:
        yield Advice(
            "long",
            f"The last {len(later)} trials did not improve on trial {best.number}: more trials "
            "of this search are unlikely to help.",
            (best.number,),
        )


def _ordinal(number: int) -> str:
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ORDINAL_ENDINGS.get(number % 10, 'th')}"
