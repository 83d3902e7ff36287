"""What a person asks for: one frozen spec per kind of work, checked where it enters and written once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from core import jobs
from core.datasets.names import clean_name
from core.errors import UserError

# Both of AWS's container contracts carry names and values of these shapes safely, one of them through a shell file.
HYPERPARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]*")
HYPERPARAMETER_VALUE = re.compile(r"[A-Za-z0-9_.,:/+=@ -]{0,256}")


@dataclass(frozen=True)
class TrainingSpec:
    """One run of the training script over a dataset version."""

    kind: ClassVar[str] = "training"
    name: str
    dataset_id: str
    version_id: str
    hyperparameters: Mapping[str, str]
    id: str = field(default_factory=lambda: jobs.new_id("training"))
    resumed_from: str = ""

    def __post_init__(self) -> None:
        clean_name(self.name, "name")
        check_hyperparameters(self.hyperparameters)


@dataclass(frozen=True)
class ImportSpec:
    """One import of a folder, an archive or the sample into a new dataset."""

    kind: ClassVar[str] = "import"
    name: str
    source: str
    path: str = ""
    shown: str = ""
    skip_small: bool = True
    id: str = field(default_factory=lambda: jobs.new_id("import"))

    def __post_init__(self) -> None:
        clean_name(self.name, "name")


@dataclass(frozen=True)
class TuningSpec:
    """Many training jobs over a search space; `space` maps a hyperparameter to its range."""

    kind: ClassVar[str] = "tuning"
    name: str
    base: TrainingSpec
    space: Mapping[str, Any]
    objective: str
    max_jobs: int
    id: str = field(default_factory=lambda: jobs.new_id("tuning"))


@dataclass(frozen=True)
class TransformSpec:
    """One model over many images."""

    kind: ClassVar[str] = "transform"
    name: str
    model_id: str
    source: str
    id: str = field(default_factory=lambda: jobs.new_id("transform"))


@dataclass(frozen=True)
class EndpointSpec:
    """One server for one model."""

    kind: ClassVar[str] = "endpoint"
    name: str
    model_id: str
    id: str = field(default_factory=lambda: jobs.new_id("endpoint"))

    def __post_init__(self) -> None:
        clean_name(self.name, "name")


def check_hyperparameters(values: Mapping[str, str]) -> None:
    """UserError naming the first hyperparameter that either backend could not carry safely."""
    for name, value in values.items():
        if not HYPERPARAMETER_NAME.fullmatch(name):
            raise UserError(f"{name!r} is not a hyperparameter name: use lower-case letters, digits and _.", field=name)
        if not isinstance(value, str) or not HYPERPARAMETER_VALUE.fullmatch(value):
            raise UserError(
                f"{name}: {str(value)[:60]!r} can't be passed to a job. Use letters, digits, spaces and _ . , : / + = @ - (at most 256).",
                field=name,
            )


def as_dict(spec: TrainingSpec | ImportSpec | TuningSpec | TransformSpec | EndpointSpec) -> dict[str, Any]:
    """The spec as job.json holds it."""
    return asdict(spec)


def training_spec(job: jobs.Job) -> TrainingSpec:
    """The spec of a training job, read back from its folder; unknown fields of a newer version are left out."""
    known = {name: job.spec[name] for name in TrainingSpec.__dataclass_fields__ if name in job.spec}
    return TrainingSpec(**known)
