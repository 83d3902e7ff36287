"""Photos that stay in S3: imported by reading, fetched when they are needed, copied inside S3 for SageMaker."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.aws import account as accounts
from core.aws import s3
from core.aws.storage import Store
from core.backends import LOCAL, SAGEMAKER
from core.backends.sagemaker import upload
from core.datasets import remote, store
from core.datasets.store import Version
from core.errors import FieldmarkError, UserError
from core.io import images
from core.jobs.specs import ImportSpec, TrainingSpec, TransformSpec
from core.jobs.store import Job, State
from core.models import store as models
from tests import shapes
from tests.backends.watching import ended
from tests.conftest import SMALL
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import MACHINE
from tests.sagemaker.watching import ended as ended_there

BUCKET = "somebodys-photos"
SECRET = "a-secret-that-stays-with-the-worker"


@dataclass
class Bucket:
    """Somebody's bucket, with drawn shapes in `birds/`."""

    client: Any

    def put(self, key: str, data: bytes = b"x") -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def put_folder(self, folder: Path, prefix: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}{path.relative_to(folder).as_posix()}", path.read_bytes())

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def bucket(aws: Emulator, tmp_path: Path) -> Iterator[Bucket]:
    made = Bucket(aws.client("s3"))
    made.client.create_bucket(Bucket=BUCKET)
    made.put_folder(shapes.draw(tmp_path / "shapes"), "birds/")
    yield made
    for page in made.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for entry in page.get("Contents", []):
            made.delete(entry["Key"])
    made.client.delete_bucket(Bucket=BUCKET)


def imported(place: str = f"s3://{BUCKET}/birds", **more: Any) -> Job:
    return ended(LOCAL, LOCAL.import_dataset(ImportSpec("Far away", "s3", place, **more)))


def version_of(job: Job) -> Version:
    assert job.state is State.COMPLETED, f"{job.status.reason}\n{job.folder.log.read_text()}"
    return store.version(job.status.progress["dataset_id"], job.status.progress["version_id"])


def copies(version: Version) -> list[Path]:
    root = store.dataset(version.dataset_id).root
    return [path for path in root.rglob("*") if path.is_file()]


def test_photos_are_read_and_stay_where_they_are(bucket: Bucket) -> None:
    bucket.put("birds/circle/broken.png", b"no photo")
    bucket.put("birds/readme.md")
    version = version_of(imported())
    assert version.images == 37
    assert version.classes == tuple(shapes.CLASSES)
    frame = store.manifest_of(version)
    assert set(frame.loc[frame["problem"] != "", "path"]) == {"circle/broken.png"}
    whole = frame[frame["problem"] == ""]
    assert (whole["width"] == shapes.SIZE[0]).all()
    assert whole["image_id"].str.len().eq(64).all()
    assert copies(version) == [], "nothing was copied"
    dataset = store.dataset(version.dataset_id)
    assert dataset.source == f"Amazon S3 s3://{BUCKET}/birds/"
    assert remote.begins(dataset.root) == f"s3://{BUCKET}/birds/"


def test_what_is_looked_at_is_fetched_once_and_can_be_given_back(
    bucket: Bucket, aws: Emulator
) -> None:
    version = version_of(imported())
    dataset, row = store.dataset(version.dataset_id), store.manifest_of(version).iloc[0]
    before = aws.asked("GetObject")
    thumbnail = images.thumbnail(row["image_id"], store.image_path(dataset, row["path"]))
    assert thumbnail.is_file()
    store.image_path(dataset, row["path"])
    assert aws.asked("GetObject") - before <= 1, "a copy that is here is not fetched again"
    assert len(copies(version)) == 1
    assert remote.kept(dataset.root) == (1, row["size_bytes"])
    own = dataset.root / "added" / "mine.png"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"a photo that is not in S3")
    assert remote.forget(dataset.root) == row["size_bytes"]
    assert copies(version) == [own], "what S3 has not got stays"


