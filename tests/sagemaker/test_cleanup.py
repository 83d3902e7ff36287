"""What runs, and what the clean-up finds and removes: ours, and nothing else."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest

from core import backends, jobs
from core.backends.sagemaker import account as accounts
from core.backends.sagemaker import cleanup, running
from core.backends.sagemaker.inventory import look
from core.backends.sagemaker.running import Resource, Running
from core.models import Model
from tests.sagemaker import making, serving
from tests.sagemaker.asking import ROLE, Emulator

SAGEMAKER = backends.SAGEMAKER


def planned(found: Running) -> dict[tuple[str, str], cleanup.Doomed]:
    return {(doomed.kind, doomed.name): doomed for doomed in cleanup.plan(accounts.load(), found)}


def test_an_endpoint_that_this_machine_lost_is_found_and_removed(aws: Emulator, small_model: Model) -> None:
    endpoint = serving.in_service(serving.deploy(small_model))
    pid = jobs.read(endpoint.id).status.pid
    assert planned(look(accounts.load())) == {}, "what is in use is no litter"
    _end_watcher(pid)
    shutil.rmtree(jobs.RunFolder.of(endpoint.id).path)
    found = planned(look(accounts.load()))
    doomed = found["endpoint", endpoint.id]
    assert "nothing on this machine knows it" in doomed.why
    assert not doomed.sure, "it may be a colleague's"
    assert serving.now(endpoint.id) is None
    assert aws.client("sagemaker").describe_endpoint(EndpointName=endpoint.id), "a dry run removes nothing"
    (done,) = cleanup.carry_out(accounts.load(), [doomed])
    assert not done.problem
    serving.until(lambda: not aws.client("sagemaker").list_endpoints(NameContains=endpoint.id)["Endpoints"], "the removal")
    assert not aws.client("sagemaker").list_models(NameContains=endpoint.id)["Models"]


def test_leftovers_and_objects_of_deleted_jobs_go_and_nothing_of_others(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "YOUNG_SECONDS", 0.0)
    client, s3, bucket = aws.client("sagemaker"), aws.client("s3"), accounts.load().bucket
    ours, theirs = jobs.new_id("endpoint"), "payroll-model"
    # What other tests have left in the same emulator.
    before = planned(look(accounts.load()))
    for key in ("models/x.tar.gz", f"jobs/{ours}/output/model.tar.gz", "jobs/payroll/output/model.tar.gz"):
        s3.put_object(Bucket=bucket, Key=f"fieldmark/{key}", Body=b"0123456789")
    container = {"Image": making.SERVING_IMAGE, "ModelDataUrl": f"s3://{bucket}/fieldmark/models/x.tar.gz"}
    for name in (ours, theirs):
        client.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    time.sleep(0.1)
    found = {key: doomed for key, doomed in planned(look(accounts.load())).items() if key not in before}
    assert set(found) == {("model", ours), ("objects", ours)}
    assert found["objects", ours].size_bytes == 10
    done = list(cleanup.carry_out(accounts.load(), [*found.values(), cleanup.Doomed("model", theirs, "by mistake")]))
    assert [one.problem == "" for one in done] == [True, True, False]
    assert [model["ModelName"] for model in client.list_models()["Models"] if model["ModelName"] in (ours, theirs)] == [theirs]
    left = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert left == {"fieldmark/models/x.tar.gz", "fieldmark/jobs/payroll/output/model.tar.gz"}
    client.delete_model(ModelName=theirs)


def test_what_others_run_is_listed_and_not_ours(aws: Emulator, small_model: Model) -> None:
    endpoint = serving.in_service(serving.deploy(small_model))
    client = aws.client("sagemaker")
    config = [{"VariantName": "v", "ModelName": endpoint.id, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}]
    client.create_endpoint_config(EndpointConfigName="payroll", ProductionVariants=config)
    client.create_endpoint(EndpointName="payroll", EndpointConfigName="payroll")
    serving.until(lambda: client.describe_endpoint(EndpointName="payroll")["EndpointStatus"] == "InService", "their endpoint")
    found = look(accounts.load())
    assert [resource.name for resource in found.others if resource.kind == "endpoint"] == ["payroll"]
    assert found.usd_per_hour == 0.0, "theirs is not counted as ours, and serverless is idle"
    assert not [name for _, name in planned(found) if name == "payroll"]
    client.delete_endpoint(EndpointName="payroll")
    client.delete_endpoint_config(EndpointConfigName="payroll")


def test_past_its_deadline_failed_and_idle_are_reasons() -> None:
    name, old = jobs.new_id("endpoint"), time.time() - 7200
    base = Resource("endpoint", name, "arn", "InService", old, ours=True, usd_per_hour=0.5, requests=3.0)
    jobs.RunFolder.of(name).path.mkdir(parents=True)

    def reasons(resource: Resource) -> list[tuple[str, bool]]:
        return [(doomed.why, doomed.sure) for doomed in cleanup._endpoints(Running("r", 0.0, (resource,)))]

    assert reasons(base) == []
    assert reasons(replace(base, deadline=time.time() - 60)) == [("its deadline has passed", True)]
    assert reasons(replace(base, state="Failed")) == [("it has failed", True)]
    assert reasons(replace(base, requests=0.0)) == [("it had no request for an hour", False)]
    assert reasons(replace(base, requests=None)) == [], "not known is not idle"
    assert reasons(replace(base, requests=0.0, created=time.time() - 60)) == [], "a new one may still be wanted"
    assert reasons(replace(base, ours=False, state="Failed")) == []


def test_fault_49_what_is_kept_survives_the_loss_of_the_network(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
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
    running._file().write_text(content)
    assert running.kept() is None


def _end_watcher(pid: int | None) -> None:
    import psutil

    assert pid
    process = psutil.Process(pid)
    process.kill()
    psutil.wait_procs([process], 5)
