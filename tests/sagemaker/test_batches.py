"""Batches on SageMaker, on the emulator: the same table as on this workstation, whatever their photos come from."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from core import backends
from core.aws import account as accounts
from core.batch import results, table
from core.datasets import store
from core.errors import UserError
from core.jobs import store as jobs
from core.jobs.specs import Resources, TransformSpec
from core.jobs.store import Job, State
from core.models.store import Model
from tests import shapes
from tests.backends import watching
from tests.sagemaker import serving
from tests.sagemaker.asking import HELD, Emulator
from tests.sagemaker.test_programs import run, sdk

__all__ = ["sdk"]

SAGEMAKER, LOCAL = backends.SAGEMAKER, backends.LOCAL


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))


def read(job: Job, model: Model) -> table.Table:
    return table.read(job.folder, model.classes)


def nothing_left(aws: Emulator, job: Job) -> None:
    """Model and answers are gone; the photos stay, for they are shared, and the list of them."""
    assert not aws.client("sagemaker").list_models(NameContains=job.id)["Models"]
    bucket = accounts.load().bucket
    assert (
        not aws.client("s3")
        .list_objects_v2(Bucket=bucket, Prefix=f"fieldmark/transform/{job.id}/output")
        .get("Contents")
    )


def test_a_split_gives_the_table_that_it_gives_here(aws: Emulator, small_model: Model) -> None:
    there = serving.ended(serving.batch(small_model))
    assert there.state is State.COMPLETED, f"{there.status.reason}\n{serving.log(there.id)}"
    spec = TransformSpec(
        "Here", small_model.id, "split", small_model.dataset_id, small_model.version_id, "test"
    )
    here = watching.ended(LOCAL, LOCAL.transform(spec))
    ours, theirs = (
        read(job, small_model).page(range(len(read(job, small_model)))) for job in (here, there)
    )
    assert list(ours["path"]) == list(theirs["path"])
    for column in (
        "row",
        "image_id",
        "label",
        "prediction",
        "unsure",
        "unfamiliar",
        "correct",
        "in_training",
        "error",
    ):
        assert list(ours[column]) == list(theirs[column]), column
    difference = float(np.abs(ours["probability"] - theirs["probability"]).max())
    print(f"\nlargest difference of a probability: {difference:.2e}")
    assert difference < 1e-4
    facts = there.status.progress
    assert (facts["done"], facts["total"], facts["errors"]) == (len(theirs), len(theirs), 0)
    assert facts["billable_seconds"] > 0
    nothing_left(aws, there)


@pytest.mark.parametrize("title", ["boto3", "SageMaker SDK v3"])
def test_a_batch_is_repeated_by_hand(
    aws: Emulator, small_model: Model, tmp_path: Path, title: str, request: pytest.FixtureRequest
) -> None:
    python = sys.executable if title == "boto3" else request.getfixturevalue("sdk")
    job = serving.ended(serving.batch(small_model))
    before = {
        entry["TransformJobName"]
        for entry in aws.client("sagemaker").list_transform_jobs(MaxResults=100)[
            "TransformJobSummaries"
        ]
    }
    assert "Completed" in run(python, job, title, tmp_path)
    found = aws.client("sagemaker").list_transform_jobs(MaxResults=100)["TransformJobSummaries"]
    (made,) = [
        entry["TransformJobName"] for entry in found if entry["TransformJobName"] not in before
    ]
    answers = aws.client("s3").list_objects_v2(
        Bucket=accounts.load().bucket, Prefix=f"fieldmark/transform/{job.id}/output-again/"
    )
    assert len(answers["Contents"]) == job.status.progress["total"]
    assert not aws.client("sagemaker").list_models(NameContains=made)["Models"]


def test_fault_44_bad_photos_are_rows_and_no_failure(
    aws: Emulator, small_model: Model, tmp_path: Path
) -> None:
    folder = tmp_path / "camera"
    shapes.draw(folder, per_class=3)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    (folder / "empty.png").write_bytes(b"")
    (folder / "large.png").write_bytes(b"x" * (6_291_456 + 1))
    shutil.copy(next(folder.rglob("circle/*.png")), folder / "the same again.png")
    job = serving.ended(serving.batch(small_model, "folder", path=str(folder)))
    assert job.state is State.COMPLETED, f"{job.status.reason}\n{serving.log(job.id)}"
    found = read(job, small_model)
    rows = found.page(range(len(found))).set_index("path")
    assert len(found) == 3 * len(shapes.CLASSES) + 4
    assert sorted(rows.index[rows["error"] != ""]) == ["broken.jpg", "empty.png", "large.png"]
    assert rows.loc["the same again.png", "prediction"] == "circle"
    assert all(
        rows.loc[path, "label"] == path.split("/")[0] for path in rows.index if "/" in path
    ), "labels are the folders' names"
    assert job.status.progress["errors"] == 3
    nothing_left(aws, job)


@pytest.mark.parametrize("as_manifest", [False, True])
def test_photos_that_lie_in_s3_are_gone_through_where_they_are(
    aws: Emulator, small_model: Model, tmp_path: Path, as_manifest: bool
) -> None:
    bucket = "somebody-elses-photos"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    folder = shapes.draw(tmp_path / "june", per_class=2)
    keys = []
    for path in sorted(folder.rglob("*.png")):
        key = f"june/{path.relative_to(folder).as_posix()}"
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
        keys.append(key.removeprefix("june/"))
    s3.put_object(Bucket=bucket, Key="june/notes.txt", Body=b"not a photo")
    path, expected = f"s3://{bucket}/june", keys
    if as_manifest:
        expected = keys[:3]
        s3.put_object(
            Bucket=bucket,
            Key="lists/three.manifest",
            Body=json.dumps([{"prefix": f"s3://{bucket}/june/"}, *expected]).encode(),
        )
        path = f"s3://{bucket}/lists/three.manifest"
    job = serving.ended(serving.batch(small_model, "s3", path=path))
    assert job.state is State.COMPLETED, f"{job.status.reason}\n{serving.log(job.id)}"
    found = read(job, small_model)
    rows = found.page(range(len(found)))
    assert list(rows["path"]) == expected
    assert not any(rows["error"])
    assert list(rows["prediction"]) == list(rows["label"])
    assert (job.folder.input / "images" / expected[0]).is_file(), "they can be looked at here"


def test_a_place_without_photos_fails_in_words(aws: Emulator, small_model: Model) -> None:
    bucket = accounts.load().bucket
    job = serving.ended(serving.batch(small_model, "s3", path=f"s3://{bucket}/nothing/"))
    assert job.state is State.FAILED
    assert "no photos at" in job.status.reason


def test_several_machines_share_the_photos_and_photos_are_sent_once(
    aws: Emulator, small_model: Model
) -> None:
    first = serving.ended(serving.batch(small_model))
    sent = {e["Key"]: e["LastModified"] for e in _images(aws)}
    second = serving.ended(serving.batch(small_model, resources=Resources("ml.m5.large", 2)))
    assert (first.state, second.state) == (State.COMPLETED, State.COMPLETED), second.status.reason
    assert {e["Key"]: e["LastModified"] for e in _images(aws)} == sent
    assert results.done(first.folder) == results.done(second.folder)


def test_fault_30_stopped_it_keeps_what_is_done_and_goes_on_from_there(
    aws: Emulator, small_model: Model
) -> None:
    with aws.settings(**SLOW):
        job = serving.batch(small_model)
        serving.until(
            lambda: (
                SAGEMAKER.refresh(job).status.progress.get("phase")
                in ("Waiting for instances", "Predicting")
            ),
            "its start",
        )
        SAGEMAKER.stop(job)
        SAGEMAKER.stop(job)
        job = serving.ended(job)
    assert job.state is State.STOPPED
    assert not job.status.reason.startswith("Stopped on SageMaker")
    nothing_left(aws, job)
    again = serving.ended(serving.batch(small_model, resumed_from=job.id))
    assert again.state is State.COMPLETED, again.status.reason
    total = store.version(small_model.dataset_id, small_model.version_id).split_counts()["test"]
    assert results.done(again.folder) == total


def test_fault_45_a_lost_answer_and_a_killed_watcher_make_no_second_job(
    aws: Emulator, small_model: Model
) -> None:
    import psutil

    aws.fault("lost", "CreateTransformJob")
    before = aws.done("CreateTransformJob")
    job = serving.batch(small_model)
    serving.until(lambda: aws.done("CreateTransformJob") == before + 1, "the creation")
    pid = jobs.read(job.id).status.pid
    assert pid
    psutil.Process(pid).kill()
    job = serving.ended(job)
    assert job.state is State.COMPLETED, job.status.reason
    assert aws.done("CreateTransformJob") == before + 1
    assert len(read(job, small_model)) == job.status.progress["total"]


def test_fault_47_a_quota_of_zero_is_explained_and_nothing_stays(
    aws: Emulator, small_model: Model
) -> None:
    with aws.settings(not_listed=["ml.p3.2xlarge for transform job usage"]):
        job = serving.batch(small_model, resources=Resources("ml.p3.2xlarge"))
    job = serving.ended(job)
    assert job.state is State.FAILED
    assert "quota" in job.status.reason.lower()
    nothing_left(aws, job)


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        (None, "instance_type"),
        (Resources(memory_mb=4096), "instance_type"),
        (Resources("ml.m5.large", spot=True), "instance_type"),
    ],
)
def test_what_aws_would_refuse_is_refused_at_once(
    aws: Emulator, small_model: Model, resources: Resources | None, field: str
) -> None:
    with pytest.raises(UserError) as caught:
        serving.batch(small_model, resources=resources)
    assert caught.value.field == field
    assert not jobs.readable("transform")


def test_photos_in_s3_are_not_for_the_workstation(small_model: Model) -> None:
    with pytest.raises(UserError, match="Amazon SageMaker"):
        LOCAL.transform(TransformSpec("S3", small_model.id, "s3", path="s3://photos/june/"))


SLOW = {"start_seconds": HELD}


def _images(aws: Emulator) -> list[dict[str, object]]:
    return list(
        aws.client("s3").list_objects_v2(Bucket=accounts.load().bucket, Prefix="fieldmark/images/")[
            "Contents"
        ]
    )
