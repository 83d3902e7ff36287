"""The form that starts a tuning job: data, fixed settings, search space, strategy and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
# The form's values if no job is cloned.
NOTHING_SET = TuningSpec("defaults", "", "", {}, {}, id="")


@dataclass(frozen=True)
class _Search:
    """How to search and when to stop; `target` and `seed` are as typed."""

    objective: str
    strategy: str
    trials: int
    parallel: int
    minutes: float = 0.0
    patience: int = 0
    target: str = ""
    early_stopping: bool = True
    baseline: bool = True
    seed: str = ""


def show() -> None:
    """Draw the form. A cloned job fills it; a double click on the button makes one job."""
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
        fixed = model_picker.show(dict(start.fixed), prefix="tu", suffix=suffix)
        mode = fixed.get("mode", "frozen")
        first = _search(start, suffix)
        st.markdown("**Search space**")
        space = tuning_space.show(
            spaces.parse(start.space),
            mode,
            key=f"tu_space_{suffix}",
            grid=first.strategy == "grid",
        )
        fixed = _fixed(start, version, fixed, space, suffix)
        how = _limits(start, first, suffix)
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


def _fixed(
    start: TuningSpec,
    version: store.Version,
    chosen: Mapping[str, str],
    space: Mapping[str, Range],
    suffix: str,
) -> dict[str, str]:
    """Draw the fixed hyperparameters; return them with those `chosen` above, without the space."""
    mode = chosen.get("mode", "frozen")
    given = {**start.fixed, **tuning_space.fixed_by_preset(mode, key=f"tu_space_{suffix}")}
    values = hyperparameter_form.show(
        given,
        mode,
        key=f"tu_h_{suffix}_{'_'.join(sorted(given))}",
        without=[*space, *crop_notice.not_offered(version)],
        title="Fixed settings",
    )
    return {name: value for name, value in {**chosen, **values}.items() if name not in space}


def _origin() -> TuningSpec | None:
    """Return the spec of the tuning job to clone, or None."""
    if not links.parameter("clone"):
        return None
    with messages.report_errors():
        return tuning_spec(jobs.read(links.parameter("clone")))
    return None


def _wanted(origin: TuningSpec | None) -> tuple[str, str]:
    """Return the dataset and version of the cloned job, or those of the address."""
    if origin:
        return origin.dataset_id, origin.version_id
    return links.parameter("dataset"), links.parameter("version")


def _name(
    origin: TuningSpec | None, dataset_name: str, space: Mapping[str, Range], suffix: str
) -> str:
    """Return what is typed, else the proposed name: the dataset and what varies."""
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


def _search(start: TuningSpec, suffix: str) -> _Search:
    """Draw what is searched for, how, and with how many trials; the limits keep their defaults."""
    objectives, strategies = search.OBJECTIVES, search.STRATEGIES
    columns = st.columns([3, 3, 2, 2])
    objective = choices.one(
        "Objective",
        list(objectives),
        start=start.objective,
        label=lambda name: f"{objectives[name].title} ({objectives[name].direction})",
        key=f"tu_objective_{suffix}",
        help=(
            "Measured on the validation split. Ties are broken by the validation loss, then by "
            "time. The test split is never used to choose."
        ),
        on=columns[0],
    )
    strategy = choices.one(
        "Strategy",
        list(strategies),
        start=start.strategy,
        label=lambda name: strategies[name].title,
        key=f"tu_strategy_{suffix}",
        on=columns[1],
    )
    trials = columns[2].number_input(
        "Trials", 1, search.MAX_TRIALS, start.max_trials, key=f"tu_trials_{suffix}"
    )
    parallel = columns[3].number_input(
        "Parallel trials",
        1,
        search.MAX_PARALLEL,
        start.parallel,
        key=f"tu_parallel_{suffix}",
        help="On this workstation, parallel trials share its cores.",
    )
    st.caption(strategies[strategy].advice)
    return _Search(objective, strategy, int(trials), int(parallel))


def _limits(start: TuningSpec, first: _Search, suffix: str) -> _Search:
    """Draw the limits, folded as long as none is set."""
    is_set = bool(start.max_seconds or start.patience or start.target is not None)
    with st.expander("Limits and options", icon=":material/timer:", expanded=is_set):
        with st.grid(3, min_column_width=150, gap="small"):
            minutes = st.number_input(
                "Time limit (minutes)",
                0.0,
                value=start.max_seconds / 60,
                key=f"tu_minutes_{suffix}",
                help="0: no limit.",
            )
            patience = st.number_input(
                "Trials without improvement",
                0,
                search.MAX_TRIALS,
                start.patience,
                key=f"tu_patience_{suffix}",
                help="Stops after this many trials that are no better. 0: never.",
            )
            target = st.text_input(
                "Target value",
                _target(start),
                key=f"tu_target_{suffix}",
                placeholder="none",
                help="Stops when a trial reaches this value of the objective.",
            )
        early, baseline, seed = _trials(start, suffix)
    return replace(
        first,
        minutes=minutes,
        patience=int(patience),
        target=target.strip(),
        early_stopping=early,
        baseline=baseline,
        seed=seed,
    )


def _target(start: TuningSpec) -> str:
    if start.target is None:
        return ""
    return f"{start.target:g}"


def _trials(start: TuningSpec, suffix: str) -> tuple[bool, bool, str]:
    """Draw early stopping, the defaults as first trial, and the seed; return them as typed."""
    with st.container(horizontal=True):
        early = st.toggle(
            "Stop bad trials early",
            start.early_stopping,
            key=f"tu_early_{suffix}",
            help=(
                "Stops a trial whose best epoch so far is worse than the median of the others at "
                "the same epoch."
            ),
        )
        baseline = st.toggle(
            "Run the defaults as trial 1",
            start.baseline,
            key=f"tu_baseline_{suffix}",
            help="The baseline that the other trials are compared with.",
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
        "Warm start from earlier tuning jobs",
        list(found),
        start=start.warm_start,
        label=lambda i: found[i].name,
        key=f"tu_warm_{suffix}",
        help=(
            "Uses their trials if dataset version, objective and ranges are the same. They do not "
            "count towards the number of trials."
        ),
    )
    return tuple(chosen)


def _notes(
    version: store.Version,
    fixed: Mapping[str, str],
    space: Mapping[str, Range],
    how: _Search,
) -> None:
    """Say how many trials the search needs, how long it takes, and what it can't tell."""
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
            tried = f"; {trials} of them will run."
        words.append(f"The grid has {sizes} = **{count(total, 'trial')}**{tried}")
        trials = min(trials, total)
    if seconds := tuning_list.usual_seconds(version, fixed.get("mode", "frozen")):
        words.append(
            f"Similar jobs took {duration(seconds)} here; expect about "
            f"{duration(seconds * trials / how.parallel)} in total."
        )
    if 0 < photos < FEW_PHOTOS:
        words.append(
            f"With {count(photos, 'validation photo')}, one photo is {100 / photos:.1f} points of "
            "accuracy: expect ties."
        )
    if idle := spaces.without_effect(space, fixed):
        words.append(
            f"{', '.join(idle)}: no effect on a linear head, which is trained by lbfgs. Vary the "
            "head as well, or fix it to mlp."
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
    """Return the spec of the job. Raises UserError, naming the field, for a value that can't be
    used."""
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
