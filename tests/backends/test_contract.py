"""What every backend promises (core/backends/base.py), with the real training script and a real model."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from core import backends
from core.backends import Backend, EndpointState
from core.batch import table
from core.errors import BackendError, NotFound, UserError
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, TrainingSpec, TransformSpec
from core.jobs.store import State
from core.models import store as models
from core.models.store import Model
from core.training import metrics
from tests import shapes
from tests.backends.conftest import machines, server
from tests.backends.watching import ended, said, settled, until
from tests.conftest import SMALL

# Small steps for ten minutes: time enough to look at a job that runs.
LONG = {**SMALL, "head": "mlp", "epochs": "10000", "early_stopping_patience": "0"}
# How long a call may take that promises not to wait for the job.
# What waits for a job or a server waits longer, on any machine; how quick it is, benchmarks say.
AT_ONCE = 60.0


def spec_for(
    backend: Backend, model: Model, hyperparameters: Mapping[str, str], name: str = "Contract"
) -> TrainingSpec:
    return TrainingSpec(
        name, model.dataset_id, model.version_id, hyperparameters, resources=machines(backend)
    )


def png(name: str) -> bytes:
    buffer = io.BytesIO()
    shapes.photo(name, seed=99).save(buffer, "PNG")
    return buffer.getvalue()


class TestContract:
    def test_it_is_known_by_its_name(self, backend: Backend) -> None:
        assert backends.named(backend.name) is backend
        assert backend.title

    def test_a_training_job_from_submission_to_model(self, backend: Backend, heated: Model) -> None:
        spec = spec_for(backend, heated, SMALL)
        before = len(jobs.listing("training"))
        start = time.monotonic()
        job, again = backend.train(spec), backend.train(spec)
        assert time.monotonic() - start < AT_ONCE
        assert job.id == again.id == spec.id
        assert len(jobs.listing("training")) == before + 1, "the same spec twice is one job"
        assert job.backend == backend.name
        assert backends.of(job) is backend
        job = ended(backend, job)
        assert job.state is State.COMPLETED, job.status.reason
        assert job.status.started
        assert job.status.ended
        assert backend.train(spec).state is State.COMPLETED, (
            "submitted once more, it is still the same job"
        )
        model = models.read(job.id)
        assert model.classes == tuple(sorted(shapes.CLASSES))
        assert model.metrics("validation")["n"] == 6
        assert metrics.epochs(metrics.MetricLog(job.folder.log).refresh())
        assert job.folder.artifact.is_file()

    def test_a_finished_job_never_changes_again(self, backend: Backend, heated: Model) -> None:
        job = heated.job
        for _ in range(2):
            backend.stop(job)
            assert backend.refresh(job) == job

    def test_the_log_in_pieces_is_the_whole_log(self, backend: Backend, heated: Model) -> None:
        whole = backend.log(heated.job)
        assert not whole.skipped
        assert "[metrics] epoch=" in whole.text
        assert backend.log(heated.job, whole.next).text == ""
        middle = len(whole.text[: len(whole.text) // 2].encode())
        assert whole.text.encode()[middle:].decode() == backend.log(heated.job, middle).text

    def test_a_running_job_can_be_watched_and_stopped(
        self, backend: Backend, heated: Model
    ) -> None:
        job = backend.train(spec_for(backend, heated, LONG))
        said(backend, job, "[metrics] epoch=2 ")
        start = time.monotonic()
        assert backend.refresh(job).state is State.IN_PROGRESS
        backend.stop(job)
        backend.stop(job)
        assert time.monotonic() - start < AT_ONCE
        job = ended(backend, job)
        assert job.state is State.STOPPED
        # On a platform that does not tell the script, only a regular checkpoint may be there.
        if not backend.stop_delay:
            assert list(job.folder.checkpoints.glob("checkpoint-*.pt")), "it saved what it learned"
        backend.stop(job)
        assert backend.refresh(job) == job

    def test_a_job_that_fails_says_why(self, backend: Backend, heated: Model) -> None:
        job = ended(
            backend,
            backend.train(spec_for(backend, heated, {**SMALL, "arch": "timm/no_such_network"})),
        )
        assert job.state is State.FAILED
        assert "no_such_network" in job.status.reason

    @pytest.mark.parametrize(
        ("name", "value"),
        [("lr", "0"), ("epochs", "1000000000"), ("arch", "no_such_model"), ("batch_size", "0")],
    )
    def test_fault_20_a_spec_that_cannot_run_is_refused(
        self, backend: Backend, heated: Model, name: str, value: str
    ) -> None:
        before = jobs.listing()
        with pytest.raises(UserError) as refusal:
            backend.train(spec_for(backend, heated, {name: value}))
        assert refusal.value.field == name
        assert jobs.listing() == before

    def test_a_dataset_that_is_not_there_is_refused(self, backend: Backend, heated: Model) -> None:
        with pytest.raises(NotFound):
            backend.train(
                replace(
                    spec_for(backend, heated, SMALL),
                    dataset_id="no-such-dataset",
                    id=jobs.new_id("training"),
                )
            )

    def test_an_endpoint_from_deployment_to_deletion(self, backend: Backend, heated: Model) -> None:
        spec = EndpointSpec("Shapes", heated.id, resources=server(backend))
        start = time.monotonic()
        endpoint, again = backend.deploy(spec), backend.deploy(spec)
        assert time.monotonic() - start < AT_ONCE
        assert endpoint.id == again.id == spec.id
        assert endpoint.state is EndpointState.CREATING
        endpoint = settled(backend, endpoint)
        assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
        assert [found.id for found in backend.endpoints()] == [endpoint.id]
        assert [found.id for found in backends.endpoints()] == [endpoint.id]
        for name in shapes.CLASSES:
            answer = backend.invoke(endpoint, png(name), "image/png")
            assert answer["predictions"][0]["label"] == name
            assert sum(
                prediction["probability"] for prediction in answer["predictions"]
            ) == pytest.approx(1, abs=1e-3)
            assert {"model", "unsure", "unfamiliar", "latency_ms"} <= set(answer)
        with pytest.raises(BackendError, match="cannot be used"):
            backend.invoke(endpoint, b"not an image", "image/png")
        backend.delete(endpoint)
        assert backend.endpoints() == []
        backend.delete(endpoint)
        # On SageMaker it may answer for a moment yet.
        with pytest.raises(BackendError):
            until(
                lambda: not backend.invoke(endpoint, png("circle"), "image/png"),
                "the end of its answers",
            )

    def test_a_batch_from_submission_to_table(self, backend: Backend, heated: Model) -> None:
        spec = TransformSpec(
            "Batch",
            heated.id,
            "split",
            heated.dataset_id,
            heated.version_id,
            "test",
            shown="Shapes",
            resources=machines(backend),
        )
        start = time.monotonic()
        job, again = backend.transform(spec), backend.transform(spec)
        assert time.monotonic() - start < AT_ONCE
        assert job.id == again.id == spec.id
        job = ended(backend, job)
        assert job.state is State.COMPLETED, job.status.reason
        found = table.read(job.folder, heated.classes)
        assert (
            len(found)
            == job.status.progress["done"]
            == job.status.progress["total"]
            == heated.metrics("test")["n"]
        )
        said = heated.predictions().of_split("test")
        page = found.page(range(len(found))).set_index("image_id")
        assert list(page.loc[list(said.image_id), "prediction"]) == [
            heated.classes[code] for code in said.predicted
        ]
        assert not any(page["in_training"])

    def test_a_batch_over_nothing_is_refused(self, backend: Backend, heated: Model) -> None:
        spec = TransformSpec(
            "None",
            heated.id,
            "split",
            heated.dataset_id,
            heated.version_id,
            "unused",
            resources=machines(backend),
        )
        with pytest.raises(UserError) as caught:
            backend.transform(spec)
        assert caught.value.field == "split"

    def test_a_model_that_is_not_there_is_not_deployed(
        self, backend: Backend, heated: Model
    ) -> None:
        with pytest.raises(NotFound):
            backend.deploy(EndpointSpec("None", jobs.new_id("training"), resources=server(backend)))
        assert backend.endpoints() == []
