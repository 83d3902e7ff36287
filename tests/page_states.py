"""The pages in their main states, over a home that an earlier Fieldmark left: what the catalogue of
words and the accessibility tests walk through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from unittest import mock

from core.backends import LOCAL, Endpoint, EndpointState
from core.datasets import store
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from core.jobs.status.endpoints import Figures, Form, LocalDetails

DATASET_VIEWS = ("Photos", "Map", "Issues", "Classes", "Report", "History", "New+version", "Export")
MODEL_VIEWS = (
    "Confusion",
    "Mistakes",
    "Photos",
    "Classes",
    "Slices",
    "Calibration",
    "Compare",
    "About",
)
TUNING_VIEWS = ("Leaderboard", "History", "Importance", "Parameters", "Parallel", "Curves", "Log")
BATCH_VIEWS = ("photos", "table", "classes", "accuracy", "about")
ENDPOINT_VIEWS = ("Photos", "Load+test", "Monitor", "Use+it+from+code", "Log")
AWS_VIEWS = ("account", "running", "cleanup", "prices", "permissions", "selftest")
# The path of a page, without parameters, is the page as a new user finds it.
PAGES = ("", "datasets", "train", "tune", "models", "deploy", "batch", "aws")


def _only(kind: str, name: str) -> str:
    (job_id,) = [job.id for job in jobs.readable(kind) if job.name == name]
    return job_id


def over_the_old_home() -> list[str]:
    """Return the addresses of every page and view, of a running home without endpoints."""
    (dataset,) = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    newest = next(item for item in store.versions(dataset.id) if isinstance(item, store.Version))
    photo = store.manifest_of(newest)["path"].iloc[0]
    of = f"datasets?dataset={dataset.id}"
    model = _only("training", "Small")
    return [
        *PAGES,
        f"{of}&photo={photo}",
        f"{of}&photo_page={photo}",
        *(f"{of}&ds_view={view}" for view in DATASET_VIEWS),
        f"{of}&ds_view=Photos&ds_select=true",
        "datasets?view=import",
        f"train?clone={model}",
        f"train?job={model}",
        f"train?job={_only('training', 'Failed')}",
        f"train?job={_only('training', 'Stopped')}",
        "train?view=compare",
        *(f"tune?job={_only('tuning', 'Search')}&tu_view={view}" for view in TUNING_VIEWS),
        "tune?view=compare",
        *(f"models?model={model}&mo_view={view}" for view in MODEL_VIEWS),
        f"deploy?model={model}",
        *(f"batch?job={_only('transform', 'Test split')}&ba_view={view}" for view in BATCH_VIEWS),
        "batch?view=review",
        *(f"aws?aws_view={view}" for view in AWS_VIEWS),
    ]


def of_an_endpoint(endpoint_id: str) -> list[str]:
    """Return the addresses of an endpoint's page."""
    return [f"deploy?endpoint={endpoint_id}&dp_view={view}" for view in ENDPOINT_VIEWS]


@contextmanager
def endpoints_in_every_state() -> Iterator[list[str]]:
    """Yield the ids of endpoints that look live, starting and failed, without any server."""
    states = (EndpointState.IN_SERVICE, EndpointState.CREATING, EndpointState.FAILED)
    known = [_endpoint(state) for state in states]
    figures = Figures(requests=12, photos=12, errors=1, waiting=0, timed=12, p50_ms=8.1, p95_ms=9.4)
    with (
        mock.patch.object(type(LOCAL), "endpoints", return_value=known),
        mock.patch.object(type(LOCAL), "figures", return_value=figures),
    ):
        yield [endpoint.id for endpoint in known]


def _endpoint(state: EndpointState) -> Endpoint:
    spec = EndpointSpec(f"Endpoint {state}", _only("training", "Small"), capture_share=0.5)
    job, lock = jobs.create(spec.id, "endpoint", spec.name, LOCAL.name, asdict(spec))
    if lock is not None:
        os.close(lock)
    chosen = Form(
        photos=64, same_class=64, max_difference=0.01, milliseconds=8.1, plain_milliseconds=24.3
    )
    details = LocalDetails(form="OpenVINO bf16", chosen=chosen, smoke_ms=8, start_seconds=5.0)
    reason = ""
    if state is EndpointState.FAILED:
        reason = "The server exited with code 1."
    return Endpoint(
        job.id, job.name, LOCAL.name, spec.model_id, state, job.created, reason=reason,
        details=details,
    )  # fmt: skip
