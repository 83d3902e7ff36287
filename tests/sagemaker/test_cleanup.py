"""What runs, and what the clean-up finds and removes: ours, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from core import backends
from core.aws import account as accounts
from core.aws.storage import Store
from core.backends.sagemaker.inventory import cleanup, unused_objects
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory.kept import Resource, Running
from core.backends.sagemaker.inventory.look import look
from core.errors import BackendError
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.models.store import Model
from tests.patience import PATIENCE
from tests.sagemaker import making, serving
from tests.sagemaker.asking import ROLE, Emulator

SAGEMAKER = backends.SAGEMAKER


def planned(found: Running) -> dict[tuple[str, str], cleanup.Candidate]:
    return {
        (candidate.kind, candidate.name): candidate
        for candidate in cleanup.plan(accounts.load(), found)
    }


def test_an_endpoint_that_this_machine_lost_is_found_and_removed(
    aws: Emulator, small_model: Model
) -> None:
    endpoint = serving.in_service(serving.deploy(small_model))
    pid = jobs.read(endpoint.id).status.pid
    assert planned(look(accounts.load())) == {}, "what is in use is no litter"
    _end_watcher(pid)
    shutil.rmtree(RunFolder.of(endpoint.id).path)
    found = planned(look(accounts.load()))
    candidate = found["endpoint", endpoint.id]
    assert "not known on this machine" in candidate.why
    assert not candidate.sure, "it may be a colleague's"
    assert serving.now(endpoint.id) is None
    assert aws.client("sagemaker").describe_endpoint(EndpointName=endpoint.id), (
        "a dry run removes nothing"
    )
    (done,) = cleanup.carry_out(accounts.load(), [candidate])
    assert not done.problem
    serving.until(
        lambda: not aws.client("sagemaker").list_endpoints(NameContains=endpoint.id)["Endpoints"],
        "the removal",
    )
    assert not aws.client("sagemaker").list_models(NameContains=endpoint.id)["Models"]


def test_leftovers_and_objects_of_deleted_jobs_go_and_nothing_of_others(
    aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "YOUNG_SECONDS", 0.0)
    client, s3, bucket = aws.client("sagemaker"), aws.client("s3"), accounts.load().bucket
    ours, theirs = jobs.new_id("endpoint"), "payroll-model"
    # What other tests have left in the same emulator.
    before = planned(look(accounts.load()))
    for key in (
        "models/x.tar.gz",
        f"jobs/{ours}/output/model.tar.gz",
        "jobs/payroll/output/model.tar.gz",
    ):
        s3.put_object(Bucket=bucket, Key=f"fieldmark/{key}", Body=b"0123456789")
    container = {
        "Image": making.SERVING_IMAGE,
        "ModelDataUrl": f"s3://{bucket}/fieldmark/models/x.tar.gz",
    }
    for name in (ours, theirs):
        client.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    time.sleep(0.1)
    found = {
        key: candidate
        for key, candidate in planned(look(accounts.load())).items()
        if key not in before
    }
    assert set(found) == {("model", ours), ("objects", ours)}
    assert found["objects", ours].size_bytes == 10
    done = list(
        cleanup.carry_out(
            accounts.load(), [*found.values(), cleanup.Candidate("model", theirs, "by mistake")]
        )
    )
    assert [one.problem == "" for one in done] == [True, True, False]
    assert [
        model["ModelName"]
        for model in client.list_models()["Models"]
        if model["ModelName"] in (ours, theirs)
    ] == [theirs]
    left = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert left == {"fieldmark/models/x.tar.gz", "fieldmark/jobs/payroll/output/model.tar.gz"}
    client.delete_model(ModelName=theirs)


def is_known(client: Any, model: str) -> bool:
    try:
        return bool(client.describe_model(ModelName=model))
    except ClientError:
        return False


def test_what_nothing_uses_any_more_of_what_jobs_share_is_found_with_its_size_and_goes(
    aws: Emulator, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, client, account = aws.client("s3"), aws.client("sagemaker"), accounts.load()
    model, here = (
        jobs.new_id("endpoint"),
        f"datasets/{small_model.dataset_id}/{small_model.version_id}/0a1b",
    )
    used, old, photo, gone = (letter * 64 for letter in "abcd")
    names = json.dumps(
        [{"prefix": f"{account.uri('images')}/"}, f"{photo[:2]}/{photo}.jpg"]
    ).encode()
    stay = {
        f"models/{used}.tar.gz": b"m" * 5,
        f"{here}/images.manifest": names,
        f"images/cc/{photo}.jpg": b"p",
        "images/cc/not-ours.jpg": b"!",
    }
    stay |= {"datasets/payroll.csv": b"!", "code/sourcedir.tar.gz": b"!"}
    go = {
        f"models/{old}.tar.gz": b"m" * 7,
        f"code/{old}.tar.gz": b"c" * 3,
        "weights/0123456789abcdef/lite0.pth": b"w" * 11,
    }
    go |= {
        f"images/dd/{gone}.png": b"p" * 13,
        "datasets/crows/v2/0a1b/manifest.csv": b"d" * 17,
        "features/crows/v2/lite0/1.npz": b"f" * 19,
    }
    for key, body in (stay | go).items():
        s3.put_object(Bucket=account.bucket, Key=account.key(key), Body=body)
    container = {
        "Image": making.SERVING_IMAGE,
        "ModelDataUrl": account.uri(f"models/{used}.tar.gz"),
    }
    client.create_model(ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    # Until AWS lists it, only the age of what it uses protects that.
    serving.until(lambda: is_known(client, model), "the model")
    assert cleanup.shared(account, look(account)) == [], (
        "what is new may be for a job that is just being prepared"
    )
    monkeypatch.setattr(unused_objects, "YOUNG_SECONDS", 0.0)
    monkeypatch.setattr(
        unused_objects,
        "PARTS",
        {name: replace(part, age=0.0) for name, part in unused_objects.PARTS.items()},
    )
    found = cleanup.shared(account, look(account))
    assert {(candidate.name, candidate.size_bytes) for candidate in found} == {
        ("crows/v2", 36), ("models", 7), ("code", 3), ("weights", 11), ("images", 13)
    }  # fmt: skip
    assert not any(candidate.sure for candidate in found), "a colleague may use them"
    wrong = [
        replace(found[0], name=name)
        for name in (
            "payroll",
            "../v1",
            f"{small_model.dataset_id}/{small_model.version_id}",
            "jobs",
        )
    ]
    assert not any(done.problem for done in cleanup.carry_out(account, [*wrong, *found]))
    left = {entry["Key"] for entry in s3.list_objects_v2(Bucket=account.bucket)["Contents"]}
    assert left == {account.key(key) for key in stay}, (
        "what is in use or not Fieldmark's stays, whatever it is called"
    )
    client.delete_model(ModelName=model)


def test_what_jobs_share_is_not_offered_while_it_is_not_known_what_runs(
    aws: Emulator, small_model: Model
) -> None:
    with pytest.raises(BackendError, match="it is unknown what is running"):
        cleanup.shared(
            accounts.load(),
            replace(look(accounts.load()), problems=("The training jobs can't be listed",)),
        )
    name = jobs.new_id("training")
    _, lock = jobs.create(
        name, "training", "Crows", "sagemaker", {"account": asdict(accounts.load())}
    )
    assert lock is not None
    with pytest.raises(BackendError, match="while Crows is being prepared"):
        cleanup.shared(accounts.load(), look(accounts.load()))
    os.close(lock)


def test_a_million_photos_are_looked_through_in_little_memory(tmp_path: Path) -> None:
    """The names in a manifest, however long it is and wherever it is cut, and who is among them."""
    names = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}{'5' * 48}" for number in range(40_000)]
    path = tmp_path / "images.manifest"
    path.write_text(
        json.dumps([{"prefix": "s3://b/f/images/"}, *(f"{name[:2]}/{name}.jpg" for name in names)])
    )
    assert path.stat().st_size > 2 * unused_objects._CHUNK
    assert list(unused_objects._beginnings(path)) == [int(name[:16], 16) for name in names]


def test_what_others_run_is_listed_and_not_ours(aws: Emulator, small_model: Model) -> None:
    endpoint = serving.in_service(serving.deploy(small_model))
    client = aws.client("sagemaker")
    config = [
        {
            "VariantName": "v",
            "ModelName": endpoint.id,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
    ]
    client.create_endpoint_config(EndpointConfigName="payroll", ProductionVariants=config)
    client.create_endpoint(EndpointName="payroll", EndpointConfigName="payroll")
    serving.until(
        lambda: client.describe_endpoint(EndpointName="payroll")["EndpointStatus"] == "InService",
        "their endpoint",
    )
    found = look(accounts.load())
    assert [resource.name for resource in found.others if resource.kind == "endpoint"] == [
        "payroll"
    ]
    assert found.usd_per_hour == 0.0, "theirs is not counted as ours, and serverless is idle"
    assert not [name for _, name in planned(found) if name == "payroll"]
    client.delete_endpoint(EndpointName="payroll")
    client.delete_endpoint_config(EndpointConfigName="payroll")


def test_past_its_deadline_failed_and_idle_are_reasons() -> None:
    name, old = jobs.new_id("endpoint"), time.time() - 7200
    base = Resource(
        "endpoint", name, "arn", "InService", old, ours=True, usd_per_hour=0.5, requests=3.0
    )
    RunFolder.of(name).path.mkdir(parents=True)

    def reasons(resource: Resource) -> list[tuple[str, bool]]:
        return [
            (candidate.why, candidate.sure)
            for candidate in cleanup._endpoints(Running("r", 0.0, (resource,)))
        ]

    assert reasons(base) == []
    assert reasons(replace(base, deadline=time.time() - 60)) == [("past its auto-stop time", True)]
    assert reasons(replace(base, state="Failed")) == [("failed", True)]
    assert reasons(replace(base, requests=0.0)) == [("no request for an hour", False)]
    assert reasons(replace(base, requests=None)) == [], "not known is not idle"
    assert reasons(replace(base, requests=0.0, created=time.time() - 60)) == [], (
        "a new one may still be wanted"
    )
    assert reasons(replace(base, ours=False, state="Failed")) == []


def test_fault_49_what_is_kept_survives_the_loss_of_the_network(
    aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.keep(look(accounts.load()))
    before = running.kept()
    assert before
    assert before.reached
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    gone = look(accounts.load())
    assert not gone.reached
    assert gone.problems
    assert running.kept() == before, "nothing is forgotten before somebody keeps the new answer"


def test_what_was_found_in_another_account_is_not_shown(aws: Emulator) -> None:
    running.keep(look(accounts.load()))
    accounts.save(replace(accounts.load(), bucket="another-bucket"))
    assert running.kept() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"region": "r"}'])
def test_a_damaged_file_is_as_none(content: str) -> None:
    running.file().write_text(content)
    assert running.kept() is None


def _end_watcher(pid: int | None) -> None:
    import psutil

    assert pid
    process = psutil.Process(pid)
    process.kill()
    psutil.wait_procs([process], PATIENCE)


def test_a_version_is_not_another_whose_number_begins_alike(aws: Emulator) -> None:
    store = Store(accounts.load())
    for version in ("v1", "v10", "v19"):
        store.put(f"datasets/crows/{version}/0a1b/manifest.csv", b"path")
        store.put(f"features/crows/{version}/lite0/1.npz", b"features")
    found = set(unused_objects.Look(store, set()).keys("crows/v1"))
    assert found == {"datasets/crows/v1/0a1b/manifest.csv", "features/crows/v1/lite0/1.npz"}
    used = unused_objects.Look(store, {"features/crows/v1/"})
    assert list(used.keys("crows/v1")) == []
    assert len(list(used.keys("crows/v10"))) == 2
