"""The emulator refuses what AWS refuses at once: asked by plain boto3, and nothing here starts a container."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sagemaker import asking, making

BUCKET = "small-rules"
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def rules(emulator: asking.Emulator) -> asking.Emulator:
    """The emulator with a bucket that holds a script, data and an artifact."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    script = making.archive({"train.py": b"print('accuracy=1')"})
    for key, body in {"code.tar.gz": script, "data/one.txt": b"1", "model.tar.gz": b""}.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    return emulator


def job(name: str = "never-made", **more: Any) -> dict[str, Any]:
    values = making.hyperparameters(BUCKET, "code.tar.gz")
    return {"TrainingJobName": name, "HyperParameters": values, **making.definition(BUCKET, **more)}


def algorithm(**more: Any) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {
            "TrainingImage": making.IMAGE,
            "TrainingInputMode": "File",
            **more,
        }
    }


def model(name: str, image: str = making.SERVING_IMAGE, **more: Any) -> dict[str, Any]:
    container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    return {
        "ModelName": name,
        "ExecutionRoleArn": asking.ROLE,
        "PrimaryContainer": container,
        **more,
    }


def machines(kind: str = "ml.m5.large", **more: Any) -> dict[str, Any]:
    return {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 1, **more}


def transform(**more: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}}
    return {
        "TransformJobName": "never-made",
        "ModelName": "rules",
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/answers"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **more,
    }


def refused(call: Any, request: dict[str, Any], reason: str, code: str) -> None:
    with pytest.raises(ClientError, match=reason) as caught:
        call(**request)
    assert caught.value.response["Error"]["Code"] == code


