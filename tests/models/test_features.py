"""Cached features: the most similar training photos, found exactly and in bounded memory, and a cache that keeps its bounds."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import time
import tracemalloc
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import settings
from core.datasets import manifest, store
from core.errors import NotFound
from core.jobs.store import Job, Status
from core.models import explain
from core.models import similar as features
from core.models import store as models
from core.training import feature_cache
from sm_scripts.fieldmark_ml.photos import boxes
from tests import shapes
from tests.datasets import made

DIMENSIONS = (6, 4)
PHOTOS = 40


def image_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def write(folder: str, ids: list[str], vectors: np.ndarray) -> Path:
    """One file of the cache, as a training job writes it."""
    path = settings.features_dir() / folder / f"{uuid.uuid4().hex}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path, image_ids=np.array([text.encode() for text in ids], dtype="S64"), features=vectors
    )
    return path


def model_of(version: store.Version, **about: Any) -> models.Model:
    """A model of two backbones with the features above; nothing of it but its description is read."""
    backbones = [
        {"arch": "timm/one", "image_size": 32, "dimensions": DIMENSIONS[0]},
        {"arch": "two", "image_size": 48, "dimensions": DIMENSIONS[1]},
    ]
    spec = {"dataset_id": version.dataset_id, "version_id": version.id}
    job = Job(
        "fm-training-20260101t000000-0a1b2c", "training", "Made up", "local", 0.0, spec, Status()
    )
    return models.Model(
        job.id,
        "Made up",
        {"classes": ["cat", "dog"], "mode": "frozen", "backbones": backbones, **about},
        job,
    )


def similar(model: models.Model, number: int, **more: Any) -> features.Similar:
    """The photos similar to a cached one."""
    query = features.of_photo(model, image_id(number))
    assert query is not None
    return features.similar_to_features(model, query, **more)


@pytest.fixture
def version(home: Path) -> store.Version:
    frame = made.frame({"cat": PHOTOS // 2, "dog": PHOTOS // 2}).assign(
        split=["train", "train", "train", "test"] * (PHOTOS // 4)
    )
    frame["image_id"] = [image_id(number) for number in range(PHOTOS)]
    return store.add_dataset("Made up", home, "made by a test", frame, {}, split={})


@pytest.fixture
def vectors(version: store.Version) -> list[np.ndarray]:
    """The cached features of both backbones, in several files, with one photo twice and photos of other datasets between."""
    chance = np.random.default_rng(0)
    parts = [chance.standard_normal((PHOTOS, size)).astype(np.float32) for size in DIMENSIONS]
    ids = [image_id(number) for number in range(PHOTOS)]
    for folder, part, dtype in zip(
        ("timm_one-32-plain-bf16-0123456789ab", "two-48-plain-fp32-0123456789ab"),
        parts,
        (np.float16, np.float32),
        strict=True,
    ):
        for start in range(0, PHOTOS, 9):
            write(
                folder,
                [*ids[start : start + 9], image_id(1000 + start)],
                np.vstack([part[start : start + 9], part[:1]]).astype(dtype),
            )
        write(folder, ids[3:5], part[3:5].astype(dtype))
    write("timm_one-32-flip-bf16-0123456789ab", ids, parts[0][::-1])
    return parts


def expected(parts: list[np.ndarray], queries: list[np.ndarray]) -> np.ndarray:
    """float [PHOTOS]: the mean over the backbones of the cosine to each photo."""
    cosines = [
        part @ query / np.linalg.norm(part, axis=1) / np.linalg.norm(query)
        for part, query in zip(parts, queries, strict=True)
    ]
    return np.asarray(np.mean(cosines, axis=0))


def test_the_most_similar_training_photos_are_exact(
    version: store.Version, vectors: list[np.ndarray]
) -> None:
    frame = store.manifest_of(version)
    for number in (3, 7):
        found = similar(model_of(version), number, count=5, leave_out=frame["path"][number])
        assert found.n == PHOTOS * 3 // 4
        every = np.where(
            frame["split"] == "train",
            expected(vectors, [part[number] for part in vectors]),
            -np.inf,
        )
        best = np.argsort(-every)[:5]
        assert found.photos["path"].tolist() == frame["path"][best].tolist()
        assert found.photos["label"].tolist() == frame["label"][best].tolist()
        assert np.allclose(found.photos["similarity"], every[best], atol=2e-3)


def test_a_training_photo_is_not_its_own_neighbour_but_its_duplicate_is(
    version: store.Version, vectors: list[np.ndarray]
) -> None:
    path = store.manifest_of(version)["path"][0]
    model = model_of(version)
    assert path not in similar(model, 0, leave_out=path).photos["path"].tolist()
    copy = similar(model, 0, leave_out="a copy in test.jpg").photos
    assert copy["path"][0] == path
    assert copy["similarity"][0] == pytest.approx(1, abs=1e-3)


def test_a_photo_of_any_kind_is_compared_by_its_features(
    version: store.Version, vectors: list[np.ndarray]
) -> None:
    query = np.concatenate([part[4] for part in vectors]) * 3
    found = features.similar_to_features(model_of(version), query, count=1).photos
    assert found["image_id"].tolist() == [image_id(4)]


def test_what_is_not_cached_is_said(version: store.Version) -> None:
    model, query = model_of(version), np.ones(sum(DIMENSIONS), np.float32)
    for folder, size in (
        ("timm_one-32-plain-bf16-0123456789ab", 6),
        ("two-48-plain-fp32-0123456789ab", 4),
    ):
        for ask in (
            lambda: features.of_photo(model, image_id(0)),
            lambda: features.similar_to_features(model, query),
        ):
            with pytest.raises(NotFound, match="training photos of Made up were evicted"):
                ask()
        write(folder, [image_id(0)], np.ones((1, size), np.float32))
    assert features.of_photo(model, image_id(1)) is None
    assert similar(model, 0).n == 1


def test_a_fine_tuned_model_has_features_of_its_own(version: store.Version) -> None:
    backbone = {"arch": "two", "image_size": 48, "dimensions": 4}
    model = model_of(version, mode="finetune", backbones=[backbone])
    with pytest.raises(NotFound, match="were not kept"):
        features.of_photo(model, image_id(0))
    vectors = np.random.default_rng(2).standard_normal((PHOTOS, 4)).astype(np.float32)
    write(
        str(model.folder.output / "features"),
        [image_id(number) for number in range(PHOTOS)],
        vectors,
    )
    path = store.manifest_of(version)["path"][1]
    assert similar(model, 1).photos["path"][0] == path


def test_a_model_is_answered_from_the_folder_it_names(version: store.Version) -> None:
    ids = [image_id(number) for number in range(PHOTOS)]
    chance = np.random.default_rng(3)
    own, other = (chance.standard_normal((PHOTOS, 4)).astype(np.float32) for _ in range(2))
    write("two-48-plain-fp32-0123456789ab", ids, own)
    write("two-48-plain-bf16-ba9876543210", ids, other)
    for folder, expected in (
        ("two-48-plain-fp32-0123456789ab", own),
        ("two-48-plain-bf16-ba9876543210", other),
    ):
        model = model_of(
            version,
            backbones=[{"arch": "two", "image_size": 48, "dimensions": 4, "features": folder}],
        )
        made = features.of_photo(model, ids[3])
        assert made is not None
        assert np.allclose(made, expected[3])


def test_photos_that_only_one_backbone_has_seen_are_left_out(
    version: store.Version, vectors: list[np.ndarray]
) -> None:
    for path in sorted((settings.features_dir() / "two-48-plain-fp32-0123456789ab").glob("*.npz"))[
        :2
    ]:
        path.write_bytes(path.read_bytes()[:200])
    model = model_of(version)
    found = features.similar_to_features(
        model, np.concatenate([part[4] for part in vectors]), count=99
    )
    assert 0 < found.n < PHOTOS * 3 // 4
    assert len(found.photos) == found.n
    assert found.photos["similarity"].is_monotonic_decreasing


def test_a_large_cache_is_read_one_file_at_a_time(home: Path) -> None:
    count, size, files = 2000, 512, 20
    ids = [image_id(number) for number in range(count * files)]
    frame = made.frame({"cat": len(ids) // 2, "dog": len(ids) // 2}).assign(
        split="train", image_id=ids
    )
    version = store.add_dataset("Large", home, "made by a test", frame, {}, split={})
    chance = np.random.default_rng(1)
    for number in range(files):
        write(
            "two-48-plain-bf16-0123456789ab",
            ids[number * count :][:count],
            chance.standard_normal((count, size)).astype(np.float16),
        )
    model = model_of(version, backbones=[{"arch": "two", "image_size": 48, "dimensions": size}])
    query = features.of_photo(model, ids[5])
    assert query is not None
    tracemalloc.start()
    start = time.perf_counter()
    found = features.similar_to_features(model, query, leave_out=frame["path"][5])
    seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"\nnearest of {len(ids)} photos: {seconds:.2f} s, {peak / 2**20:.0f} MB at most")
    assert found.n == len(ids) - 1
    one_file, all_features = count * size * 2, len(ids) * size * 2
    # Besides, the manifest's columns of all photos.
    assert peak < 4 * one_file + all_features * 0.75


def test_real_features_find_the_photo_that_was_saved_again(
    small_model: models.Model, tmp_path: Path
) -> None:
    """An upload that is a training photo in another format has that photo as its nearest, by the features of a real model."""
    train = small_model.predictions().of_split("train")
    root = store.dataset(small_model.dataset_id).root
    original = Image.open(root / str(train.path[0])).convert("RGB")
    buffer = io.BytesIO()
    original.save(buffer, "BMP")
    found = explain.similar(small_model, explain.keep_upload(buffer.getvalue()))
    assert found.photos["path"][0] == str(train.path[0])
    assert found.photos["similarity"][0] > 0.999
    assert found.n == len(train)
    assert set(found.photos["label"]) <= set(shapes.CLASSES)


def made_folder(name: str, megabytes: int, age: float) -> Path:
    """A folder of the cache that was used `age` seconds ago."""
    path = settings.features_dir() / name
    path.mkdir(parents=True)
    (path / "a.npz").write_bytes(bytes(megabytes * 2**20))
    at = time.time() - age
    os.utime(path, (at, at))
    return path


DAY = 86_400


def test_trimming_removes_what_was_used_the_longest_ago() -> None:
    folders = [
        made_folder(name, 2, age)
        for name, age in (
            ("new", DAY),
            ("oldest", 9 * DAY),
            ("old", 5 * DAY),
            ("networks/lite0", 7 * DAY),
        )
    ]
    assert feature_cache.trim(limit=5 * 2**20) == ["oldest", "lite0"]
    assert [folder.exists() for folder in folders] == [True, False, True, False]
    assert feature_cache.trim(limit=5 * 2**20) == []
    assert [
        path.name for path in settings.features_dir().iterdir() if path.name.startswith(".")
    ] == []


def test_trimming_leaves_what_a_job_may_be_using() -> None:
    written, read = made_folder("written", 2, 9 * DAY), made_folder("read", 2, 600)
    with (written / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        os.utime(written, (0, 0))
        assert feature_cache.trim(limit=0) == []
    assert (written / "a.npz").exists()
    assert (read / "a.npz").exists()
    os.utime(written, (0, 0))
    assert feature_cache.trim(limit=0) == ["written"]


def test_looking_for_similar_photos_counts_as_use(
    version: store.Version, vectors: list[np.ndarray]
) -> None:
    folders = sorted(path for path in settings.features_dir().iterdir() if "plain" in path.name)
    for folder in folders:
        os.utime(folder, (0, 0))
    similar(model_of(version), 0)
    assert feature_cache.trim(limit=0) == []
    assert all(folder.exists() for folder in folders)


def test_what_a_killed_trimming_left_is_removed() -> None:
    left = made_folder(".trimmed-0123", 1, 0)
    assert feature_cache.trim() == []
    assert not left.exists()


def test_a_model_of_crops_is_compared_by_its_crops(home: Path) -> None:
    frame = made.frame({"cat": 4, "dog": 4}).assign(split="train")
    frame["image_id"] = [image_id(number) for number in range(8)]
    frame.loc[:5, list(manifest.BOX)] = [2.5, 3.0, 20.0, 10.0]
    version = store.add_dataset("Made up", home, "made by a test", frame, {}, split={})
    model = model_of(version, hyperparameters={"crop_to_box": "True"})
    chance = np.random.default_rng(1)
    seen = [
        boxes.key(image_id(number), (0, 0, 25, 20) if number < 6 else None) for number in range(8)
    ]
    parts = [chance.standard_normal((8, size)).astype(np.float32) for size in DIMENSIONS]
    for folder, part in zip(
        ("timm_one-32-plain-fp32-0123456789ab", "two-48-plain-fp32-0123456789ab"),
        parts,
        strict=True,
    ):
        write(folder, seen, part)
    found = features.similar_to_features(
        model, np.concatenate([part[1] for part in parts]), count=2
    )
    assert found.n == 8
    assert found.photos["image_id"].iloc[0] == image_id(1)
    assert np.isclose(found.photos["similarity"].iloc[0], 1)
