"""Batches over photos that lie in S3, whatever they are called: each gets its own answer or none."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.aws import account as accounts
from core.aws import storage
from core.aws.storage import Store
from core.backends.sagemaker.batch import place as transform_s3
from core.backends.sagemaker.batch.output import Output
from core.batch import items, results, sources, table
from core.batch.items import Item
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from core.jobs.store import Job, State
from core.models.store import Model
from tests import shapes
from tests.sagemaker import serving
from tests.sagemaker.asking import Emulator

BUCKET = "photos-of-all-names"
LONG = "/".join(["a-folder-with-a-long-name-" + "x" * 70] * 9)
# Each ends like another, or is spelt in a way that some program may change.
NAMES = {
    "a/b.png": "circle",
    "x/a/b.png": "square",
    "b.png": "triangle",
    "B.png": "square",
    "a b.png": "square",
    "a+b.png": "triangle",
    "a%20b.png": "circle",
    "a%2Fb.png": "square",
    "a#b.png": "triangle",
    "a?b.png": "circle",
    "a&b=c.png": "square",
    "Käfer.png": "triangle",
    "\N{BIRD}.png": "circle",
    "/b.png": "square",
    "x//a/b.png": "triangle",
    "../b.png": "square",
    "./b.png": "circle",
    "dots./b.png": "square",
    "b.png.out/b.png": "triangle",
    f"{LONG}/b.png": "square",
}


@pytest.fixture
def bucket(aws: Emulator) -> Iterator[Any]:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for entry in page.get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def put(s3: Any, named: Mapping[str, str], prefix: str = "june/") -> None:
    for seed, (name, shape) in enumerate(named.items()):
        s3.put_object(Bucket=BUCKET, Key=prefix + name, Body=serving.png(shape, seed))


def predictions(job: Job, model: Model) -> dict[str, str]:
    found = table.read(job.folder, model.classes)
    page = found.page(range(len(found)))
    assert not any(page["error"]), list(page["error"])
    return dict(zip(page["path"], page["prediction"], strict=True))


def completed(job: Job) -> Job:
    job = serving.ended(job)
    assert job.state is State.COMPLETED, f"{job.status.reason}\n{serving.log(job.id)}"
    return job


def asked_for(aws: Emulator, job: Job) -> list[str]:
    """Return the keys in the list that SageMaker was given."""
    key = f"fieldmark/transform/{job.id}/input.manifest"
    found = aws.client("s3").get_object(Bucket=accounts.load().bucket, Key=key)
    return [str(entry) for entry in json.load(found["Body"])[1:]]


@pytest.mark.parametrize("answers", ["key", "name"])
def test_photos_whose_names_end_alike_get_their_own_answers(
    aws: Emulator,
    bucket: Any,
    small_model: Model,
    answers: str,
) -> None:
    put(bucket, NAMES)
    with aws.settings(answers=answers):
        job = completed(serving.batch(small_model, "s3", path=f"s3://{BUCKET}/june"))
    assert predictions(job, small_model) == NAMES


def test_photos_of_plain_names_stay_where_they_are(
    aws: Emulator,
    bucket: Any,
    small_model: Model,
) -> None:
    named = {"3.png": "triangle", "a/1.png": "circle", "b/2.png": "square"}
    put(bucket, named)
    with aws.settings(answers="name"):
        job = completed(serving.batch(small_model, "s3", path=f"s3://{BUCKET}/june/"))
    assert predictions(job, small_model) == named
    assert sorted(asked_for(aws, job)) == sorted(named)


def large(name: str) -> bytes:
    """Return a photo of 12 MB."""
    buffer = io.BytesIO()
    shapes.photo(name, seed=5).resize((2000, 2000)).save(buffer, "BMP")
    return buffer.getvalue()


@pytest.mark.parametrize("source", ["s3", "folder"])
def test_photos_too_large_for_the_job_are_shrunk_or_rows_and_the_others_are_answered(
    aws: Emulator,
    bucket: Any,
    small_model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    found = {
        "june/1.png": serving.png("circle"),
        "june/2.bmp": large("square"),
        "june/3.png": b"x" * 7_000_000,
        "june/4.png": serving.png("triangle"),
    }
    (tmp_path / "june").mkdir()
    for key, data in found.items():
        bucket.put_object(Bucket=BUCKET, Key=key, Body=data)
        (tmp_path / key).write_bytes(data)
    path = f"s3://{BUCKET}/june" if source == "s3" else str(tmp_path / "june")
    job = completed(serving.batch(small_model, source, path=path))
    rows = table.read(job.folder, small_model.classes).page(range(4)).set_index("path")
    assert list(rows["prediction"]) == ["circle", "square", "", "triangle"]
    assert [bool(error) for error in rows["error"]] == [False, False, True, False]
    assert rows.loc["2.bmp", "image_id"] == hashlib.sha256(found["june/2.bmp"]).hexdigest()


def listed(folder: Path, path: str) -> dict[str, str]:
    """By key, the problem of each photo that a batch over this place would have."""
    run = RunFolder(folder)
    run.input.mkdir(parents=True)
    spec = TransformSpec("Listed", "fm-training-20260101-000000-abcdef", "s3", path=path)
    found = transform_s3.listed(spec, run, (), lambda: None)
    listed = items.at(sources.list_of(run), range(found.total))
    notes = dict.fromkeys(found.large, "large")
    return {
        item.file: found.problems.get(row) or notes.get(item.file, "")
        for row, item in enumerate(listed)
    }


@pytest.mark.parametrize(
    "folder", ["june#2", "june?", "june%2F1", "ju+ne", "ju ne", "jüne", "june/"]
)
def test_a_place_is_the_one_that_was_typed(bucket: Any, tmp_path: Path, folder: str) -> None:
    for number, place in enumerate((folder, "june/2", "june", f"{folder}0", f"0{folder}")):
        bucket.put_object(Bucket=BUCKET, Key=f"{place}/{number}.png", Body=b"a photo")
    address = f"s3://{BUCKET}/{folder}"
    assert listed(tmp_path / "1", f"{address}/") == {"0.png": ""}
    if not folder.endswith("/"):
        assert listed(tmp_path / "2", address) == {"0.png": ""}


def test_what_a_manifest_names_and_is_gone_or_too_large_is_a_row(
    bucket: Any, tmp_path: Path
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="june/1.png", Body=b"a photo")
    bucket.put_object(Bucket=BUCKET, Key="june/3.png", Body=b"x" * 6_291_457)
    body = json.dumps([{"prefix": f"s3://{BUCKET}/june/"}, "1.png", "2.png", "3.png"]).encode()
    bucket.put_object(Bucket=BUCKET, Key="all.json", Body=body)
    found = listed(tmp_path, f"s3://{BUCKET}/all.json")
    assert found == {"1.png": "", "2.png": "it is not in S3", "3.png": "large"}


def test_a_manifest_of_odd_names_is_read(aws: Emulator, bucket: Any, small_model: Model) -> None:
    put(bucket, NAMES)
    listed = [name for name in NAMES if not name.startswith("/")]
    body = json.dumps([{"prefix": f"s3://{BUCKET}/june/"}, *listed]).encode()
    bucket.put_object(Bucket=BUCKET, Key="lists/all #1?.manifest", Body=body)
    path = f"s3://{BUCKET}/lists/all #1?.manifest"
    job = completed(serving.batch(small_model, "s3", path=path))
    assert predictions(job, small_model) == {name: NAMES[name] for name in listed}


def test_a_batch_that_fails_keeps_its_answers_and_asks_only_for_the_rest(
    aws: Emulator, bucket: Any, small_model: Model
) -> None:
    named = {"1.png": "circle", "2.png": "square", "4.png": "triangle"}
    put(bucket, named)
    bucket.put_object(Bucket=BUCKET, Key="june/3.png", Body=b"x" * 2**23)
    listed = [{"prefix": f"s3://{BUCKET}/june/"}, "1.png", "2.png", "3.png", "4.png"]
    bucket.put_object(Bucket=BUCKET, Key="all.manifest", Body=json.dumps(listed).encode())
    # Who may not look at the photos can't know that one of them is too large for the job.
    aws.fault("denied", "HeadObject", times=4, service="s3")
    path = f"s3://{BUCKET}/all.manifest"
    job = serving.ended(serving.batch(small_model, "s3", path=path))
    assert job.state is State.FAILED
    assert [job.status.progress[name] for name in ("total", "done", "errors")] == [4, 4, 1]
    assert results.open_rows(job.folder) == [2]
    bucket.put_object(Bucket=BUCKET, Key="june/3.png", Body=serving.png("circle"))
    again = completed(serving.batch(small_model, "s3", path=path, resumed_from=job.id))
    assert predictions(again, small_model) == {**named, "3.png": "circle"}
    assert asked_for(aws, again) == ["3.png"]


@pytest.mark.parametrize(
    "keys",
    [
        ("a/b.jpg", "x/a/b.jpg"),
        ("b.jpg", "B.jpg"),
        ("a b.jpg",),
        ("a//b.jpg",),
        ("é.jpg",),
        ("../a.jpg",),
    ],
)
def test_doubtful_names_are_known(keys: tuple[str, ...]) -> None:
    assert not transform_s3.are_plain([f"s3://photos/june/{key}" for key in keys])
    assert transform_s3.are_plain(["s3://photos/june/a/1.jpg", "s3://photos/june/b/2.out.jpg"])
    names = {transform_s3.own_name(f"s3://photos/june/{key}") for key in keys}
    assert len(names) == len(keys)
    assert transform_s3.are_plain([f"s3://ours/{name}" for name in names])


def test_an_answer_that_may_be_anothers_is_nobodys(aws: Emulator, tmp_path: Path) -> None:
    run, store = RunFolder(tmp_path / "run"), Store(accounts.load())
    run.input.mkdir(parents=True)
    run.output.mkdir()
    spec = TransformSpec(
        "Doubt", "fm-training-20260101-000000-abcdef", "s3", path=f"s3://{BUCKET}/june/"
    )
    items.write([Item(name, name) for name in ("1.png", "2.png", "3.png")], sources.list_of(run))
    for name in ("1.png", "june/1.png", "x/2.png"):
        answer = json.dumps({"error": {"message": "it was read"}}).encode()
        store.put(storage.transform_key(spec.id, f"output/{name}.out"), answer)
    output = Output(store, spec, run)
    assert output.look() == 2
    output.join((), None, lambda done, errors: None, whole=True)
    first, second, third = table.read(run, ()).page(range(3))["error"]
    assert first.startswith(results.UNANSWERED)
    assert "1.png" in first
    assert second == "it was read"
    assert third.startswith(results.UNANSWERED)