def other_role(emulator: asking.Emulator, service: str) -> str:
    """Return a role that only `service` may assume."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = emulator.client("iam")
    found = iam.create_role(RoleName=service.split(".")[0], AssumeRolePolicyDocument=trust)
    return str(found["Role"]["Arn"])


def test_a_broken_metric_expression_is_refused_and_leaves_nothing(rules: asking.Emulator) -> None:
    sagemaker = rules.client("sagemaker")
    broken = algorithm(MetricDefinitions=[{"Name": "loss", "Regex": "loss=([0-9"}])
    refused(sagemaker.create_training_job, job(**broken), "Invalid regular", "ValidationException")
    assert not sagemaker.list_training_jobs(NameContains="never-made")["TrainingJobSummaries"]
    rules.ask("POST", "sweep", since=2e10)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([{"Key": "aws:mine", "Value": "1"}], "aws: prefixed tag key"),
        ([{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}], "Duplicate tag keys"),
    ],
)
def test_tags_that_nothing_can_have_are_refused(
    rules: asking.Emulator, tags: list[dict[str, str]], reason: str
) -> None:
    sagemaker = rules.client("sagemaker")
    refused(sagemaker.create_training_job, job(Tags=tags), reason, "ValidationException")
    refused(sagemaker.create_model, model("never-made", Tags=tags), reason, "ValidationException")


def test_the_role_must_be_one_that_sagemaker_may_assume(rules: asking.Emulator) -> None:
    sagemaker = rules.client("sagemaker")
    nobody = "arn:aws:iam::123456789012:role/nobody"
    for role in (nobody, other_role(rules, "ec2.amazonaws.com")):
        for call, asked in (
            (sagemaker.create_training_job, job(RoleArn=role)),
            (sagemaker.create_model, model("never-made", ExecutionRoleArn=role)),
        ):
            refused(call, asked, f"Could not assume role {role}", "ValidationException")
    strange = job(RoleArn="arn:aws:iam::999999999999:role/theirs")
    refused(sagemaker.create_training_job, strange, "Cross-account", "AccessDeniedException")


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (making.IMAGE.replace("us-east-1", "eu-west-1"), "must be in the region us-east-1"),
        (f"{REGISTRY}/pytorsch:2.14-cpu", "Cannot find repository: pytorsch"),
        ("registry.example.com/own:1", "TrainingRepositoryAccessMode set to VPC"),
    ],
)
def test_a_training_image_must_be_in_a_repository_of_the_region(
    rules: asking.Emulator, image: str, reason: str
) -> None:
    refused(
        rules.client("sagemaker").create_training_job,
        job(**algorithm(TrainingImage=image)),
        reason,
        "ValidationException",
    )


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (making.SERVING_IMAGE.replace("us-east-1", "eu-west-1"), "must be in the region us-east-1"),
        (f"{REGISTRY}/pytorch-inference:newest", "Requested image .* not found"),
        ("registry.example.com/own:1", "Using non-ECR image"),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/none:1", "Cannot find repository: none"),
    ],
)
def test_a_serving_image_must_be_there(rules: asking.Emulator, image: str, reason: str) -> None:
    refused(
        rules.client("sagemaker").create_model,
        model("never-made", image),
        reason,
        "ValidationException",
    )


def test_a_role_that_may_not_pull_or_list_is_refused(rules: asking.Emulator) -> None:
    create = rules.client("sagemaker").create_training_job
    with rules.settings(role_denied=["ecr:*"]):
        refused(create, job(), "Access denied for repository", "ValidationException")
    data = [making.channel("images", f"s3://{BUCKET}/data/")]
    with rules.settings(role_denied=["s3:ListBucket"]):
        refused(create, job(InputDataConfig=data), "s3:ListBucket", "ValidationException")


@pytest.mark.parametrize("uri", ["s3://no-such-bucket-anywhere/x", f"s3://{BUCKET}/nothing/"])
def test_data_that_is_not_there_is_refused(rules: asking.Emulator, uri: str) -> None:
    sagemaker = rules.client("sagemaker")
    asked = job(InputDataConfig=[making.channel("images", uri)])
    missing = f'No S3 objects found under S3 URL "{uri}"'
    refused(sagemaker.create_training_job, asked, missing, "ValidationException")
    sagemaker.create_model(**model(f"rules-{len(uri)}"))
    batch = transform(ModelName=f"rules-{len(uri)}")
    batch["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = uri
    refused(sagemaker.create_transform_job, batch, missing, "ValidationException")


def test_an_output_bucket_that_is_not_there_is_refused(rules: asking.Emulator) -> None:
    output = {"S3OutputPath": "s3://no-such-bucket-anywhere/out"}
    refused(
        rules.client("sagemaker").create_training_job,
        job(OutputDataConfig=output),
        "the bucket no-such-bucket-anywhere does not exist",
        "ValidationException",
    )


def test_keys_and_networks_must_be_there(rules: asking.Emulator) -> None:
    create = rules.client("sagemaker").create_training_job
    network = {"Subnets": ["subnet-0a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]}
    refused(create, job(VpcConfig=network), "subnet-0a1b2c3d", "ValidationException")
    output = {"S3OutputPath": f"s3://{BUCKET}/out", "KmsKeyId": "alias/none"}
    refused(create, job(OutputDataConfig=output), "alias/none", "ValidationException")


@pytest.mark.parametrize("kind", ["ml.g4dn.xlarge", "ml.g5.xlarge"])
def test_no_volume_key_where_the_disks_are_the_machines_own(
    rules: asking.Emulator, kind: str
) -> None:
    sagemaker = rules.client("sagemaker")
    asked = job(ResourceConfig=machines(kind, VolumeKmsKeyId="alias/aws/s3"))
    refused(sagemaker.create_training_job, asked, "local storage", "ValidationException")
    resources = {"InstanceType": kind, "InstanceCount": 1, "VolumeKmsKeyId": "alias/aws/s3"}
    batch = transform(TransformResources=resources)
    refused(sagemaker.create_transform_job, batch, "local storage", "ValidationException")


def test_a_job_is_neither_longer_nor_larger_than_the_quota(rules: asking.Emulator) -> None:
    create = rules.client("sagemaker").create_training_job
    longest = job(StoppingCondition={"MaxRuntimeInSeconds": 6 * 86_400})
    refused(
        create,
        longest,
        "'Longest run time for a training job' is 432000 Seconds",
        "ResourceLimitExceeded",
    )
    largest = job(ResourceConfig={**machines(), "InstanceCount": 21})
    refused(create, largest, "Maximum number of instances per training", "ResourceLimitExceeded")


def test_what_the_emulator_does_not_do_is_refused(rules: asking.Emulator) -> None:
    sagemaker = rules.client("sagemaker")
    sagemaker.create_model(**model("rules-plain"))
    batch = transform(ModelName="rules-plain", BatchStrategy="MultiRecord")
    refused(sagemaker.create_transform_job, batch, "no MultiRecord", "ValidationException")
    config = {
        "EndpointConfigName": "never-made",
        "ProductionVariants": [
            {
                "VariantName": "one",
                "ModelName": "rules-plain",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/later"}},
    }
    refused(
        sagemaker.create_endpoint_config, config, "no asynchronous endpoints", "ValidationException"
    )


# Serverless


@pytest.mark.parametrize(
    ("name", "change", "config", "reason"),
    [
        ("isolated", {"EnableNetworkIsolation": True}, {}, "network isolation"),
        ("inside", {"VpcConfig": {}}, {}, "VPC configuration"),
        ("gpu", {"image": f"{REGISTRY}/pytorch-inference:2.6.0-gpu-py312"}, {}, "for GPUs"),
        ("captured", {}, {"DataCaptureConfig": {}}, "data capture"),
        ("two", {}, {"variants": 2}, "multiple production variants"),
        ("private", {"private": True}, {}, "private Docker registry"),
        ("provisioned", {}, {"provisioned": 3}, "ProvisionedConcurrency"),
    ],
)
def test_what_serverless_endpoints_cannot_have_is_refused(
    rules: asking.Emulator,
    name: str,
    change: dict[str, Any],
    config: dict[str, Any],
    reason: str,
) -> None:
    sagemaker, name = rules.client("sagemaker"), f"serverless-{name}"
    sagemaker.create_model(**changed_model(rules, name, dict(change)))
    refused(
        sagemaker.create_endpoint_config,
        changed_config(name, config),
        reason,
        "ValidationException",
    )


def changed_model(rules: asking.Emulator, name: str, change: dict[str, Any]) -> dict[str, Any]:
    asked = model(name, change.pop("image", making.SERVING_IMAGE))
    if change.pop("private", False):
        asked["PrimaryContainer"]["Image"] = "registry.example.com/own:1"
        asked["PrimaryContainer"]["ImageConfig"] = {"RepositoryAccessMode": "Vpc"}
    if "VpcConfig" in change:
        change["VpcConfig"] = making.network(rules)
    return {**asked, **change}


def changed_config(name: str, change: dict[str, Any]) -> dict[str, Any]:
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 2}
    if "provisioned" in change:
        serverless["ProvisionedConcurrency"] = change["provisioned"]
    variants = [
        {"VariantName": f"v{number}", "ModelName": name, "ServerlessConfig": serverless}
        for number in range(change.get("variants", 1))
    ]
    asked: dict[str, Any] = {"EndpointConfigName": name, "ProductionVariants": variants}
    if "DataCaptureConfig" in change:
        asked["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        }
    return asked


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"MemorySizeInMB": 4096, "MaxConcurrency": 1}, "per serverless endpoint' is 3072 MBs"),
        ({"MemorySizeInMB": 1024, "MaxConcurrency": 11}, "is 10 Invocations"),
    ],
)
def test_a_new_account_has_little_room_for_serverless_endpoints(
    rules: asking.Emulator, config: dict[str, int], reason: str
) -> None:
    sagemaker, name = rules.client("sagemaker"), f"room-{config['MemorySizeInMB']}"
    sagemaker.create_model(**model(name))
    variant = {"VariantName": "one", "ModelName": name, "ServerlessConfig": config}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    asked = {"EndpointName": name, "EndpointConfigName": name}
    refused(sagemaker.create_endpoint, asked, reason, "ResourceLimitExceeded")


# Seen late


def test_what_was_just_created_is_not_found_at_once(rules: asking.Emulator) -> None:
    sagemaker = rules.client("sagemaker")
    with rules.settings(stale_seconds=asking.HELD):
        sagemaker.create_model(**model("unseen"))
        variant = {
            "VariantName": "one",
            "ModelName": "unseen",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        config = {"EndpointConfigName": "unseen", "ProductionVariants": [variant]}
        describe = {"ModelName": "unseen"}
        missing = 'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/unseen"'
        refused(sagemaker.describe_model, describe, missing, "ValidationException")
        refused(sagemaker.create_endpoint_config, config, missing, "ValidationException")
    assert rules.ask("GET", "")["settings"]["stale_seconds"] > 0, "by default as well"
    assert sagemaker.describe_model(ModelName="unseen")["ModelName"] == "unseen"