def test_it_is_trained_on_here_and_no_script_sees_the_way_to_aws(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    version = version_of(imported())
    job = ended(LOCAL, LOCAL.train(TrainingSpec("Far", version.dataset_id, version.id, SMALL)))
    assert job.state is State.COMPLETED, f"{job.status.reason}\n{job.folder.log.read_text()}"
    assert models.of_job(job).metrics("test")["n"] == version.split_counts()["test"]
    assert len(copies(version)) == 36
    assert not [
        path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    remote.forget(store.dataset(version.dataset_id).root)
    spec = TransformSpec(
        "Batch", job.id, "split", dataset_id=version.dataset_id, version_id=version.id, split="test"
    )
    batch = ended(LOCAL, LOCAL.transform(spec))
    assert batch.state is State.COMPLETED, batch.status.reason
    assert batch.status.progress["errors"] == 0
    assert len(copies(version)) == version.split_counts()["test"], (
        f"only that split was fetched: {copies(version)}"
    )


def test_what_has_changed_or_gone_since_is_said_by_name(bucket: Bucket) -> None:
    version = version_of(imported())
    dataset = store.dataset(version.dataset_id)
    bucket.put("birds/circle/00.png", b"another one")
    bucket.delete("birds/circle/01.png")
    problems = remote.bring(dataset.root, ["circle/00.png", "circle/01.png", "circle/02.png"])
    assert set(problems) == {"circle/00.png", "circle/01.png"}
    assert "changed in S3" in problems["circle/00.png"]
    assert "no longer in S3" in problems["circle/01.png"]
    assert [path.name for path in copies(version)] == ["02.png"]


def test_keys_that_no_file_can_have_are_left_out_and_counted(bucket: Bucket) -> None:
    """A key may be anything. What can't be a path here must neither lead elsewhere nor end the import."""
    for key in ("birds/../../etc/passwd.png", "birds//circle/a.png", "birds/circle/..", "birds/./b.png", "birds/" + "x" * 300 + ".png",
                "birds/a\\b.png", "birds/circle/00.png/inside.png", "birds/circle/.hidden.png"):  # fmt: skip
        bucket.put(key)
    bucket.put("birds/square/", b"")
    version = version_of(imported())
    assert version.images == 36
    ignored = version.report["ignored"]
    assert ignored[remote.BAD_KEY] == 6
    assert ignored[remote.BOTH] == 1
    assert ignored["hidden or system file"] == 1


def test_split_folders_further_down_and_a_table_of_labels(bucket: Bucket, tmp_path: Path) -> None:
    for part in ("train", "test"):
        bucket.put_folder(shapes.draw(tmp_path / part, 4), f"deep/er/{part}/")
    version = version_of(imported(f"s3://{BUCKET}/deep"))
    dataset = store.dataset(version.dataset_id)
    assert remote.begins(dataset.root) == f"s3://{BUCKET}/deep/er/"
    assert version.split["kind"] == "official"
    assert store.image_path(dataset, "train/circle/00.png").is_file()
    lines = [
        "filename,label",
        *(
            f"{name}/{number:02d}.png,{name.upper()}"
            for name in shapes.CLASSES
            for number in range(4)
        ),
    ]
    bucket.put_folder(shapes.draw(tmp_path / "flat", 4), "table/")
    bucket.put("table/labels.csv", "\n".join(lines).encode())
    assert version_of(imported(f"s3://{BUCKET}/table/")).classes == ("CIRCLE", "SQUARE", "TRIANGLE")


def test_new_objects_make_the_next_version(bucket: Bucket, aws: Emulator) -> None:
    version = version_of(imported())
    bucket.put("birds/circle/new.png", _png("circle", 99))
    bucket.put("elsewhere/square/far.png", _png("square", 98))
    read = aws.asked("GetObject")
    second = version_of(imported(dataset_id=version.dataset_id, version_id=version.id))
    assert aws.asked("GetObject") - read == 1, "what is the same is not read again"
    dataset = store.dataset(version.dataset_id)
    assert second.images == 37
    assert copies(version) == []
    assert store.image_path(dataset, "circle/new.png").is_file()
    third = version_of(
        imported(f"s3://{BUCKET}/elsewhere", dataset_id=version.dataset_id, version_id=second.id)
    )
    (far,) = [path for path in store.manifest_of(third)["path"] if path.endswith("far.png")]
    assert far.startswith("added/"), "what lies elsewhere is copied"
    remote.forget(dataset.root)
    assert (dataset.root / far).is_file()


def test_sagemaker_takes_the_photos_from_where_they_are(
    bucket: Bucket, aws: Emulator, tmp_path: Path
) -> None:
    version = version_of(imported())
    to = Store(accounts.load())
    bucket.put("birds/circle/00.png", b"another one")
    copied = aws.asked("CopyObject")
    sent = upload.version(
        to, version.dataset_id, version.id, tmp_path, lambda _: None, lambda: None
    )
    assert aws.asked("CopyObject") - copied == 36
    assert copies(version) == [], "no photo came here"
    assert sent.photos == 36
    listed = (
        aws.client("s3")
        .get_object(Bucket=accounts.load().bucket, Key=to.account.key(to.key_of(sent.images)))[
            "Body"
        ]
        .read()
        .decode()
    )
    changed = store.manifest_of(version).set_index("path").loc["circle/00.png", "image_id"]
    assert changed not in listed, "a photo that has changed is left out, as on this workstation"


def test_where_s3_may_not_copy_the_photos_go_by_way_of_this_machine(
    bucket: Bucket, aws: Emulator, tmp_path: Path
) -> None:
    version = version_of(imported())
    aws.fault("denied", "CopyObject", times=36)
    sent = upload.version(
        Store(accounts.load()),
        version.dataset_id,
        version.id,
        tmp_path,
        lambda _: None,
        lambda: None,
    )
    assert sent.photos == len(copies(version)) == 36


def test_it_is_trained_on_there(bucket: Bucket, aws: Emulator) -> None:
    version = version_of(imported())
    job = ended_there(
        SAGEMAKER.train(
            TrainingSpec("Far", version.dataset_id, version.id, SMALL, resources=MACHINE)
        )
    )
    assert job.state is State.COMPLETED, job.status.reason
    assert models.read(job.id).metrics("test")["n"] == version.split_counts()["test"]
    assert copies(version) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "birds",
        "s3://",
        "s3://B/x",
        "https://a/b",
        "s3://good-name/../x",
        "s3://good-name//x",
        "s3:/good/x",
    ],
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="s3://my-photos/birds") as refusal:
        s3.place_of(text)
    assert refusal.value.field == "path"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("s3://no-such-bucket-at-all/x", "bucket does not exist"),
        (f"s3://{BUCKET}/nothing-here", "is empty"),
    ],
)
def test_a_place_with_nothing_in_it_is_said_before_a_job_is_made(
    bucket: Bucket, place: str, words: str
) -> None:
    with pytest.raises(UserError, match=words) as refusal:
        s3.require(s3.place_of(place))
    assert refusal.value.field == "path"


