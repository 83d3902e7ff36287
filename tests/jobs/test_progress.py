"""How far a job is and how an endpoint is served, read from what any version may have written."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import backends
from core.backends import SAGEMAKER
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, Resources, as_dict
from core.jobs.status.documents import Document
from core.jobs.status.endpoints import (
    AttachedDetails,
    Details,
    Figures,
    Form,
    LocalDetails,
    RealTimeDetails,
    ServerlessDetails,
)
from core.jobs.status.progress import (
    BatchProgress,
    ExportProgress,
    ImportingProgress,
    InspectionProgress,
    LoadProgress,
    Parity,
    Progress,
    TrainingProgress,
    TuningProgress,
)
from core.jobs.store import State, Status
from tests.old_homes import FIXTURES, unpack

KINDS: dict[str, type[Progress]] = {
    "training": TrainingProgress,
    "tuning": TuningProgress,
    "import": ImportingProgress,
    "inspect": InspectionProgress,
    "export": ExportProgress,
    "transform": BatchProgress,
    "load": LoadProgress,
    "endpoint": LocalDetails,
}
EVERY = [*KINDS.values(), RealTimeDetails, ServerlessDetails, AttachedDetails, Figures, Form]


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_missing_or_new_does_no_harm(kind: type[Document]) -> None:
    assert kind.from_json({}) == kind()
    assert kind.from_json({"of a newer version": [1], "IS_OURS": False}) == kind()


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_of_another_kind_has_its_default(kind: type[Document]) -> None:
    class Strange: ...

    names = kind.__dataclass_fields__
    assert kind.from_json({name: Strange() for name in names}) == kind()


def test_what_is_there_is_read_as_it_is() -> None:
    told = BatchProgress.from_json(
        {
            "phase": "Predicting",
            "done": 3,
            "total": None,
            "images_per_second": 12,
            "parity": {"photos": 9, "same_class": 8, "max_difference": 0.01, "form": "x"},
            "errors": True,
        }
    )
    assert (told.phase, told.done, told.total, told.errors) == ("Predicting", 3, None, 0)
    assert told.images_per_second == 12
    assert told.parity == Parity(9, 8, 0.01)
    load = LoadProgress.from_json({"errors": {"busy": 2}, "p50_ms": 1.5})
    assert (load.errors, load.p50_ms, load.p99_ms) == ({"busy": 2}, 1.5, None)


def test_a_tuple_is_a_list_in_json() -> None:
    assert Details.from_json({"phases": ["one", "two"]}).phases == ("one", "two")
    assert LocalDetails.from_json({"phases": ["one", 2]}).phases == LocalDetails().phases


@pytest.mark.parametrize("archive", [path.name for path in FIXTURES.glob("*.tar.xz")])
def test_old_folders_tell_nothing_that_is_not_read(home: Path, archive: str) -> None:
    """But for what no page has ever shown."""
    unpack(archive, home)
    unread = {"detail", "spot", "there", "max_trials", "photos", "found", "dataset_id"}
    unread |= {"version_id"}
    for job in jobs.readable():
        told = set(job.status.progress) - unread
        assert told <= set(KINDS[job.kind].__dataclass_fields__), job.id


@pytest.mark.parametrize(
    ("more", "told", "kind"),
    [
        ({"resources": Resources(instance_type="ml.m5.large")}, {}, RealTimeDetails),
        ({"resources": Resources(memory_mb=2048)}, {}, ServerlessDetails),
        ({}, {"serverless": True, "region": "eu-west-1"}, ServerlessDetails),
        ({"attached": "theirs"}, {}, AttachedDetails),
        ({"attached": "theirs"}, {"attached": "theirs", "url": "https://x"}, AttachedDetails),
    ],
)
def test_an_endpoint_on_sagemaker_is_of_its_kind_also_before_its_watcher_spoke(
    home: Path, more: dict[str, object], told: dict[str, object], kind: type[Details]
) -> None:
    from core.backends.sagemaker.endpoints import verbs

    spec = EndpointSpec("Birds", "fm-training-20260101t000000-0a1b2c", **more)  # type: ignore[arg-type]
    job, _ = jobs.create(spec.id, spec.kind, spec.name, SAGEMAKER.name, as_dict(spec))
    jobs.write_status(job.folder, Status(State.IN_PROGRESS, progress=told))
    endpoint = verbs.of_job(jobs.read(job.id))
    assert type(endpoint.details) is kind
    assert endpoint.details.IS_OURS is not bool(spec.attached)
    assert verbs.platform_name(endpoint) == (spec.attached or spec.id)
    limit = 4 * 2**20 if kind is ServerlessDetails else 6_291_456
    assert backends.of(endpoint).most_bytes(endpoint) == limit
