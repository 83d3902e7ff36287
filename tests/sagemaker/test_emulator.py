"""The emulator with the project's own scripts: trained, watched, served, asked, transformed and deleted by plain boto3."""

from __future__ import annotations

import io
import json
import shutil
from functools import partial
from typing import Any

import pytest

from core.training import metrics
from tests import shapes
from tests.sagemaker import asking, making

BUCKET = "real-birds"


@pytest.fixture(scope="module")
def trained(emulator: asking.Emulator) -> dict[str, Any]:
    """The description of a finished training job."""
    s3, sagemaker = emulator.client("s3"), emulator.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    making.put_real(s3, BUCKET)
    sagemaker.create_training_job(**making.real_training(BUCKET, "real-1"))
    return making.finished(sagemaker, "real-1")


@pytest.fixture(scope="module")
def model(emulator: asking.Emulator, trained: dict[str, Any]) -> str:
    container = {
        "Image": making.SERVING_IMAGE,
        "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {},
    }
    emulator.client("sagemaker").create_model(
        ModelName="real", ExecutionRoleArn=asking.ROLE, PrimaryContainer=container
    )
    return "real"


@pytest.fixture(scope="module")
def endpoint(emulator: asking.Emulator, model: str) -> str:
    """In service; the last test deletes it."""
    sagemaker = emulator.client("sagemaker")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="real", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="real", EndpointConfigName="real")
    assert sagemaker.describe_endpoint(EndpointName="real")["EndpointStatus"] == "Creating"
    with pytest.raises(
        sagemaker.exceptions.ClientError, match="Cannot update in-progress endpoint"
    ):
        sagemaker.delete_endpoint(EndpointName="real")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="real", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return "real"


def photo(name: str, number: int = 40) -> bytes:
    buffer = io.BytesIO()
    shapes.photo(name, number).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_projects_script_trains_a_model_in_a_container(
    emulator: asking.Emulator, trained: dict[str, Any]
) -> None:
    said = making.log(emulator, "real-1")
    assert trained["TrainingJobStatus"] == "Completed", (trained.get("FailureReason"), said)
    assert making.phases(trained) == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    files = making.unpacked(emulator.client("s3"), trained["ModelArtifacts"]["S3ModelArtifacts"])
    assert json.loads(files["model.json"])["classes"] == sorted(shapes.CLASSES)
    assert "code/inference.py" in files
    output = making.unpacked(
        emulator.client("s3"), f"s3://{BUCKET}/out/real-1/output/output.tar.gz"
    )
    assert "predictions.npz" in output


def test_its_log_and_its_final_metrics_say_the_same(
    emulator: asking.Emulator, trained: dict[str, Any]
) -> None:
    rows = [row for row in map(metrics.parse, making.log(emulator, "real-1")) if row]
    final = {item["MetricName"]: item["Value"] for item in trained["FinalMetricDataList"]}
    last = {name: next(row[name] for row in reversed(rows) if name in row) for name in final}
    assert final["test_accuracy"] >= 0.9
    assert final == pytest.approx(last)


def test_its_model_answers_over_an_endpoint(emulator: asking.Emulator, endpoint: str) -> None:
    runtime = emulator.client("sagemaker-runtime")
    for name in shapes.CLASSES:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint,
            Body=photo(name),
            ContentType="image/png",
            Accept="application/json",
        )
        assert answer["InvokedProductionVariant"] == "AllTraffic"
        assert json.load(answer["Body"])["predictions"][0]["label"] == name


@pytest.mark.skipif(
    not shutil.which("java"),
    reason="TorchServe needs Java (on Debian: apt install openjdk-17-jre-headless)",
)
def test_torchserve_gives_the_same_answers(emulator: asking.Emulator, endpoint: str) -> None:
    """AWS's whole serving stack, Java front end and all, with the same artifact."""
    sagemaker = emulator.client("sagemaker")
    with emulator.settings(server="torchserve", ping_seconds=300):
        sagemaker.create_endpoint(EndpointName="torchserve", EndpointConfigName="real")
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName="torchserve", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
    for body in map(photo, shapes.CLASSES):
        ours, theirs = (
            asking.wait_for(partial(answer, emulator, name, body), f"{name}'s answer")
            for name in (endpoint, "torchserve")
        )
        assert theirs["predictions"] == ours["predictions"]
    sagemaker.delete_endpoint(EndpointName="torchserve")
    asking.wait_for(lambda: not emulator.processes("serve_torchserve"), "the end of TorchServe")


def answer(emulator: asking.Emulator, name: str, body: bytes) -> dict[str, Any] | None:
    """Return what an endpoint says about a photo; None as long as its worker has no model yet, for
    /ping says nothing about that."""
    runtime = emulator.client("sagemaker-runtime")
    try:
        return json.load(
            runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="image/png")["Body"]
        )
    except runtime.exceptions.ModelError:
        return None


def test_what_the_container_refuses_is_a_model_error(
    emulator: asking.Emulator, endpoint: str
) -> None:
    runtime = emulator.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="text/csv is not accepted") as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1,2", ContentType="text/csv")
    assert caught.value.response["OriginalStatusCode"] == 500
    with pytest.raises(runtime.exceptions.ValidationError, match="6291456"):
        runtime.invoke_endpoint(
            EndpointName=endpoint, Body=b"x" * 6_291_457, ContentType="image/png"
        )


def test_a_transform_job_answers_for_every_object(emulator: asking.Emulator, model: str) -> None:
    sagemaker, s3 = emulator.client("sagemaker"), emulator.client("s3")
    for name in shapes.CLASSES:
        s3.put_object(Bucket=BUCKET, Key=f"asked/{name}/one.png", Body=photo(name))
    sagemaker.create_transform_job(
        TransformJobName="real",
        ModelName=model,
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/asked/"}
            },
            "ContentType": "image/png",
        },
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/answers", "Accept": "application/json"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName="real", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    for name in shapes.CLASSES:
        answer = json.load(s3.get_object(Bucket=BUCKET, Key=f"answers/{name}/one.png.out")["Body"])
        assert answer["predictions"][0]["label"] == name


def test_a_deleted_endpoint_is_gone_with_its_processes(
    emulator: asking.Emulator, model: str, endpoint: str
) -> None:
    sagemaker = emulator.client("sagemaker")
    before = emulator.processes("serve_python")
    sagemaker.delete_endpoint(EndpointName=endpoint)
    assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Deleting"
    sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert [
        row["EndpointName"] for row in sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"]
    ] == []
    assert len(emulator.processes("serve_python")) == len(before) - 1
    sagemaker.describe_endpoint_config(EndpointConfigName="real")
    sagemaker.describe_model(ModelName=model)
