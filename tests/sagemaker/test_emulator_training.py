"""What happens to training jobs in the emulator, with scripts of a few lines: data, stops, limits, spot, isolation, several hosts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sagemaker import asking, making
from tests.sagemaker.asking import HELD
from tests.sagemaker.emulator import container

BUCKET = "small-scripts"
COUNT = """
import json, os, signal, sys, time
from pathlib import Path
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
kept = Path(given.get("--kept", os.environ["SM_MODEL_DIR"]), "step")
step = int(kept.read_text()) if kept.exists() else 0
print(f"begins at {step}", flush=True)
for step in range(step + 1, 1 + int(given["--steps"])):
    print(f"step={step} accuracy={step / 100}", flush=True)
    time.sleep(0.05)
    kept.with_suffix(".new").write_text(str(step))
    os.replace(kept.with_suffix(".new"), kept)
    if stop:
        print("stops on SIGTERM", flush=True)
        sys.exit(143)
Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(str(step))
"""
LOOK = """
import importlib.util, json, os, socket
from pathlib import Path
def reached():
    try:
        socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 2).close()
        return True
    except OSError:
        return False
channels = {p.name: sorted(str(f.relative_to(p)) for f in p.rglob("*") if f.is_file()) for p in Path("/opt/ml/input/data").iterdir()}
seen = {"channels": channels, "host": os.environ["SM_CURRENT_HOST"], "hosts": json.loads(os.environ["SM_HOSTS"]), "network": reached(),
        "resolved": [socket.gethostbyname(host) for host in json.loads(os.environ["SM_HOSTS"])], "key": os.environ.get("AWS_ACCESS_KEY_ID"), "called": socket.gethostname(),
        "missing": [name for name in ("timm", "safetensors", "streamlit", "optuna") if not importlib.util.find_spec(name)]}
Path(os.environ["SM_MODEL_DIR"], os.environ["SM_CURRENT_HOST"] + ".json").write_text(json.dumps(seen))
"""
TWICE = """
import os
value = 1 if os.environ["SM_CURRENT_HOST"] == "algo-1" else 9
print(f"value={value} value={value + 1}", flush=True)
"""
needs_mounts = pytest.mark.skipif(
    bool(container.why_no_mounts()), reason=f"no Linux namespaces here: {container.why_no_mounts()}"
)


@pytest.fixture(scope="module")
def scripts(emulator: asking.Emulator) -> asking.Emulator:
    """The emulator with the bucket of this file's scripts."""
    return put_scripts(emulator)


def put_scripts(emulator: asking.Emulator) -> asking.Emulator:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, text in {
        "count": COUNT,
        "look": LOOK,
        "fail": "raise ValueError('asked to fail')",
        "twice": TWICE,
    }.items():
        s3.put_object(
            Bucket=BUCKET,
            Key=f"code/{name}.tar.gz",
            Body=making.archive({"train.py": text.encode()}),
        )
    for name in ("one", "two", "three"):
        s3.put_object(Bucket=BUCKET, Key=f"data/part/{name}.txt", Body=name.encode())
    return emulator


def request(name: str, script: str = "count", steps: int = 3, **more: Any) -> dict[str, Any]:
    kept = {"kept": "/opt/ml/checkpoints"} if "CheckpointConfig" in more else {}
    values = making.hyperparameters(BUCKET, f"code/{script}.tar.gz", steps=str(steps), **kept)
    return {"TrainingJobName": name, "HyperParameters": values, **making.definition(BUCKET, **more)}


def running(emulator: asking.Emulator, name: str, text: str) -> None:
    """Wait until the job's log contains `text`."""
    asking.wait_for(
        lambda: any(text in line for line in making.log(emulator, name)),
        f"{text!r} in the log of {name}",
    )


def seen(emulator: asking.Emulator, row: dict[str, Any]) -> dict[str, Any]:
    files = making.unpacked(emulator.client("s3"), row["ModelArtifacts"]["S3ModelArtifacts"])
    return {name.removesuffix(".json"): json.loads(data) for name, data in files.items()}


