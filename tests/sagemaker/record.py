"""Walks a real account once, for well under a dollar, and keeps what it answered, without the account's data.

    make aws-record ROLE=arn:aws:iam::<account>:role/<name> BUCKET=<bucket>

trains for seconds on one ml.m5.large, serves the result serverless, asks it once, has a few requests refused, and removes what it made.
The answers go to tests/fixtures/aws_answers.json, which test_record.py compares with the emulator's.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from core import settings
from tests.sagemaker import making

ANSWERS = settings.PROJECT / "tests" / "fixtures" / "aws_answers.json"
MAX_SECONDS = 1800
SCRIPT = b"""
import os
from pathlib import Path
print("accuracy=0.5", flush=True)
code = Path(os.environ["SM_MODEL_DIR"], "code")
code.mkdir()
(code / "inference.py").write_text('''
import json
def model_fn(folder):
    return folder
def input_fn(body, kind):
    return len(body)
def predict_fn(size, model):
    return size
def output_fn(size, accept):
    return json.dumps({"size": size})
''')
"""
Clients = Callable[[str], Any]
Answer = dict[str, Any]


class Walk:
    """One way through the API; `answers` holds what each step was told."""

    def __init__(self, clients: Clients, role: str, bucket: str, region: str, pause: float) -> None:
        """`pause` is how many seconds to wait between two looks at what takes its time."""
        self.sagemaker, self.s3 = clients("sagemaker"), clients("s3")
        self.runtime, self.sts = clients("sagemaker-runtime"), clients("sts")
        self.role, self.bucket, self.region, self.pause = role, bucket, region, pause
        self.name = f"fieldmark-record-{secrets.token_hex(4)}"
        self.answers: dict[str, Answer] = {}

    def run(self) -> dict[str, Answer]:
        """Return the answers by step. What was made is removed, however it ends."""
        try:
            self._prepare()
            self._refusals()
            self._train()
            self._serve()
        finally:
            self._remove()
        return scrubbed(self.answers, [(self.name, "name"), (self.bucket, "bucket")], self.role)

    def _keep(self, step: str, call: Any, **request: Any) -> Answer:
        """Ask, again for a while where what is asked for is not to be seen yet, and keep the answer."""
        for _ in range(10):
            answer = _asked(call, request)
            if not str(answer.get("Error", {}).get("Message", "")).startswith("Could not find"):
                break
            time.sleep(self.pause)
        self.answers[step] = answer
        return answer

    def _prepare(self) -> None:
        self._keep("identity", self.sts.get_caller_identity)
        self._keep("bucket", self.s3.head_bucket, Bucket=self.bucket)
        for key, body in {
            "code.tar.gz": making.archive({"train.py": SCRIPT}),
            "data/a": b"1",
        }.items():
            self.s3.put_object(Bucket=self.bucket, Key=f"{self.name}/{key}", Body=body)

    def _job(self, **more: Any) -> dict[str, Any]:
        place = f"s3://{self.bucket}/{self.name}"
        values = making.hyperparameters(self.bucket, f"{self.name}/code.tar.gz")
        values["sagemaker_region"] = self.region
        definition = making.definition(self.bucket, Environment={}, RoleArn=self.role)
        definition["AlgorithmSpecification"]["TrainingImage"] = self._here(making.IMAGE)
        definition["OutputDataConfig"] = {"S3OutputPath": f"{place}/out"}
        data = [making.channel("data", f"{place}/data/")]
        return {
            "TrainingJobName": self.name,
            "HyperParameters": values,
            "InputDataConfig": data,
            **definition,
            **more,
        }

    def _here(self, image: str) -> str:
        return image.replace("us-east-1", self.region)

    def _refusals(self) -> None:
        """Requests that cost nothing, for each is wrong in one way."""
        account = self.role.split(":")[4]
        machines = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
        wrong: dict[str, dict[str, Any]] = {
            "role that is not there": {"RoleArn": f"arn:aws:iam::{account}:role/{self.name}"},
            "data that is not there": {
                "InputDataConfig": [making.channel("data", f"s3://{self.bucket}/{self.name}/none/")]
            },
            "reserved tag": {"Tags": [{"Key": "aws:mine", "Value": "1"}]},
            "longer than the quota": {"StoppingCondition": {"MaxRuntimeInSeconds": 20 * 86_400}},
            "key for local disks": {
                "ResourceConfig": {**machines, "VolumeKmsKeyId": "alias/aws/s3"}
            },
        }
        for step, change in wrong.items():
            self._keep(step, self.sagemaker.create_training_job, **self._job(**change))

    def _train(self) -> None:
        self._keep("training created", self.sagemaker.create_training_job, **self._job())
        asked = {"TrainingJobName": self.name}
        self._until(
            "training ended", self.sagemaker.describe_training_job, asked, "TrainingJobStatus"
        )

    def _serve(self) -> None:
        artifact = self.answers["training ended"]["ModelArtifacts"]["S3ModelArtifacts"]
        container = {
            "Image": self._here(making.SERVING_IMAGE),
            "ModelDataUrl": artifact,
            "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
        }
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": self.name,
            "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
        }
        model = {"ModelName": self.name, "ExecutionRoleArn": self.role}
        ask, config = self.sagemaker, {"EndpointConfigName": self.name}
        self._keep("model created", ask.create_model, PrimaryContainer=container, **model)
        self._keep("model", ask.describe_model, ModelName=self.name)
        variants = {"ProductionVariants": [variant], **config}
        self._keep("configuration created", ask.create_endpoint_config, **variants)
        self._keep("configuration", ask.describe_endpoint_config, **config)
        self._keep("endpoint created", ask.create_endpoint, EndpointName=self.name, **config)
        asked = {"EndpointName": self.name}
        self._until("endpoint in service", ask.describe_endpoint, asked, "EndpointStatus")
        answer = self._keep("answer", self.runtime.invoke_endpoint, Body=b"12345", **asked)
        answer["Body"] = json.load(answer["Body"])

    def _until(self, step: str, call: Any, request: dict[str, Any], status: str) -> None:
        until = time.monotonic() + MAX_SECONDS
        while True:
            row = self._keep(step, call, **request)
            if row.get(status) in ("Completed", "InService"):
                return
            if row.get(status) not in ("InProgress", "Creating") or time.monotonic() > until:
                raise RuntimeError(f"{step}: {row.get('FailureReason') or row}")
            time.sleep(self.pause)

    def _remove(self) -> None:
        """Delete what may have been made; what is not there is no fault. An endpoint that is still being made stays: serverless, it costs
        nothing until it is asked."""
        _asked(self.sagemaker.stop_training_job, {"TrainingJobName": self.name})
        _asked(self.sagemaker.delete_endpoint, {"EndpointName": self.name})
        _asked(self.sagemaker.delete_endpoint_config, {"EndpointConfigName": self.name})
        _asked(self.sagemaker.delete_model, {"ModelName": self.name})
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.name}/")
        for item in found.get("Contents", []):
            self.s3.delete_object(Bucket=self.bucket, Key=item["Key"])


def _asked(call: Any, request: dict[str, Any]) -> Answer:
    """Return the answer, or the error as an answer; without what every answer has."""
    try:
        answer = dict(call(**request))
    except ClientError as error:
        answer = {"Error": error.response["Error"]}
    answer.pop("ResponseMetadata", None)
    return answer


def scrubbed(answers: Any, names: list[tuple[str, str]], role: str) -> Any:
    """Return the answers as JSON without names, numbers and times of the account."""
    text = json.dumps(answers, default=lambda value: "a time")
    text = text.replace(role.rpartition("/")[2], "role").replace(role.split(":")[4], "1" * 12)
    for name, instead in names:
        text = text.replace(name, instead)
    for own in ("UserId", "Arn"):
        text = re.sub(rf'"{own}": "[^"]*"', f'"{own}": "scrubbed"', text)
    # Registries are AWS's own accounts, and known to everybody.
    text = re.sub(r"\b(?!1{12}|763104351884)\d{12}\b", "2" * 12, text)
    return json.loads(text)


def shape(value: Any) -> Any:
    """Return what an answer is made of: names and types, whatever the values."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in sorted(value.items())}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return "number" if isinstance(value, int | float) else type(value).__name__


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Return where our shape has what theirs lacks, or is of another type. AWS may say more."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [f"{where}.{name} is not AWS's" for name in ours if name not in theirs]
        for name in set(ours) & set(theirs):
            found += differences(ours[name], theirs[name], f"{where}.{name}")
        return sorted(found)
    if isinstance(ours, list) and isinstance(theirs, list):
        return differences(ours[0], theirs[0], f"{where}[]") if ours and theirs else []
    return [] if ours == theirs else [f"{where} is {ours}, AWS's is {theirs}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", required=True, help="the ARN of the role that jobs get")
    parser.add_argument("--bucket", required=True, help="a bucket in the region")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--to", type=Path, default=ANSWERS)
    options = parser.parse_args()
    session = boto3.Session(region_name=options.region)
    walk = Walk(session.client, options.role, options.bucket, options.region, 10.0)
    kept = {"from": "AWS", "answers": walk.run()}
    options.to.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    print(f"{len(kept['answers'])} answers are in {options.to}.")


if __name__ == "__main__":
    main()
