"""Read the specs of jobs back from their folders, whichever version wrote them."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from core.errors import NotFound, UserError
from core.jobs import store as jobs
from core.jobs.specs import (
    EndpointSpec,
    ImportSpec,
    InspectSpec,
    LoadSpec,
    PlanSpec,
    Resources,
    TrainingSpec,
    TransformSpec,
    TuningSpec,
)

Known = TypeVar(
    "Known",
    TrainingSpec,
    ImportSpec,
    PlanSpec,
    InspectSpec,
    TuningSpec,
    TransformSpec,
    EndpointSpec,
    LoadSpec,
)


def training_spec(job: jobs.Job) -> TrainingSpec:
    """Return the spec of a training job. Raises NotFound if another version wrote one that can't be
    read."""
    return _read_back(TrainingSpec, job)


def tuning_spec(job: jobs.Job) -> TuningSpec:
    """Return the spec of a tuning job. Raises as `training_spec`."""
    spec = _read_back(TuningSpec, job)
    return replace(spec, warm_start=tuple(spec.warm_start))


def transform_spec(job: jobs.Job) -> TransformSpec:
    """Return the spec of a batch. Raises as `training_spec`."""
    return _read_back(TransformSpec, job)


def endpoint_spec(job: jobs.Job) -> EndpointSpec:
    """Return the spec of an endpoint. Raises as `training_spec`."""
    return _read_back(EndpointSpec, job)


def load_spec(job: jobs.Job) -> LoadSpec:
    """Return the spec of a load test. Raises as `training_spec`."""
    return _read_back(LoadSpec, job)


def import_spec(job: jobs.Job) -> ImportSpec:
    """Return the spec of an import. Raises as `training_spec`."""
    spec = _read_back(ImportSpec, job)
    return replace(spec, classes=tuple(spec.classes))


def plan_spec(job: jobs.Job) -> PlanSpec:
    """Return the spec of an import preview. Raises as `training_spec`."""
    spec = _read_back(PlanSpec, job)
    return replace(spec, classes=tuple(spec.classes))


def inspect_spec(job: jobs.Job) -> InspectSpec:
    """Return the spec of an inspection. Raises as `training_spec`."""
    spec = _read_back(InspectSpec, job)
    return replace(spec, maps=tuple(spec.maps))


def _read_back(kind: type[Known], job: jobs.Job) -> Known:
    known = {name: job.spec[name] for name in kind.__dataclass_fields__ if name in job.spec}
    try:
        if given := known.get("resources"):
            known["resources"] = Resources(
                **{name: given[name] for name in Resources.__dataclass_fields__ if name in given}
            )
        return kind(**known)
    except (TypeError, AttributeError, UserError) as error:
        raise NotFound(f"The spec of job {job.id} can't be read: {error}") from error
