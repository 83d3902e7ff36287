"""Endpoints and transform jobs of the emulator with an inference.py of a few lines: limits, capture, updates, faults of the container."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sagemaker import asking, making
from tests.sagemaker.emulator import container

BUCKET = "small-serving"
INFERENCE = """
import json, os, time
def model_fn(folder):
    if os.environ.get("BROKEN"):
        raise RuntimeError("cannot be loaded")
    global kept
    kept = b"x" * (1 << 20) * int(os.environ.get("MEGABYTES", "0"))
    return open(os.path.join(folder, "name.txt")).read()
def input_fn(body, kind):
    if body == b"bad":
        raise ValueError("this is bad")
    if body == b"slow":
        time.sleep(2)
    return len(body)
def predict_fn(size, model):
    return {"model": model, "size": size, "routes": open("/proc/net/route").read().count("\\n")}
def output_fn(answer, accept):
    return json.dumps(answer)
"""

CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{BUCKET}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
}


@pytest.fixture(scope="module")
def models(emulator: asking.Emulator) -> asking.Emulator:
    """Models called first, second, alone (one worker), isolated (no network), large (over a gigabyte), broken (can't be loaded), empty (no archive)."""
    s3, sagemaker = emulator.client("s3"), emulator.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    for name in ("first", "second"):
        s3.put_object(
            Bucket=BUCKET,
            Key=f"{name}.tar.gz",
            Body=making.archive(
                {"name.txt": name.encode(), "code/inference.py": INFERENCE.encode()}
            ),
        )
    s3.put_object(Bucket=BUCKET, Key="empty.tar.gz", Body=b"")
    for name, key, variables in (
        ("first", "first", {}),
        ("second", "second", {}),
        ("alone", "first", {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}),
        ("isolated", "first", {}),
        ("large", "first", {"MEGABYTES": "1200"}),
        ("broken", "first", {"BROKEN": "1"}),
        ("empty", "empty", {}),
    ):
        environment = {**making.PLAIN_SERVING, **variables, "WHOSE": name}
        container = {
            "Image": making.SERVING_IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/{key}.tar.gz",
            "Environment": environment,
        }
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=asking.ROLE,
            PrimaryContainer=container,
            EnableNetworkIsolation=name == "isolated",
        )
    return emulator


def deploy(
    emulator: asking.Emulator,
    name: str,
    model: str,
    serverless: dict[str, int] | None = None,
    **config: Any,
) -> dict[str, Any]:
    """Return the endpoint as it is once it is no longer being made."""
    sagemaker = emulator.client("sagemaker")
    machine = (
        {"ServerlessConfig": serverless}
        if serverless
        else {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": model, **machine}],
        **config,
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return settled(emulator, name)


def settled(emulator: asking.Emulator, name: str) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        row = emulator.client("sagemaker").describe_endpoint(EndpointName=name)
        return row if row["EndpointStatus"] not in ("Creating", "Updating") else None

    return asking.wait_for(done, f"the end of {name}'s start")


def ask(emulator: asking.Emulator, name: str, body: bytes = b"12345") -> dict[str, Any]:
    answer = emulator.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=body, ContentType="application/x-image"
    )
    return json.load(answer["Body"])


@pytest.fixture(scope="module")
def captured(models: asking.Emulator) -> Iterator[str]:
    """A real-time endpoint of the model `first` that keeps all it is asked."""
    row = deploy(models, "captured", "first", DataCaptureConfig=CAPTURE)
    assert row["EndpointStatus"] == "InService", row.get("FailureReason")
    yield "captured"
    models.client("sagemaker").delete_endpoint(EndpointName="captured")


def test_requests_and_answers_are_captured(models: asking.Emulator, captured: str) -> None:
    ask(models, captured, b"seven b")
    s3 = models.client("s3")
    keys = [
        item["Key"]
        for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"captured/{captured}/AllTraffic/")[
            "Contents"
        ]
    ]
    lines = [json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in keys]
    parts = [
        line["captureData"]
        for line in lines
        if base64.b64decode(line["captureData"]["endpointInput"]["data"]) == b"seven b"
    ]
    output = parts[0]["endpointOutput"]
    assert output["encoding"] == "BASE64", "no header names its type"
    assert json.loads(base64.b64decode(output["data"]))["size"] == 7


def test_types_that_the_configuration_names_are_captured_as_text(
    models: asking.Emulator, captured: str
) -> None:
    capture = {
        **CAPTURE,
        "DestinationS3Uri": f"s3://{BUCKET}/named",
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }
    deploy(models, "named", "first", DataCaptureConfig=capture)
    ask(models, "named")
    s3 = models.client("s3")
    (found,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="named/named/")["Contents"]
    line = json.loads(s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read())
    output = line["captureData"]["endpointOutput"]
    assert (output["encoding"], json.loads(output["data"])["size"]) == ("JSON", 5)
    models.client("sagemaker").delete_endpoint(EndpointName="named")