def test_a_failing_script_is_the_failure_reason(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    sagemaker.create_training_job(**request("fails", "fail", Environment={}))
    row = making.finished(sagemaker, "fails")
    assert row["TrainingJobStatus"] == "Failed"
    assert row["FailureReason"].startswith("AlgorithmError: ")
    # The toolkit breaks the last lines of stderr as they happen to arrive.
    assert all(
        word in row["FailureReason"]
        for word in ("ExecuteUserScriptError", "ValueError", "asked to fail")
    )
    assert row["FailureReason"].endswith("exit code: 1")


def test_a_name_is_taken_once(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    sagemaker.create_training_job(**request("twice"))
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="must be unique"):
        sagemaker.create_training_job(**request("twice"))
    assert making.finished(sagemaker, "twice")["TrainingJobStatus"] == "Completed"


def test_a_stopped_job_hears_nothing_of_it_until_it_is_killed(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    sagemaker.create_training_job(**request("unheard", steps=5000))
    running(scripts, "unheard", "step=2")
    before = time.monotonic()
    sagemaker.stop_training_job(TrainingJobName="unheard")
    row = making.finished(sagemaker, "unheard")
    assert time.monotonic() - before > 1.5, "the grace time passes in vain"
    assert (row["TrainingJobStatus"], row["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "stops on SIGTERM" not in making.log(scripts, "unheard")


def test_a_stopped_job_that_gets_sigterm_keeps_its_model(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    with scripts.settings(sigterm=True, grace_seconds=HELD):
        sagemaker.create_training_job(**request("stopped", steps=5000))
        running(scripts, "stopped", "step=2")
        sagemaker.stop_training_job(TrainingJobName="stopped")
        row = making.finished(sagemaker, "stopped")
    assert (row["TrainingJobStatus"], row["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "stops on SIGTERM" in making.log(scripts, "stopped")
    assert "S3ModelArtifacts" in row["ModelArtifacts"]
    with pytest.raises(sagemaker.exceptions.ClientError, match="in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName="stopped")


def test_a_job_ends_at_its_time_limit(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    sagemaker.create_training_job(
        **request("limited", steps=5000, StoppingCondition={"MaxRuntimeInSeconds": 2})
    )
    row = making.finished(sagemaker, "limited")
    assert (row["TrainingJobStatus"], row["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert row["TrainingTimeInSeconds"] >= 2


def spot(name: str, steps: int, wait: int = 3000) -> dict[str, Any]:
    return request(
        name,
        steps=steps,
        EnableManagedSpotTraining=True,
        CheckpointConfig={
            "S3Uri": f"s3://{BUCKET}/checkpoints/{name}",
            "LocalPath": "/opt/ml/checkpoints",
        },
        StoppingCondition={"MaxRuntimeInSeconds": 1000, "MaxWaitTimeInSeconds": wait},
    )


@pytest.mark.parametrize(("warned", "heard"), [(True, True), (True, False), (False, False)])
def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(
    scripts: asking.Emulator, warned: bool, heard: bool
) -> None:
    sagemaker, name = scripts.client("sagemaker"), f"spot-{warned}-{heard}".lower()
    with scripts.settings(sigterm=heard):
        sagemaker.create_training_job(**spot(name, 150))
        running(scripts, name, "step=10 ")
        scripts.ask("POST", "interrupt", TrainingJobName=name, warned=warned)
        row = making.finished(sagemaker, name)
    once = ["Starting", "Downloading", "Training"]
    assert making.phases(row) == [*once, "Interrupted", *once, "Uploading", "Completed"], row.get(
        "FailureReason"
    )
    begins = [
        int(line.split()[-1]) for line in making.log(scripts, name) if line.startswith("begins at")
    ]
    assert begins[0] == 0
    assert begins[1] >= 1
    assert ("stops on SIGTERM" in making.log(scripts, name)) is heard
    assert row["BillableTimeInSeconds"] < row["TrainingTimeInSeconds"]
    assert (
        making.unpacked(scripts.client("s3"), row["ModelArtifacts"]["S3ModelArtifacts"])[
            "model.txt"
        ]
        == b"150"
    )


def test_a_spot_job_that_finds_no_capacity_gives_up(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    values = spot("waits", 3, wait=1) | {
        "StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1}
    }
    with scripts.settings(start_seconds=asking.HELD):
        sagemaker.create_training_job(**values)
        row = making.finished(sagemaker, "waits")
    assert (row["TrainingJobStatus"], row["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "BillableTimeInSeconds" not in row


def test_channels_from_a_prefix_a_manifest_and_a_mount(scripts: asking.Emulator) -> None:
    s3, sagemaker = scripts.client("s3"), scripts.client("sagemaker")
    listed = [{"prefix": f"s3://{BUCKET}/data/"}, "part/one.txt", "part/three.txt"]
    s3.put_object(Bucket=BUCKET, Key="lists/two.manifest", Body=json.dumps(listed).encode())
    channels = [
        making.channel("all", f"s3://{BUCKET}/data"),
        making.channel("listed", f"s3://{BUCKET}/lists/two.manifest", "ManifestFile"),
        making.channel("mounted", f"s3://{BUCKET}/data/part/", mode="FastFile"),
        making.channel("begun", f"s3://{BUCKET}/data/part/t"),
    ]
    sagemaker.create_training_job(
        **request(
            "channels", "look", InputDataConfig=channels, Environment={**making.PLAIN, "PORT": "1"}
        )
    )
    row = making.finished(sagemaker, "channels")
    assert row["TrainingJobStatus"] == "Completed", row.get("FailureReason")
    found = seen(scripts, row)["algo-1"]
    assert found["channels"] == {
        "all": ["part/one.txt", "part/three.txt", "part/two.txt"],
        "listed": ["part/one.txt", "part/three.txt"],
        "mounted": ["one.txt", "three.txt", "two.txt"],
        "begun": ["three.txt", "two.txt"],
    }
    assert found["missing"] == ["timm", "safetensors", "streamlit", "optuna"]
    assert found["key"] == "job"


def test_data_that_goes_away_before_it_is_read_fails_the_job(scripts: asking.Emulator) -> None:
    sagemaker, s3 = scripts.client("sagemaker"), scripts.client("s3")
    s3.put_object(Bucket=BUCKET, Key="brief/one.txt", Body=b"1")
    channel = making.channel("images", f"s3://{BUCKET}/brief/")
    with scripts.settings(start_seconds=HELD):
        sagemaker.create_training_job(**request("no-data", InputDataConfig=[channel]))
        s3.delete_object(Bucket=BUCKET, Key="brief/one.txt")
    row = making.finished(sagemaker, "no-data")
    assert row["TrainingJobStatus"] == "Failed"
    assert row["FailureReason"].startswith("ClientError: Data download failed:No S3 objects found")


def test_an_image_that_is_not_there_fails_the_job_when_it_is_pulled(
    scripts: asking.Emulator,
) -> None:
    sagemaker, values = scripts.client("sagemaker"), request("no-image")
    values["AlgorithmSpecification"]["TrainingImage"] = f"{making.IMAGE}-newest"
    sagemaker.create_training_job(**values)
    reason = making.finished(sagemaker, "no-image")["FailureReason"]
    assert reason.startswith("ClientError: Cannot pull algorithm container.")


def test_a_metric_has_one_value_a_line_of_the_first_host_and_none_without_a_group(
    scripts: asking.Emulator,
) -> None:
    sagemaker, values = scripts.client("sagemaker"), request("metrics", "twice")
    values["ResourceConfig"]["InstanceCount"] = 1 if container.why_no_mounts() else 2
    values["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "value", "Regex": "value=([0-9.]+)"},
        {"Name": "bare", "Regex": "value=[0-9.]+"},
    ]
    sagemaker.create_training_job(**values)
    row = making.finished(sagemaker, "metrics")
    assert row["TrainingJobStatus"] == "Completed", row.get("FailureReason")
    assert {item["MetricName"]: item["Value"] for item in row["FinalMetricDataList"]} == {
        "value": 1.0
    }


def test_a_job_ends_before_its_last_lines_are_in_the_log(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    assert scripts.ask("GET", "")["settings"]["log_seconds"] > 0, "by default as well"
    with scripts.settings(log_seconds=HELD):
        sagemaker.create_training_job(**request("late"))
        row = making.finished(sagemaker, "late")
        streams = scripts.client("logs").describe_log_streams(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="late/"
        )["logStreams"]
        assert not streams
        assert row["FinalMetricDataList"]
    assert "step=3 accuracy=0.03" in making.log(scripts, "late")


@needs_mounts
def test_an_isolated_job_has_no_network_and_gets_its_code_as_a_channel(
    scripts: asking.Emulator,
) -> None:
    sagemaker = scripts.client("sagemaker")
    port = scripts.url.rsplit(":", 1)[1]
    values = request(
        "isolated",
        "look",
        EnableNetworkIsolation=True,
        Environment={**making.PLAIN, "PORT": port},
        InputDataConfig=[making.channel("code", f"s3://{BUCKET}/code/look.tar.gz")],
    )
    values["HyperParameters"]["sagemaker_submit_directory"] = "/opt/ml/input/data/code/look.tar.gz"
    sagemaker.create_training_job(**values)
    row = making.finished(sagemaker, "isolated")
    assert row["TrainingJobStatus"] == "Completed", row.get("FailureReason")
    found = seen(scripts, row)["algo-1"]
    assert found["network"] is False
    assert found["key"] is None


@needs_mounts
def test_several_hosts_know_each_other(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    values = request(
        "cluster", "look", Environment={**making.PLAIN, "PORT": scripts.url.rsplit(":", 1)[1]}
    )
    values["ResourceConfig"]["InstanceCount"] = 2
    sagemaker.create_training_job(**values)
    row = making.finished(sagemaker, "cluster")
    assert row["TrainingJobStatus"] == "Completed", row.get("FailureReason")
    found = seen(scripts, row)
    assert {
        name: (
            about["host"],
            about["hosts"],
            about["resolved"],
            about["network"],
            about["called"],
        )
        for name, about in found.items()
    } == {
        host: (host, ["algo-1", "algo-2"], ["127.0.0.1", "127.0.0.1"], True, container.HOST_NAME)
        for host in ("algo-1", "algo-2")
    }
    logs = scripts.client("logs")

    def streams() -> set[str]:
        try:
            found = logs.describe_log_streams(
                logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="cluster/"
            )
        except logs.exceptions.ResourceNotFoundException:
            return set()
        return {stream["logStreamName"].rsplit("-", 1)[0] for stream in found["logStreams"]}

    asking.wait_for(lambda: streams() == {"cluster/algo-1", "cluster/algo-2"}, "both logs")


def test_without_namespaces_jobs_run_all_the_same(
    emulator: asking.Emulator, tmp_path: Path
) -> None:
    """Nothing on the PATH, so no unshare: as on a machine, or in a container, that does not allow it."""
    with asking.running(tmp_path, PATH="/nowhere") as plain:
        put_scripts(plain)
        sagemaker = plain.client("sagemaker")
        checkpoints = {"S3Uri": f"s3://{BUCKET}/checkpoints/plain"}
        sagemaker.create_training_job(**request("plain", CheckpointConfig=checkpoints))
        sagemaker.create_training_job(**request("plain-isolated", EnableNetworkIsolation=True))
        row = making.finished(sagemaker, "plain")
        assert row["TrainingJobStatus"] == "Completed", row.get("FailureReason")
        assert (
            plain.client("s3")
            .get_object(Bucket=BUCKET, Key="checkpoints/plain/step")["Body"]
            .read()
            == b"3"
        )
        assert (
            "need Linux namespaces" in making.finished(sagemaker, "plain-isolated")["FailureReason"]
        )


def test_the_quota_counts_what_runs(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    with scripts.settings(quotas={"ml.m5.large for training job usage": 1}):
        sagemaker.create_training_job(**request("first", steps=5000))
        with pytest.raises(
            sagemaker.exceptions.ResourceLimitExceeded, match=r"training job usage' is 1 Instances"
        ):
            sagemaker.create_training_job(**request("second"))
        sagemaker.stop_training_job(TrainingJobName="first")
        making.finished(sagemaker, "first")
        sagemaker.create_training_job(**request("second"))
        making.finished(sagemaker, "second")
    with pytest.raises(sagemaker.exceptions.ResourceLimitExceeded, match="is 0 Instances"):
        sagemaker.create_training_job(
            **request("gpu")
            | {
                "ResourceConfig": {
                    "InstanceType": "ml.p3.2xlarge",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                }
            }
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"TrainingJobName": "under_score"}, "regular expression"),
        ({"RoleArn": "arn:aws:iam::12:role/x-and-more-of-it"}, "regular expression"),
        ({"HyperParameters": {"a": "x" * 2501}}, "length less than or equal to 2500"),
        (
            {
                "ResourceConfig": {
                    "InstanceType": "ml.none.large",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                }
            },
            "enum value set",
        ),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 5, "MaxWaitTimeInSeconds": 9}}, "on-demand"),
        (
            {"InputDataConfig": [making.channel("a", "s3://b/c", "ManifestFile", "FastFile")]},
            "FastFile",
        ),
        ({"InputDataConfig": [making.channel("a", "s3://b/c", mode="Pipe")]}, "Pipe"),
    ],
)
def test_requests_are_checked_as_the_service_checks_them(
    scripts: asking.Emulator, change: dict[str, Any], reason: str
) -> None:
    sagemaker = scripts.client("sagemaker", parameter_validation=False)
    with pytest.raises(sagemaker.exceptions.ClientError, match=reason) as caught:
        sagemaker.create_training_job(**{**request("checked"), **change})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
