"""Training jobs on SageMaker, from the form's spec to the model on this machine: real containers, real files, a real wire."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.aws import account as accounts
from core.backends import LOCAL, SAGEMAKER
from core.errors import UserError
from core.jobs import store as jobs
from core.jobs.specs import Resources, TrainingSpec
from core.jobs.store import State
from core.models import store as models
from core.models.store import Model
from core.training import metrics
from tests.backends import watching as local
from tests.conftest import SMALL
from tests.patience import PATIENCE
from tests.sagemaker import making
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import LASTING, LONG, MACHINE, ended, said, spec, written


def test_the_same_training_on_both_backends_gives_the_same_answers(
    aws: Emulator, small_model: Model
) -> None:
    job = ended(SAGEMAKER.train(spec(small_model)))
    assert job.state is State.COMPLETED, job.status.reason
    model = models.read(job.id)
    assert models.listing()[0].id == job.id, "it stands among the models like any other"
    mine, theirs = small_model.predictions(), model.predictions()
    assert list(theirs.image_id) == list(mine.image_id)
    assert list(theirs.path) == list(mine.path), "photos keep the names that people know"
    difference = float(np.abs(mine.probabilities - theirs.probabilities).max())
    print(f"\nlargest difference of a probability: {difference:.2e}")
    assert difference < 1e-4
    assert model.metrics("test")["n"] == small_model.metrics("test")["n"]
    assert models.unpack(job.folder.artifact, job.folder.path / "again")["classes"] == list(
        model.classes
    )
    assert metrics.epochs(metrics.MetricLog(job.folder.log).refresh())
    assert job.status.progress["billable_seconds"] > 0


def test_photos_are_sent_once_whatever_trains_on_them(aws: Emulator, small_model: Model) -> None:
    first = ended(SAGEMAKER.train(spec(small_model)))
    sent = written(aws, "images/")
    assert len(sent) == len(small_model.predictions())
    again = ended(SAGEMAKER.train(spec(small_model, {**SMALL, "weight_decay": "0.1"})))
    assert (first.state, again.state) == (State.COMPLETED, State.COMPLETED)
    assert written(aws, "images/") == sent, "not one photo was sent again"
    assert "photos need features" in first.folder.log.read_text()
    assert "features of all photos are cached" in again.folder.log.read_text(), (
        "and none goes through the network again"
    )
    for part in ("code/", "weights/", "datasets/"):
        assert written(aws, part)


def test_it_is_watched_stopped_and_gone_on_with(aws: Emulator, small_model: Model) -> None:
    job = SAGEMAKER.train(spec(small_model, LONG))
    said(job, "[metrics] epoch=2 ")
    assert SAGEMAKER.refresh(job).state is State.IN_PROGRESS
    local.until(
        lambda: written(aws, f"jobs/{job.id}/checkpoints/checkpoint-"), "a checkpoint in the bucket"
    )
    SAGEMAKER.stop(job)
    SAGEMAKER.stop(job)
    job = ended(job)
    assert job.state is State.STOPPED, job.status.reason
    assert list(job.folder.checkpoints.glob("checkpoint-*.pt")), (
        "the newest one is here, for whichever backend goes on"
    )
    again = SAGEMAKER.train(spec(small_model, LONG, resumed_from=job.id))
    said(again, "resuming from checkpoint-")
    SAGEMAKER.stop(again)
    assert ended(again).state is State.STOPPED


def test_a_job_that_was_stopped_there_goes_on_here(aws: Emulator, small_model: Model) -> None:
    job = SAGEMAKER.train(spec(small_model, LASTING))
    said(job, "[metrics] epoch=20 ")
    local.until(
        lambda: written(aws, f"jobs/{job.id}/checkpoints/checkpoint-"), "a checkpoint in the bucket"
    )
    SAGEMAKER.stop(job)
    job = ended(job)
    again = LOCAL.train(
        TrainingSpec(
            "On", small_model.dataset_id, small_model.version_id, LASTING, resumed_from=job.id
        )
    )
    local.said(LOCAL, again, "resuming from checkpoint-")


def test_a_job_that_was_stopped_here_goes_on_there(aws: Emulator, small_model: Model) -> None:
    job = LOCAL.train(replace(spec(small_model, LONG), resources=None))
    local.said(LOCAL, job, "[metrics] epoch=20 ")
    LOCAL.stop(job)
    job = local.ended(LOCAL, job)
    page = AppTest.from_file(
        str(settings.PROJECT / "ui" / "shell" / "router.py"), default_timeout=PATIENCE
    )
    page.query_params["job"] = job.id
    page = page.run().switch_page(str(settings.PROJECT / "pages" / "train.py")).run()
    page.button(f"tr_resume_there_{job.id}").click().run()
    assert not page.exception
    (again,) = [found for found in jobs.readable("training") if found.backend == "sagemaker"]
    assert again.spec["resumed_from"] == job.id
    assert again.spec["resources"]["instance_type"] == MACHINE.instance_type, (
        "what a new job would run on"
    )
    said(again, "resuming from checkpoint-")
    SAGEMAKER.stop(again)
    assert ended(again).state is State.STOPPED


def test_closed_in_encrypted_and_streamed_a_backbone_from_the_hub_is_fine_tuned(
    aws: Emulator, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that no other job here uses, at once; the hub's weights as they lie on a machine without a network."""
    import timm
    from safetensors.torch import save_file

    save_file(
        timm.create_model("resnet18").state_dict(), settings.weights_dir() / "resnet18.safetensors"
    )
    monkeypatch.setenv(settings.ENV_STREAM_FROM, "1")
    network, kms = making.network(aws), aws.client("kms")
    inside = {
        "subnets": tuple(network["Subnets"]),
        "security_groups": tuple(network["SecurityGroupIds"]),
    }
    kms.create_alias(AliasName="alias/photos", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    accounts.save(
        replace(accounts.load(), network_isolation=True, kms_key="alias/photos", **inside)
    )
    given = {
        "mode": "finetune",
        "arch": "resnet18@32",
        "precision": "exact",
        "epochs": "2",
        "batch_size": "8",
    }
    job = ended(SAGEMAKER.train(spec(small_model, given)), 2 * PATIENCE)
    assert job.state is State.COMPLETED, job.status.reason
    assert "weights from the weights channel" in job.folder.log.read_text()
    assert [
        row["epoch"] for row in metrics.epochs(metrics.MetricLog(job.folder.log).refresh())
    ] == [0, 1, 2]
    assert models.read(job.id).description["mode"] == "finetune"
    asked = aws.client("sagemaker").describe_training_job(TrainingJobName=job.id)
    assert asked["EnableNetworkIsolation"]
    assert asked["VpcConfig"] == network
    assert (
        asked["OutputDataConfig"]["KmsKeyId"]
        == asked["ResourceConfig"]["VolumeKmsKeyId"]
        == "alias/photos"
    )
    assert {channel["ChannelName"]: channel["InputMode"] for channel in asked["InputDataConfig"]}[
        "images"
    ] == "FastFile"
    for key in [*written(aws, "images/"), *written(aws, "code/")]:
        head = aws.client("s3").head_object(Bucket=accounts.load().bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/photos"), (
            key
        )


def test_two_machines_share_a_training(aws: Emulator, small_model: Model) -> None:
    given = {
        "mode": "finetune",
        "arch": "lite0@32",
        "precision": "exact",
        "epochs": "2",
        "batch_size": "8",
    }
    job = ended(
        SAGEMAKER.train(spec(small_model, given, replace(MACHINE, instance_count=2))), 2 * PATIENCE
    )
    assert job.state is State.COMPLETED, job.status.reason
    text = job.folder.log.read_text()
    assert "2 hosts with 1 processes each" in text
    rows = metrics.MetricLog(job.folder.log).refresh()
    epochs = [row["epoch"] for row in rows if "train_accuracy" in row]
    assert epochs == [1, 2], "only one of them speaks"


def test_a_spot_machine_is_taken_back_and_the_job_goes_on(
    aws: Emulator, small_model: Model
) -> None:
    job = SAGEMAKER.train(spec(small_model, LASTING, replace(MACHINE, spot=True)))
    said(job, "[metrics] epoch=20 ")
    local.until(
        lambda: written(aws, f"jobs/{job.id}/checkpoints/checkpoint-"), "a checkpoint in the bucket"
    )
    aws.ask("POST", "interrupt", TrainingJobName=job.id)
    said(job, "resuming from checkpoint-")
    job = ended(job)
    assert job.state is State.COMPLETED, job.status.reason
    assert job.status.progress["interruptions"] == 1
    assert "Saved by spot" in SAGEMAKER.facts(job)


def test_a_time_limit_ends_it_with_a_word(aws: Emulator, small_model: Model) -> None:
    with aws.settings(limit_second=0.1):
        job = ended(
            SAGEMAKER.train(spec(small_model, LONG, Resources("ml.m5.xlarge", max_seconds=60)))
        )
    assert job.state is State.STOPPED, job.status.reason
    assert "Time limit of 1 min reached" in job.status.reason


def test_fault_09_names_are_free_text(aws: Emulator, small_model: Model) -> None:
    name = """it's "$(id)" <b>; 鳥"""
    job = ended(SAGEMAKER.train(replace(spec(small_model), name=name)))
    assert job.state is State.COMPLETED, job.status.reason
    assert models.read(job.id).name == name


def test_a_photo_that_changed_since_the_import_is_left_out(
    aws: Emulator, small_model: Model, tmp_path: Path
) -> None:
    from core.datasets import store

    photos = store.manifest_of(store.version(small_model.dataset_id, small_model.version_id))
    victim = store.dataset(small_model.dataset_id).root / min(photos["path"])
    before = victim.read_bytes()
    victim.write_bytes(b"not what it was")
    try:
        job = ended(SAGEMAKER.train(spec(small_model)))
    finally:
        victim.write_bytes(before)
    assert job.state is State.COMPLETED, job.status.reason
    text = job.folder.log.read_text()
    assert f"Photo left out: {victim}: it changed after the import" in text
    assert "1 of" in text


@pytest.mark.parametrize("resources", [None, Resources()])
def test_a_spec_without_a_machine_is_refused(
    aws: Emulator, small_model: Model, resources: Resources | None
) -> None:
    before = jobs.listing()
    with pytest.raises(UserError) as refusal:
        SAGEMAKER.train(replace(spec(small_model), resources=resources))
    assert refusal.value.field == "instance_type"
    assert jobs.listing() == before


def test_the_programs_are_there_once_the_job_is(aws: Emulator, small_model: Model) -> None:
    job = SAGEMAKER.train(spec(small_model))
    local.until(lambda: SAGEMAKER.as_code(job), "the programs")
    (program,) = SAGEMAKER.as_code(job)[:1]
    compile(program.text, "program", "exec")
    assert "create_training_job" in program.text
    assert json.dumps(accounts.load().role_arn)[1:-1] in program.text
