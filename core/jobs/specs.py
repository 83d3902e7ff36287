"""The specs of jobs: one frozen class per kind, checked when made and written once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from core import settings
from core.errors import UserError
from core.io.names import clean_name
from core.jobs import store as jobs
from core.jobs.hyperparameters import check_hyperparameters

# As SageMaker names them; empty for what has no instances.
INSTANCE_TYPE = re.compile(r"(ml\.[a-z0-9-]+\.[a-z0-9-]+)?")
ENDPOINT_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}")
S3_PLACE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+")


@dataclass(frozen=True)
class Resources:
    """The instances that a platform runs a job or an endpoint on. A job without them runs on the
    backend's own machine.

    `max_seconds` limits a job; `wait_seconds` is how long a spot job may also wait for instances.
    An endpoint with `memory_mb` is serverless: it has no instances, answers at most `concurrency`
    requests at once and costs nothing while idle. One with `max_instances` scales up to that number
    while busy. `server` names the image that serves a model.
    """

    SERVERS: ClassVar[tuple[str, ...]] = ("pytorch", "ray")

    instance_type: str = ""
    instance_count: int = 1
    spot: bool = False
    max_seconds: int = 3600
    wait_seconds: int = 3600
    volume_gb: int = 30
    memory_mb: int = 0
    concurrency: int = 5
    server: str = "pytorch"
    max_instances: int = 0

    def __post_init__(self) -> None:
        named = INSTANCE_TYPE.fullmatch(self.instance_type) is not None
        _require(named, f"{self.instance_type!r} is not an instance type.", "instance_type")
        most = settings.MAX_INSTANCES
        _require(1 <= self.instance_count <= most, f"Use 1 to {most} instances.", "instance_count")
        longest = settings.MAX_JOB_SECONDS
        _require(
            60 <= self.max_seconds <= longest,
            "Use a time limit from one minute to five days.",
            "max_seconds",
        )
        _require(
            0 <= self.wait_seconds <= longest,
            "Use a waiting time of at most five days.",
            "wait_seconds",
        )
        _require(1 <= self.volume_gb <= 16_384, "Use a disk of 1 to 16,384 GB.", "volume_gb")
        _require(
            self.memory_mb in (0, *settings.SERVERLESS_MB),
            "Use 1024 to 6144 MB of memory, in steps of 1024.",
            "memory_mb",
        )
        _require(1 <= self.concurrency <= 200, "Use 1 to 200 requests at once.", "concurrency")
        _require(self.server in self.SERVERS, f"Use one of {', '.join(self.SERVERS)}.", "server")
        _require(0 <= self.max_instances <= most, f"Use at most {most} instances.", "max_instances")
        grows = not self.max_instances or self.instance_count <= self.max_instances
        _require(grows, "The initial number of instances is above the maximum.", "max_instances")

    @property
    def is_serverless(self) -> bool:
        return self.memory_mb > 0


@dataclass(frozen=True)
class TrainingSpec:
    """One run of the training script on a dataset version. A trial carries its tuning job's id and
    its own number."""

    kind: ClassVar[str] = "training"
    name: str
    dataset_id: str
    version_id: str
    hyperparameters: Mapping[str, str]
    id: str = field(default_factory=lambda: jobs.new_id("training"))
    resumed_from: str = ""
    tuning_id: str = ""
    trial: int = 0
    resources: Resources | None = None

    def __post_init__(self) -> None:
        clean_name(self.name, "name")
        check_hyperparameters(self.hyperparameters)


@dataclass(frozen=True)
class ImportSpec:
    """One import of a folder, an archive, CUB-200-2011 or the sample (see origins.ImportSource)
    into a new dataset; or, with `dataset_id`, into the next version after `version_id` (see
    extending).

    `encoding` is that of the names in an archive which does not declare it; '' to detect it.
    `plan_id` is the job of the preview, `decisions` are those about its plan.
    """

    kind: ClassVar[str] = "import"
    name: str
    source: str
    path: str = ""
    shown: str = ""
    encoding: str = ""
    skip_small: bool = True
    classes: tuple[str, ...] = ()
    dataset_id: str = ""
    version_id: str = ""
    join: str = "train"
    into_own_folder: bool = False
    plan_id: str = ""
    decisions: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: jobs.new_id("import"))

    def __post_init__(self) -> None:
        clean_name(self.name, "name")


@dataclass(frozen=True)
class PlanSpec:
    """A preview of a source before it is imported; the fields are those of the import that may
    follow."""

    kind: ClassVar[str] = "plan"
    name: str
    source: str
    path: str = ""
    shown: str = ""
    encoding: str = ""
    classes: tuple[str, ...] = ()
    dataset_id: str = ""
    version_id: str = ""
    join: str = "train"
    into_own_folder: bool = False
    id: str = field(default_factory=lambda: jobs.new_id("plan"))

    def __post_init__(self) -> None:
        clean_name(self.name, "name")

    def import_spec(self, name: str, decisions: Mapping[str, Any], job_id: str = "") -> ImportSpec:
        """Return the spec that imports the previewed source with these decisions."""
        shared = {item.name: getattr(self, item.name) for item in fields(self)}
        job_id = job_id or jobs.new_id("import")
        more = {"name": name, "id": job_id, "plan_id": self.id, "decisions": decisions}
        return ImportSpec(**shared | more)


@dataclass(frozen=True)
class TuningSpec:
    """Many training jobs over a search space, each with this job's id in its `tuning_id`.

    `fixed` are hyperparameters of every trial; `space` maps each tuned one to its range
    (core.tuning.space.Range as a dict). `baseline` runs the fixed values alone as the first trial.
    0 means no limit in `max_seconds` and `patience`. `warm_start` names tuning jobs whose trials
    are used as observations; `continues` is the job whose trials this one continues.
    """

    kind: ClassVar[str] = "tuning"
    name: str
    dataset_id: str
    version_id: str
    fixed: Mapping[str, str]
    space: Mapping[str, Mapping[str, Any]]
    objective: str = "validation_accuracy"
    strategy: str = "tpe"
    max_trials: int = 30
    parallel: int = 1
    max_seconds: float = 0
    target: float | None = None
    patience: int = 0
    early_stopping: bool = False
    baseline: bool = True
    seed: int = settings.DEFAULT_SEED
    warm_start: tuple[str, ...] = ()
    continues: str = ""
    id: str = field(default_factory=lambda: jobs.new_id("tuning"))
    resources: Resources | None = None

    def __post_init__(self) -> None:
        clean_name(self.name, "name")
        check_hyperparameters(self.fixed)


@dataclass(frozen=True)
class TransformSpec:
    """A batch: one model over many photos. `source` says where they are, and which of the other
    fields count:

    `split`: the photos of `split` (`all` for every one) in `dataset_id`, `version_id`. `folder`:
    every photo below `path`. `archive`: the photos in the archive `path`. `upload`: the folder
    `path` in which core.batch.sources stored them. `s3`: the objects below `path`,
    `s3://bucket/prefix`, or those of a SageMaker manifest there. `shown` is the name that a browser
    gave, for display only. `resumed_from`: the job whose finished photos are not repeated.
    """

    kind: ClassVar[str] = "transform"
    SOURCES: ClassVar[tuple[str, ...]] = ("split", "folder", "archive", "upload", "s3")
    ALL_SPLITS: ClassVar[str] = "all"
    name: str
    model_id: str
    source: str
    dataset_id: str = ""
    version_id: str = ""
    split: str = ""
    path: str = ""
    shown: str = ""
    id: str = field(default_factory=lambda: jobs.new_id("transform"))
    resumed_from: str = ""
    resources: Resources | None = None

    def __post_init__(self) -> None:
        clean_name(self.name, "name")
        kinds = ", ".join(self.SOURCES)
        why = f"{self.source!r} is not a source of photos. Use {kinds}."
        _require(self.source in self.SOURCES, why, "source")
        if self.source == "split":
            splits = (*settings.SPLITS, self.ALL_SPLITS)
            _require(self.split in splits, f"{self.split!r} is not a split.", "split")
            return
        _require(bool(self.path.strip()), "Choose the photos to classify.", "path")
        well_named = self.source != "s3" or S3_PLACE.fullmatch(self.path) is not None
        _require(well_named, "Write it as s3://bucket/folder/.", "path")


@dataclass(frozen=True)
class InspectSpec:
    """An inspection of a dataset version: labels, duplicates, outliers, bad photos. `maps` are the
    projections to compute."""

    kind: ClassVar[str] = "inspect"
    name: str
    dataset_id: str
    version_id: str
    maps: tuple[str, ...] = ("pca",)
    id: str = field(default_factory=lambda: jobs.new_id("inspect"))

    def __post_init__(self) -> None:
        clean_name(self.name, "name")


@dataclass(frozen=True)
class ExportSpec:
    """An export of the used photos of a dataset version into the new folder `path`, as
    `<split>/<class>/<photo>`."""

    kind: ClassVar[str] = "export"
    name: str
    dataset_id: str
    version_id: str
    path: str
    id: str = field(default_factory=lambda: jobs.new_id("export"))

    def __post_init__(self) -> None:
        clean_name(self.name, "name")
        _require(self.path.strip() not in ("", "/"), "Enter the folder for the export.", "path")


@dataclass(frozen=True)
class EndpointSpec:
    """One server for one model. `attached` is the name of an endpoint made elsewhere: it is used,
    and never changed or deleted.

    After `seconds` it deletes itself; 0 means never. `precision`: `auto` for the fastest engine
    within tolerance of fp32, `exact` for fp32 only. `port` is the preferred port; 0 means any. Of
    `capture_share` (0 to 1) of the photos it stores photo and answer, the newest `capture_photos`
    and `capture_bytes` at most.
    """

    kind: ClassVar[str] = "endpoint"
    PRECISIONS: ClassVar[tuple[str, ...]] = ("auto", "exact")
    name: str
    model_id: str
    seconds: float = 0
    precision: str = "auto"
    port: int = 0
    capture_share: float = 0
    capture_photos: int = settings.CAPTURE_PHOTOS
    capture_bytes: int = settings.CAPTURE_BYTES
    id: str = field(default_factory=lambda: jobs.new_id("endpoint"))
    resources: Resources | None = None
    attached: str = ""

    def __post_init__(self) -> None:
        clean_name(self.name, "name")
        _require(
            0 <= self.seconds <= settings.MAX_ENDPOINT_SECONDS,
            "Use at most 30 days, or 0 for no limit.",
            "seconds",
        )
        _require(
            self.precision in self.PRECISIONS,
            f"Use one of {', '.join(self.PRECISIONS)}.",
            "precision",
        )
        _require(
            self.port == 0 or 1024 <= self.port <= 65535,
            "Use a port from 1024 to 65535, or 0 for any.",
            "port",
        )
        _require(0 <= self.capture_share <= 1, "Use a share from 0 to 1.", "capture_share")
        most = settings.MAX_CAPTURE_PHOTOS
        _require(10 <= self.capture_photos <= most, f"Use 10 to {most:,} photos.", "capture_photos")
        _require(self.capture_bytes >= 2**20, "Use at least 1 MB.", "capture_bytes")
        named = not self.attached or ENDPOINT_NAME.fullmatch(self.attached) is not None
        _require(named, f"{self.attached[:80]!r} is not the name of an endpoint.", "attached")


@dataclass(frozen=True)
class LoadSpec:
    """A load test of an endpoint: `requests` photos of its model's test split, from `clients` that
    each wait for their answer."""

    kind: ClassVar[str] = "load"
    name: str
    endpoint_id: str
    requests: int = 200
    clients: int = 8
    id: str = field(default_factory=lambda: jobs.new_id("load"))

    def __post_init__(self) -> None:
        clean_name(self.name, "name")
        _require(
            1 <= self.requests <= settings.MAX_LOAD_REQUESTS,
            f"Use 1 to {settings.MAX_LOAD_REQUESTS:,} requests.",
            "requests",
        )
        _require(
            1 <= self.clients <= settings.MAX_LOAD_CLIENTS,
            f"Use 1 to {settings.MAX_LOAD_CLIENTS} clients.",
            "clients",
        )


Spec = (
    TrainingSpec
    | ImportSpec
    | PlanSpec
    | InspectSpec
    | ExportSpec
    | TuningSpec
    | TransformSpec
    | EndpointSpec
    | LoadSpec
)


def _require(holds: bool, message: str, name: str) -> None:
    if not holds:
        raise UserError(message, field=name)


def as_dict(spec: Spec) -> dict[str, object]:
    """Return the spec as job.json stores it."""
    return asdict(spec)