def test_what_the_script_raises_is_a_server_error_with_its_words(
    models: asking.Emulator, captured: str
) -> None:
    with pytest.raises(ClientError, match="this is bad") as caught:
        ask(models, captured, b"bad")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 500
    assert ask(models, captured)["size"] == 5


def test_cloudwatch_counts_invocations_and_errors(models: asking.Emulator, captured: str) -> None:
    def sums() -> dict[str, float]:
        found = {}
        for name in ("Invocations", "Invocation5XXErrors", "ModelLatency"):
            points = models.client("cloudwatch").get_metric_statistics(
                Namespace="AWS/SageMaker",
                MetricName=name,
                Dimensions=[
                    {"Name": "EndpointName", "Value": captured},
                    {"Name": "VariantName", "Value": "AllTraffic"},
                ],
                StartTime=time.time() - 600,
                EndTime=time.time() + 60,
                Period=60,
                Statistics=["Sum"],
            )["Datapoints"]
            found[name] = sum(point["Sum"] for point in points)
        return found

    before = sums()
    ask(models, captured)
    with pytest.raises(ClientError):
        ask(models, captured, b"bad")

    def counted() -> bool:
        now = sums()
        more = {name: now[name] - before[name] for name in now}
        return (
            more["Invocations"] >= 2
            and more["Invocation5XXErrors"] >= 1
            and more["ModelLatency"] > 0
        )

    asking.wait_for(counted, "the count")


def test_an_update_swaps_the_model_and_keeps_the_endpoint(
    models: asking.Emulator, captured: str
) -> None:
    sagemaker = models.client("sagemaker")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "second",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="newer", ProductionVariants=[variant])
    sagemaker.create_endpoint_config(
        EndpointConfigName="worse", ProductionVariants=[{**variant, "ModelName": "empty"}]
    )
    assert ask(models, captured)["model"] == "first"
    with models.settings(endpoint_seconds=asking.HELD):
        sagemaker.update_endpoint(EndpointName=captured, EndpointConfigName="newer")
        assert sagemaker.describe_endpoint(EndpointName=captured)["EndpointStatus"] == "Updating"
        assert ask(models, captured)["model"] == "first"
    assert settled(models, captured)["EndpointConfigName"] == "newer"
    assert ask(models, captured)["model"] == "second"
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=captured, DesiredWeightsAndCapacities=wanted
    )
    assert settled(models, captured)["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    sagemaker.update_endpoint(EndpointName=captured, EndpointConfigName="worse")
    row = settled(models, captured)
    assert (row["EndpointStatus"], row["EndpointConfigName"]) == ("InService", "newer")
    assert "unpacked" in row["FailureReason"]
    assert ask(models, captured)["model"] == "second"


def test_a_model_that_cannot_be_loaded_passes_the_ping_and_answers_nothing(
    models: asking.Emulator,
) -> None:
    """As TorchServe does: whoever trusts InService alone is deceived."""
    row = deploy(models, "broken", "broken", {"MemorySizeInMB": 3072, "MaxConcurrency": 2})
    assert row["EndpointStatus"] == "InService"
    with pytest.raises(ClientError, match="Worker died"):
        ask(models, "broken")
    said = asking.wait_for(
        lambda: making.log(models, "AllTraffic", "/aws/sagemaker/Endpoints/broken"), "its log"
    )
    assert any("cannot be loaded" in line for line in said)
    with pytest.raises(ClientError, match="4194304"):
        ask(models, "broken", b"x" * 4_194_305)
    models.client("sagemaker").delete_endpoint(EndpointName="broken")


@pytest.mark.skipif(
    bool(container.why_no_mounts()), reason=f"no Linux namespaces here: {container.why_no_mounts()}"
)
def test_an_isolated_model_answers_without_a_network(models: asking.Emulator) -> None:
    deploy(models, "isolated", "isolated")
    assert ask(models, "isolated")["routes"] == 0
    models.client("sagemaker").delete_endpoint(EndpointName="isolated")


def test_a_worker_for_each_vcpu_unless_told_otherwise(models: asking.Emulator) -> None:
    for name, expected in (("first", min(2, os.cpu_count() or 1)), ("alone", 1)):
        deploy(models, name, name)
        (server,) = [
            process
            for process in models.processes("serve_python")
            if process.environ().get("WHOSE") == name
        ]
        # A worker may still be about to be made when the first one answers.
        asking.wait_for(
            lambda server=server, expected=expected: len(server.children()) + 1 == expected,
            f"{expected} workers of {name}",
        )
        models.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("pytorch-inference:2.6.0-cpu-py312", "ml.m6g.large"),
        ("ray:serve-ml-sagemaker-cuda-v1.4", "ml.g5.xlarge"),
    ],
)
def test_an_image_of_another_machine_cannot_start(
    models: asking.Emulator, image: str, kind: str
) -> None:
    """Graviton processors want images of their own, the newest CUDA a newer driver than the default's."""
    sagemaker, name = models.client("sagemaker"), f"unfit-{kind.split('.')[1]}"
    registry = making.SERVING_IMAGE.partition("/")[0]
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=asking.ROLE,
        PrimaryContainer={
            "Image": f"{registry}/{image}",
            "ModelDataUrl": f"s3://{BUCKET}/first.tar.gz",
        },
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": kind,
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    with models.settings(quotas={f"{kind} for endpoint usage": 1}):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert "CannotStartContainerError" in settled(models, name)["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_serverless_endpoint_answers_as_many_as_it_may(models: asking.Emulator) -> None:
    row = deploy(models, "few", "first", {"MemorySizeInMB": 3072, "MaxConcurrency": 1})
    assert row["ProductionVariants"][0]["CurrentServerlessConfig"]["MaxConcurrency"] == 1
    once = models.client("sagemaker-runtime", retries={"total_max_attempts": 1})

    def refused() -> bool:
        try:
            once.invoke_endpoint(EndpointName="few", Body=b"x", ContentType="application/x-image")
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "ThrottlingException")
        return False

    with ThreadPoolExecutor(1) as pool:
        slow = [pool.submit(ask, models, "few", b"slow")]

        def refused_meanwhile() -> bool:
            if slow[-1].done():  # a busy machine may let one pass unseen
                slow.append(pool.submit(ask, models, "few", b"slow"))
            return refused()

        asking.wait_for(refused_meanwhile, "the refusal of a second request")
        assert slow[-1].result()["size"] == 4
    models.client("sagemaker").delete_endpoint(EndpointName="few")


