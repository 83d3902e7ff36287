"""The pre-flight checks at the button: what would fail is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.aws import account as accounts
from core.aws import quotas
from core.backends import SAGEMAKER
from core.backends.sagemaker import launch_check
from core.errors import UserError
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, Resources, Spec, TrainingSpec, TransformSpec, TuningSpec
from core.models.store import Model
from core.tuning import space as spaces
from core.tuning.space import Range
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import ended, spec

GPU = Resources("ml.g4dn.xlarge")
SPACE = spaces.as_dict({"lr": Range("float", 1e-4, 1e-1, log=True)})


def train(model: Model, resources: Resources) -> TrainingSpec:
    return spec(model, resources=resources)


def tune(model: Model, resources: Resources) -> Spec:
    return TuningSpec(
        "T", model.dataset_id, model.version_id, {}, SPACE, parallel=3, resources=resources
    )


def batch(model: Model, resources: Resources) -> Spec:
    where: dict[str, Any] = {
        "dataset_id": model.dataset_id,
        "version_id": model.version_id,
        "split": "test",
    }
    return TransformSpec("B", model.id, "split", **where, resources=resources)


def endpoint(model: Model, resources: Resources) -> Spec:
    return EndpointSpec("E", model.id, resources=resources)


SUBMIT: dict[str, Callable[[Any], object]] = {
    "training": SAGEMAKER.train,
    "tuning": SAGEMAKER.tune,
    "transform": SAGEMAKER.transform,
    "endpoint": SAGEMAKER.deploy,
}
KINDS = [train, tune, batch, endpoint]


def refused(aws: Emulator, wanted: Spec) -> UserError:
    """Submit; return the refusal, which left nothing behind, there or here."""
    with pytest.raises(UserError) as refusal:
        SUBMIT[wanted.kind](wanted)
    bucket = accounts.load().bucket
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=bucket), "nothing was sent"
    assert wanted.id not in [job.id for job in jobs.readable()]
    return refusal.value


@pytest.mark.parametrize("make", KINDS)
def test_a_quota_of_zero_is_said_before_anything_is_sent(
    aws: Emulator, small_model: Model, make: Callable[[Model, Resources], Spec]
) -> None:
    refusal = refused(aws, make(small_model, GPU))
    assert refusal.field == "instance_type"
    assert "ml.g4dn.xlarge for" in str(refusal)
    assert "usage: 0" in str(refusal)


@pytest.mark.parametrize("make", KINDS)
def test_a_role_that_cannot_read_the_bucket_is_said_before_anything_is_sent(
    aws: Emulator, small_model: Model, make: Callable[[Model, Resources], Spec]
) -> None:
    with aws.settings(role_denied=["s3:GetObject"]):
        refusal = refused(aws, make(small_model, Resources("ml.m5.large")))
    assert "read and write the bucket (s3:GetObject)" in str(refusal)
    assert refusal.field == "backend"


def test_every_trial_that_runs_at_once_counts(aws: Emulator, small_model: Model) -> None:
    with aws.settings(quotas={"ml.m5.large for training job usage": 2}):
        refused(aws, tune(small_model, Resources("ml.m5.large")))


def test_spot_has_a_quota_of_its_own(aws: Emulator, small_model: Model) -> None:
    with aws.settings(quotas={"ml.m5.large for spot training job usage": 0}):
        refusal = refused(aws, train(small_model, Resources("ml.m5.large", spot=True)))
    assert "spot training job" in str(refusal)


@pytest.mark.parametrize(
    "resources", [Resources(memory_mb=4096), Resources(memory_mb=3072, concurrency=11)]
)
def test_a_serverless_endpoint_over_a_new_accounts_limit(
    aws: Emulator, small_model: Model, resources: Resources
) -> None:
    refusal = refused(aws, endpoint(small_model, resources))
    assert refusal.field == "memory_mb"
    assert "serverless endpoint" in str(refusal)


def test_a_serverless_limit_that_was_raised(aws: Emulator, small_model: Model) -> None:
    wanted = endpoint(small_model, Resources(memory_mb=6144))
    with aws.settings(quotas={quotas.SERVERLESS_MEMORY: 6144}):
        launch_check.require(wanted, accounts.load())


def test_what_aws_does_not_say_stops_nothing(aws: Emulator, small_model: Model) -> None:
    unknown = ["iam:SimulatePrincipalPolicy", "iam:GetRole", "servicequotas:*"]
    wanted = train(small_model, Resources("ml.m5.large"))
    with aws.settings(denied=unknown):
        job = SAGEMAKER.train(wanted)
    assert SAGEMAKER.train(wanted).id == job.id
    assert ended(job).status.reason == ""


def test_without_a_network_nothing_is_refused(
    aws: Emulator, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    launch_check.require(train(small_model, GPU), accounts.load())


def test_a_job_that_exists_is_not_checked_again(aws: Emulator, small_model: Model) -> None:
    wanted = train(small_model, Resources("ml.m5.large"))
    job = SAGEMAKER.train(wanted)
    with aws.settings(quotas={"ml.m5.large for training job usage": 0}):
        assert SAGEMAKER.train(wanted).id == job.id