def test_fault_46_who_may_not_read_is_told_what_is_missing(bucket: Bucket, aws: Emulator) -> None:
    aws.fault("denied", "ListObjectsV2", times=2, service="s3")
    job = imported()
    assert job.state is State.FAILED
    assert "permission" in job.status.reason
    assert [item for item in store.datasets() if isinstance(item, store.Dataset)] == []
    with pytest.raises(FieldmarkError, match="permission"):
        s3.require(s3.place_of(f"s3://{BUCKET}/birds"))


def test_fault_49_the_network_goes_and_comes_back_while_it_reads(
    bucket: Bucket, aws: Emulator
) -> None:
    aws.fault("broken", "GetObject", times=2, service="s3")
    assert version_of(imported()).images == 36


def _png(name: str, seed: int) -> bytes:
    buffer = io.BytesIO()
    shapes.photo(name, seed).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("folder", ["birds#2", "Vögel %2F?+"])
def test_a_folder_of_any_name_is_the_one_that_is_imported(
    bucket: Bucket, tmp_path: Path, folder: str
) -> None:
    bucket.put_folder(tmp_path / "shapes", f"{folder}/")
    bucket.put(f"{folder}/circle/extra.png", _png("circle", 77))
    assert version_of(imported(f"s3://{BUCKET}/{folder}")).images == 37


@pytest.mark.parametrize(
    "address",
    [
        "s3://b/",
        "s3://b//a",
        "s3://b/a//",
        "s3://b/a#b?c%2Fd+e f/g",
        "s3://b/ä/..",
        "s3://b/a%20b/",
    ],
)
def test_every_character_of_an_address_counts(address: str) -> None:
    bucket, key = s3.split(address)
    assert (bucket, f"s3://{bucket}/{key}") == ("b", address)