def test_a_serverless_endpoint_fails_where_its_memory_is_too_small(models: asking.Emulator) -> None:
    row = deploy(models, "large", "large", {"MemorySizeInMB": 1024, "MaxConcurrency": 1})
    assert row["EndpointStatus"] == "Failed"
    assert "MemorySizeInMB" in row["FailureReason"]
    models.client("sagemaker").delete_endpoint(EndpointName="large")


def test_an_endpoint_that_does_not_start_says_why(models: asking.Emulator) -> None:
    row = deploy(models, "empty", "empty")
    assert row["EndpointStatus"] == "Failed"
    assert "unpacked" in row["FailureReason"]
    models.ask("POST", "fail", kind="endpoint", reason="Insufficient capacity for ml.m5.large")
    models.client("sagemaker").create_endpoint(EndpointName="no-room", EndpointConfigName="empty")
    assert settled(models, "no-room")["FailureReason"] == "Insufficient capacity for ml.m5.large"
    for name in ("empty", "no-room"):
        models.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("serverless", "reason"),
    [
        ({"MemorySizeInMB": 1500, "MaxConcurrency": 1}, "one of 1024"),
        ({"MemorySizeInMB": 7168, "MaxConcurrency": 1}, "6144"),
        ({"MemorySizeInMB": 2048, "MaxConcurrency": 201}, "200"),
    ],
)
def test_serverless_limits(
    models: asking.Emulator, serverless: dict[str, int], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason):
        deploy(models, "too-much", "first", serverless)


def test_a_transform_job_goes_on_after_a_bad_object_and_fails(models: asking.Emulator) -> None:
    s3, sagemaker = models.client("s3"), models.client("sagemaker")
    for name, body in {
        "a.png": b"a",
        "sub/b.png": b"bad",
        "c.png": b"ccc",
        "left-out.png": b"x",
    }.items():
        s3.put_object(Bucket=BUCKET, Key=f"asked/{name}", Body=body)
    s3.put_object(
        Bucket=BUCKET,
        Key="asked.manifest",
        Body=json.dumps(
            [{"prefix": f"s3://{BUCKET}/asked/"}, "a.png", "sub/b.png", "c.png"]
        ).encode(),
    )
    source = {
        "S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/asked.manifest"}
    }
    sagemaker.create_transform_job(
        TransformJobName="mixed",
        ModelName="first",
        MaxConcurrentTransforms=2,
        TransformInput={"DataSource": source, "ContentType": "application/x-image"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/answers/"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 2},
    )

    def ended() -> dict[str, Any] | None:
        row = sagemaker.describe_transform_job(TransformJobName="mixed")
        return row if row["TransformJobStatus"] in ("Completed", "Failed", "Stopped") else None

    row = asking.wait_for(ended, "the end of the transform job")
    assert (row["TransformJobStatus"], row["FailureReason"]) == (
        "Failed",
        "AlgorithmError: See job logs for more information",
    )
    written = {
        item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="answers/")["Contents"]
    }
    assert written == {"answers/a.png.out", "answers/c.png.out"}
    assert any(
        "asked/sub/b.png" in line and "this is bad" in line
        for line in making.log(models, "mixed", "/aws/sagemaker/TransformJobs")
    )
