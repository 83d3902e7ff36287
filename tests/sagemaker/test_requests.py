"""What is asked of SageMaker, checked against botocore's own model of the API, for every setting that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from core.aws import instances
from core.aws.account import Account
from core.backends.sagemaker import job_request
from core.backends.sagemaker.endpoints import hosting
from core.backends.sagemaker.job_request import Inputs
from core.backends.sagemaker.tuning import request as tuning_request
from core.errors import UserError
from core.jobs.specs import EndpointSpec, Resources, TrainingSpec, TuningSpec
from core.training import metrics
from core.training import script as scripts
from core.tuning import space as spaces
from core.tuning.space import Range

ACCOUNT = Account("eu-central-1", "arn:aws:iam::123456789012:role/Fieldmark", "photos")
CLOSED = replace(
    ACCOUNT,
    subnets=("subnet-0a1b2c3d",),
    security_groups=("sg-0a1b2c3d",),
    kms_key="alias/key",
    network_isolation=True,
)
INPUTS = Inputs(
    "s3://photos/fieldmark/code/abc.tar.gz",
    "s3://photos/m/images.manifest",
    "s3://photos/m/manifest.csv",
    "s3://photos/w/",
    700,
)
SPACE = {
    "lr": Range("float", 1e-4, 1e-1, log=True),
    "batch_size": Range("int", 8, 64),
    "head": Range("choice", choices=("linear", "mlp")),
}


def training(**changes: Any) -> TrainingSpec:
    spec = TrainingSpec(
        "Zwölf Vögel, (fast) & cheap",
        "birds",
        "v1",
        {"preset": "fast"},
        resources=Resources("ml.m5.xlarge"),
    )
    return replace(spec, **changes)


def tuning(**changes: Any) -> TuningSpec:
    spec = TuningSpec(
        "Birds",
        "birds",
        "v1",
        {"epochs": "9"},
        spaces.as_dict(SPACE),
        resources=Resources("ml.m5.xlarge"),
        max_trials=12,
    )
    return replace(spec, **changes)


def check(operation: str, request: Mapping[str, Any]) -> None:
    model = get_session().get_service_model("sagemaker").operation_model(operation)
    report = ParamValidator().validate(request, model.input_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("account", [ACCOUNT, CLOSED])
@pytest.mark.parametrize(
    "resources",
    [Resources("ml.m5.xlarge"), Resources("ml.g5.xlarge", 2, spot=True, max_seconds=7200)],
)
def test_a_training_job_as_the_api_takes_it(account: Account, resources: Resources) -> None:
    request = job_request.training(training(resources=resources), account, INPUTS)
    check("CreateTrainingJob", request)
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == resources.max_seconds, (
        "every job has an end"
    )
    assert request["CheckpointConfig"]["S3Uri"].endswith(
        f"/jobs/{request['TrainingJobName']}/checkpoints"
    )
    assert ("-cu" in request["AlgorithmSpecification"]["TrainingImage"]) == (
        "g5" in resources.instance_type
    )
    if resources.spot:
        assert request["StoppingCondition"]["MaxWaitTimeInSeconds"] > resources.max_seconds


def test_it_is_marked_as_ours_in_characters_that_a_tag_takes() -> None:
    tags = {
        tag["Key"]: tag["Value"]
        for tag in job_request.training(training(), ACCOUNT, INPUTS)["Tags"]
    }
    assert tags["fieldmark"] == "1"
    assert tags["fieldmark:name"] == "Zwölf Vögel_ _fast_ _ cheap"


def test_without_a_network_the_code_comes_as_a_channel() -> None:
    request = job_request.training(training(), CLOSED, INPUTS)
    assert request["EnableNetworkIsolation"]
    assert (
        request["HyperParameters"]["sagemaker_submit_directory"]
        == "/opt/ml/input/data/code/abc.tar.gz"
    )
    assert [channel["ChannelName"] for channel in request["InputDataConfig"]] == [
        "images",
        "manifest",
        "weights",
        "code",
    ]
    assert (
        job_request.training(training(), ACCOUNT, INPUTS)["HyperParameters"][
            "sagemaker_submit_directory"
        ]
        == INPUTS.code
    )


@pytest.mark.parametrize(
    ("photos", "kind", "mode"), [(700, "ManifestFile", "File"), (1_000_000, "S3Prefix", "FastFile")]
)
def test_photos_are_copied_or_read_when_wanted(photos: int, kind: str, mode: str) -> None:
    """FastFile reads whole prefixes only, so it is never asked to read a list."""
    (channel,) = [
        c
        for c in job_request.channels(ACCOUNT, replace(INPUTS, photos=photos))
        if c["ChannelName"] == "images"
    ]
    assert (channel["DataSource"]["S3DataSource"]["S3DataType"], channel["InputMode"]) == (
        kind,
        mode,
    )


@pytest.mark.parametrize("resources", [None, Resources()])
def test_nothing_runs_on_a_machine_that_nobody_chose(resources: Resources | None) -> None:
    with pytest.raises(UserError) as refusal:
        job_request.training(training(resources=resources), ACCOUNT, INPUTS)
    assert refusal.value.field == "instance_type"


@pytest.mark.parametrize("account", [ACCOUNT, CLOSED])
@pytest.mark.parametrize(
    "changes",
    [
        {}, {"strategy": "random", "parallel": 4}, {"strategy": "grid"}, {"strategy": "hyperband"}, {"early_stopping": True},
        {"target": 0.9, "patience": 5, "max_seconds": 600.0}, {"baseline": False}, {"objective": "validation_loss"},
        {"resources": Resources("ml.m5.xlarge", spot=True)},
    ],
)  # fmt: skip
def test_a_tuning_job_as_the_api_takes_it(account: Account, changes: dict[str, Any]) -> None:
    spec = tuning(**changes)
    tuning_request.check(spec)
    request = tuning_request.build(spec, account, INPUTS)
    check("CreateHyperParameterTuningJob", request)
    config = request["HyperParameterTuningJobConfig"]
    known = {
        found["Name"]
        for found in request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    }
    assert config["HyperParameterTuningJobObjective"]["MetricName"] in known == set(metrics.NAMES)
    if spec.strategy != "grid":
        assert config["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 12 - spec.baseline, (
            "the baseline is one of the trials"
        )
    assert not set(spec.space) & set(request["TrainingJobDefinition"]["StaticHyperParameters"])


def test_a_grid_of_numbers_becomes_its_values_for_sagemakers_takes_categories_only() -> None:
    found = tuning_request.ranges({"lr": Range("float", 0.001, 0.1, log=True, points=3)}, grid=True)
    assert found == {
        "CategoricalParameterRanges": [{"Name": "lr", "Values": ["0.001", "0.01", "0.1"]}]
    }


def test_a_range_keeps_its_scale() -> None:
    found = tuning_request.ranges(SPACE, grid=False)
    assert found["ContinuousParameterRanges"] == [
        {"Name": "lr", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
    ]
    assert found["IntegerParameterRanges"] == [
        {"Name": "batch_size", "MinValue": "8", "MaxValue": "64", "ScalingType": "Linear"}
    ]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("patience", {"patience": 2}), ("max_seconds", {"max_seconds": 60.0}), ("max_trials", {"max_trials": 900}),
        ("early_stopping", {"strategy": "hyperband", "early_stopping": True}),
        ("arch", {"space": spaces.as_dict({"arch": Range("choice", choices=tuple(f"lite0@{n}" for n in range(64, 100)))})}),
    ],
)  # fmt: skip
def test_what_sagemakers_tuner_cannot_do_is_refused(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError) as refusal:
        tuning_request.check(tuning(**changes))
    assert refusal.value.field == field


def test_the_baseline_can_only_be_made_once_for_its_name_follows_from_the_tuning_job() -> None:
    spec = tuning()
    first, again = tuning_request.baseline(spec), tuning_request.baseline(spec)
    assert first == again
    assert first is not None
    assert (first.tuning_id, first.trial, dict(first.hyperparameters)) == (
        spec.id,
        1,
        {"epochs": "9"},
    )


@pytest.mark.parametrize(
    ("instance_type", "encrypts_itself"),
    [
        ("ml.m5.xlarge", False),
        ("ml.p3.2xlarge", False),
        ("ml.g4dn.xlarge", True),
        ("ml.g5.xlarge", True),
        ("ml.m5d.large", True),
        ("ml.p4d.24xlarge", True),
    ],
)
def test_a_volume_key_goes_only_to_instances_without_disks_of_their_own(
    instance_type: str, encrypts_itself: bool
) -> None:
    spec = training(resources=Resources(instance_type))
    machines = job_request.training(spec, CLOSED, INPUTS)["ResourceConfig"]
    assert ("VolumeKmsKeyId" in machines) is not encrypts_itself
    served = EndpointSpec("Birds", "fm-training-1", resources=Resources(instance_type))
    config = hosting.config_request(served, CLOSED)
    assert ("KmsKeyId" in config) is not encrypts_itself


@pytest.mark.parametrize(
    ("server", "instance_type", "asked"),
    [
        ("ray", "ml.g5.xlarge", "al2-ami-sagemaker-inference-gpu-3-1"),
        ("ray", "ml.m5.large", None),
        ("pytorch", "ml.g5.xlarge", None),
    ],
)
def test_the_ray_image_on_a_gpu_asks_for_a_host_with_its_driver(
    server: str, instance_type: str, asked: str | None
) -> None:
    resources = Resources(instance_type, server=server)
    spec = EndpointSpec("Birds", "fm-training-1", resources=resources)
    request = hosting.config_request(spec, ACCOUNT)
    check("CreateEndpointConfig", request)
    assert request["ProductionVariants"][0].get("InferenceAmiVersion") == asked


def test_a_serverless_endpoint_has_one_worker() -> None:
    for resources, workers in (
        (Resources(memory_mb=3072, concurrency=2), "1"),
        (Resources("ml.m5.large"), None),
    ):
        spec = EndpointSpec("Birds", "fm-training-1", resources=resources)
        request = hosting.model_request(spec, ACCOUNT, "s3://photos/m.tar.gz", batch=False)
        told = request["PrimaryContainer"]["Environment"]
        assert told.get("SAGEMAKER_MODEL_SERVER_WORKERS") == workers


def test_a_search_names_every_hyperparameter_for_a_warm_start_needs_as_many() -> None:
    numbers = set()
    for spec in (tuning(), tuning(fixed={}), tuning(space=spaces.as_dict({"lr": SPACE["lr"]}))):
        request = tuning_request.build(spec, ACCOUNT, INPUTS)
        static = request["TrainingJobDefinition"]["StaticHyperParameters"]
        searched = spaces.parse(spec.space)
        assert not set(static) & set(searched)
        assert {parameter.name for parameter in scripts.TABLE} <= {*static, *searched}
        numbers.add(len(static) + len(searched))
    assert len(numbers) == 1


def test_a_baseline_that_still_runs_counts_among_those_at_the_same_time() -> None:
    for parallel, beside, left in ((3, 0, 3), (3, 1, 2), (1, 1, 1)):
        request = tuning_request.build(tuning(parallel=parallel), ACCOUNT, INPUTS, beside=beside)
        limits = request["HyperParameterTuningJobConfig"]["ResourceLimits"]
        assert limits["MaxParallelTrainingJobs"] == left


@pytest.mark.parametrize(
    ("instance_type", "use", "words"),
    [
        ("ml.c5.large", "training", "doesn't offer ml.c5.large for training"),
        ("ml.c5.large", "batch", "doesn't offer"),
        ("ml.c7g.xlarge", "hosting", "ARM"),
        ("ml.p3.2xlarge", "training", "CUDA"),
        ("ml.unknown.large", "hosting", "doesn't offer"),
    ],
)
def test_an_instance_type_that_cannot_work_is_refused_before_the_upload(
    instance_type: str, use: instances.Use, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(UserError, match=words) as refusal:
        instances.check(instance_type, use, own_image=False)
    assert refusal.value.field == "instance_type"


def test_an_instance_type_that_works_and_an_image_of_ones_own_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    instances.check("ml.m5.xlarge", "training", own_image=False)
    instances.check("ml.c5.large", "hosting", own_image=False)
    instances.check("ml.c7g.xlarge", "hosting", own_image=True)
