"""Features in the bucket, cached for the next job on the same dataset version: every photo is
computed once.

A job's checkpoints contain its features; they are copied inside S3, and the next job reads them as
the channel `cached`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.aws import storage
from core.aws.storage import Store
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec, TuningSpec
from core.jobs.store import State
from core.models import store as models
from core.models.store import Model
from core.training import script as scripts
from core.tuning import space as spaces

# sm_scripts/fieldmark_ml/training/features.py writes them here, below the folder of checkpoints.
FOLDER = "checkpoints/features/"
SUFFIX = ".npz"
# The tunable settings that change a photo's features.
SETTINGS = ("arch", "image_size", "views")


@dataclass(frozen=True)
class Form:
    """The settings that determine a photo's features.

    The arithmetic behind `precision` depends on the machine, so only jobs on the same instance type
    are comparable.
    """

    arch: str
    image_size: int
    view: str
    cropped: bool
    precision: str


def uri(store: Store, spec: TrainingSpec | TuningSpec) -> str:
    """Return the URI of the version's features, or '' if there are none."""
    place = _place(spec)
    return store.uri(place) if next(store.keys(place), None) else ""


def cover(store: Store, spec: TuningSpec) -> bool:
    """Return whether the features of every possible trial are cached: a job with these settings has
    completed on the same instance type. False if uncertain: waiting for one trial is cheaper than
    computing them twice."""
    place = _place(spec)
    there = {key.removeprefix(place).split("/", 1)[0] for key in store.keys(place)}
    return bool(there) and wanted(spec) <= {
        form for model in _earlier(spec) for form in made(model, there)
    }


def wanted(spec: TuningSpec) -> set[Form]:
    """Return the feature settings of all possible trials."""
    space = {name: values for name, values in spaces.parse(spec.space).items() if name in SETTINGS}
    texts = [
        values.choices
        if values.kind == "choice"
        else [str(number) for number in range(int(values.low), int(values.high) + 1)]
        for values in space.values()
    ]
    found: set[Form] = set()
    for chosen in itertools.product(*texts):
        values = scripts.check({**spec.fixed, **dict(zip(space, chosen, strict=True))})
        for choice, view in itertools.product(
            scripts.choices(str(values["arch"])), scripts.VIEWS[values["views"]]
        ):
            known = scripts.ARCHITECTURES.get(choice.name)
            size = choice.image_size or (known.image_size if known else 0)
            found.add(
                Form(choice.name, size, view, values["crop_to_box"], str(values["precision"]))
            )
    return found


def made(model: Model, there: set[str]) -> set[Form]:
    """Return the feature settings of a model's job, for backbones whose features are among the
    folders `there`."""
    values = model.description.get("hyperparameters", {})
    return {
        Form(
            str(backbone["arch"]),
            int(backbone["image_size"]),
            str(view),
            model.is_cropped,
            str(values.get("precision", "")),
        )
        for backbone in model.description.get("backbones", ())
        for view in model.description.get("views", ())
        if backbone.get("features") in there
    }


def _earlier(spec: TuningSpec) -> Iterator[Model]:
    """Yield the models of this dataset version from the same instance type."""
    wanted_machine = spec.resources.instance_type if spec.resources else ""
    for job in jobs.readable("training"):
        same = (job.spec.get("dataset_id"), job.spec.get("version_id")) == (
            spec.dataset_id,
            spec.version_id,
        )
        machine = (job.spec.get("resources") or {}).get("instance_type")
        if same and job.state is State.COMPLETED and machine == wanted_machine:
            try:
                yield models.of_job(job)
            except NotFound:
                continue


def keep(store: Store, spec: TrainingSpec | TuningSpec, job_id: str) -> None:
    """Copy this job's features to the cache of the version."""
    made, place = storage.job_key(job_id, FOLDER), _place(spec)
    there = set(store.keys(place))
    for key in store.keys(made):
        target = f"{place}{key.removeprefix(made)}"
        if key.endswith(SUFFIX) and target not in there:
            store.copy(key, target)


def _place(spec: TrainingSpec | TuningSpec | Any) -> str:
    return f"features/{spec.dataset_id}/{spec.version_id}/"
