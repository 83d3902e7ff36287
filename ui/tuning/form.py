"""The form that starts a tuning job: data, what is fixed, what varies, how to search and when to
stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from core import settings
from core.datasets import store
from core.errors import UserError
from core.io.names import numbered
from core.jobs import store as jobs
from core.jobs.specs import TuningSpec
from core.jobs.status.asked import tuning_spec
from core.training import script as scripts
from core.tuning import objectives as search
from core.tuning import space as spaces
from core.tuning.space import Range
from ui import choices, links, messages
from ui.shared import crop_notice, submit, version_picker
from ui.text import count, duration
from ui.training import compute_form, hyperparameter_form, model_picker
from ui.training.compute_form import Where
from ui.tuning import list as tuning_list
from ui.tuning import space_form as tuning_space

Number = TypeVar("Number", int, float)
FEW_PHOTOS = 100
# What the form begins with where no job is cloned.
NOTHING_SET = TuningSpec("defaults", "", "", {}, {}, id="")


@dataclass(frozen=True)
class _Search:
    """How to search and when to stop; `target` and `seed` are as they were typed."""

    objective: str
    strategy: str
    trials: int
    parallel: int
    minutes: float
    patience: int
    target: str
    early_stopping: bool
    baseline: bool
    seed: str


def show() -> None:
    """The whole form. A cloned job fills it; a double click on the button makes one job."""
    datasets = version_picker.datasets(key="tu_dataset_first")
    if not datasets:
        return
    origin = _origin()
    start = origin or NOTHING_SET
    suffix = start.id or "new"
    with st.container(border=True, key="tu_form"):
        version = version_picker.show(datasets, *_wanted(origin), prefix="tu")
        if version is None:
            return
        given = dict(start.fixed)
        fixed = model_picker.show(given, prefix="tu", suffix=suffix)
        objective, strategy = _objective(start, suffix)
        st.markdown("**What varies**")
        mode = fixed.get("mode", "frozen")
        space = tuning_space.show(
            spaces.parse(start.space),
            mode,
            key=f"tu_space_{suffix}",
            grid=strategy == "grid",
        )
        given |= tuning_space.fixed_by_preset(mode, key=f"tu_space_{suffix}")
        fixed |= hyperparameter_form.show(
            given,
            mode,
            key=f"tu_h_{suffix}_{'_'.join(sorted(given))}",
            without=[*space, *crop_notice.not_offered(version)],
            title="What stays fixed",
        )
        fixed = {name: value for name, value in fixed.items() if name not in space}
        how = _limits(start, objective, strategy, suffix)
        warm = _warm_start(start, version, suffix)
        _notes(version, fixed, space, how)
        name = _name(origin, datasets[version.dataset_id].name, space, suffix)
        where = compute_form.show(
            start.resources,
            compute_form.cloned_from(),
            prefix="tu",
            suffix=suffix,
            mode=mode,
            trials=how.trials,
            parallel=how.parallel,
        )
        submit.button(
            "Start tuning",
            lambda job_id: where.backend.tune(
                _spec(name, version, fixed, space, how, warm, where, job_id)
            ),
            lambda job: links.to("tune", job=job.id),
            form="tu",
            kind="tuning",
            key="tu_start",
            icon=":material/play_arrow:",
        )
        st.caption(compute_form.words(where))


def _origin() -> TuningSpec | None:
    """The spec of the tuning job that is being cloned, if one is."""
    if not links.parameter("clone"):
        return None
    with messages.report_errors():
        return tuning_spec(jobs.read(links.parameter("clone")))
    return None


def _wanted(origin: TuningSpec | None) -> tuple[str, str]:
    """The dataset and version of the cloned job, or those of the address."""
    if origin:
        return origin.dataset_id, origin.version_id
    return links.parameter("dataset"), links.parameter("version")


def _name(
    origin: TuningSpec | None, dataset_name: str, space: Mapping[str, Range], suffix: str
) -> str:
    """What is typed, else the proposed name, which says the data and what varies."""
    taken = [job.name for job in jobs.readable("tuning")]
    varied = " and ".join(list(space)[:2]).replace("_", " ")
    proposed = numbered(f"{dataset_name}, {varied}"[: settings.MAX_NAME_LENGTH], taken)
    cloned = ""
    if origin:
        cloned = numbered(origin.name, taken)
    name = st.text_input(
        "Name",
        cloned,
        key=f"tu_name_{suffix}",
        placeholder=proposed,
        max_chars=settings.MAX_NAME_LENGTH,
    )
    return name.strip() or proposed


def _objective(start: TuningSpec, suffix: str) -> tuple[str, str]:
    """The objective and the strategy."""
    left, right = st.columns(2)
    objectives, strategies = search.OBJECTIVES, search.STRATEGIES
    objective = choices.one(
        "Objective",
        list(objectives),
        start=start.objective,
        label=lambda name: f"{objectives[name].title} ({objectives[name].direction})",
        key=f"tu_objective_{suffix}",
        help="Measured on the validation photos. The test photos are never looked at to choose.",
        on=left,
    )
    strategy = choices.one(
        "Strategy",
        list(strategies),
        start=start.strategy,
        label=lambda name: strategies[name].title,
        key=f"tu_strategy_{suffix}",
        on=right,
    )
    left.caption("Ties are broken by the validation loss, then by time.")
    right.caption(strategies[strategy].advice)
    return objective, strategy


def _limits(start: TuningSpec, objective: str, strategy: str, suffix: str) -> _Search:
    st.markdown("**When to stop**")
    with st.grid(5, min_column_width=150, gap="small"):
        trials = st.number_input(
            "Trials", 1, search.MAX_TRIALS, start.max_trials, key=f"tu_trials_{suffix}"
        )
        parallel = st.number_input(
            "At the same time",
            1,
            search.MAX_PARALLEL,
            start.parallel,
            key=f"tu_parallel_{suffix}",
            help="On this workstation they share its cores.",
        )
        minutes = st.number_input(
            "Time limit, minutes",
            0.0,
            value=start.max_seconds / 60,
            key=f"tu_minutes_{suffix}",
            help="0: none.",
        )
        patience = st.number_input(
            "Without improvement",
            0,
            search.MAX_TRIALS,
            start.patience,
            key=f"tu_patience_{suffix}",
            help="Stops after so many trials that are no better. 0: never.",
        )
        target = st.text_input(
            "Target",
            _target(start),
            key=f"tu_target_{suffix}",
            placeholder="none",
            help="Stops as soon as a trial reaches it.",
        )
    early, baseline, seed = _trials(start, suffix)
    return _Search(
        objective,
        strategy,
        int(trials),
        int(parallel),
        minutes,
        int(patience),
        target.strip(),
        early,
        baseline,
        seed,
    )


def _target(start: TuningSpec) -> str:
    if start.target is None:
        return ""
    return f"{start.target:g}"


def _trials(start: TuningSpec, suffix: str) -> tuple[bool, bool, str]:
    """Whether bad trials stop early, whether the defaults are tried first, and the seed as
    typed."""
    with st.container(horizontal=True):
        early = st.toggle(
            "Stop bad trials early",
            start.early_stopping,
            key=f"tu_early_{suffix}",
            help=(
                "Ends a trial whose best epoch is worse than the median of the others at the same "
                "epoch."
            ),
        )
        baseline = st.toggle(
            "Try the defaults first",
            start.baseline,
            key=f"tu_baseline_{suffix}",
            help="The first trial varies nothing: what the others have to beat.",
        )
        seed = st.text_input("Seed", str(start.seed), key=f"tu_seed_{suffix}", width=120)
    return early, baseline, seed.strip()


def _warm_start(start: TuningSpec, version: store.Version, suffix: str) -> tuple[str, ...]:
    found = {
        job.id: job
        for job in tuning_list.heads()
        if job.spec.get("dataset_id") == version.dataset_id
    }
    if not found:
        return ()
    chosen = choices.many(
        "Learn from earlier tuning jobs",
        list(found),
        start=start.warm_start,
        label=lambda i: found[i].name,
        key=f"tu_warm_{suffix}",
        help=(
            "Their trials count as known where data, objective and ranges agree; the search goes "
            "on from what they found."
        ),
    )
    return tuple(chosen)


def _notes(
    version: store.Version,
    fixed: Mapping[str, str],
    space: Mapping[str, Range],
    how: _Search,
) -> None:
    """What the search means: how many trials, how long, and what it cannot tell."""
    model_picker.download_note(fixed)
    photos = version.split_counts()["validation"]
    words = []
    trials = how.trials
    if (
        how.strategy == "grid"
        and space
        and not any(tuning_space.problem(name, values) for name, values in space.items())
    ):
        sizes = " x ".join(str(len(values.grid())) for values in space.values())
        total = spaces.grid_size(space)
        tried = "."
        if total > trials:
            tried = f", of which {trials} are tried."
        words.append(f"The grid means {sizes} = **{count(total, 'trial')}**{tried}")
        trials = min(trials, total)
    if seconds := tuning_list.usual_seconds(version, fixed.get("mode", "frozen")):
        words.append(
            f"Jobs like these took {duration(seconds)} here, "
            f"so about {duration(seconds * trials / how.parallel)} in all."
        )
    if 0 < photos < FEW_PHOTOS:
        words.append(
            f"With {count(photos, 'validation photo')} one photo is {100 / photos:.1f} points of "
            "accuracy, so expect ties."
        )
    if idle := spaces.without_effect(space, fixed):
        words.append(
            f"{', '.join(idle)}: no effect on a linear head, which lbfgs trains. Vary the head "
            "too, or fix it to mlp."
        )
    if words:
        st.info("  \n".join(words), icon=":material/info:")


def _spec(
    name: str,
    version: store.Version,
    fixed: Mapping[str, str],
    space: Mapping[str, Range],
    how: _Search,
    warm_start: tuple[str, ...],
    where: Where,
    job_id: str,
) -> TuningSpec:
    """What was asked for. Raises UserError, naming the field, for what cannot be."""
    target = None
    if how.target:
        target = _read(how.target, float, "Target")
    seed = _read(how.seed, int, "Seed")
    scripts.check(fixed)
    return TuningSpec(
        name,
        version.dataset_id,
        version.id,
        dict(fixed),
        spaces.as_dict(space),
        objective=how.objective,
        strategy=how.strategy,
        max_trials=how.trials,
        parallel=how.parallel,
        max_seconds=how.minutes * 60,
        target=target,
        patience=how.patience,
        early_stopping=how.early_stopping,
        baseline=how.baseline,
        seed=seed,
        warm_start=warm_start,
        id=job_id,
        resources=where.resources,
    )


def _read(text: str, kind: Callable[[str], Number], what: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise UserError(f"{what}: {text!r} is not a number.", field=what.lower()) from None
