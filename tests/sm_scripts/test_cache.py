"""Cached features: shared by runs, made once, read whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fieldmark_ml.photos import preprocessing
from fieldmark_ml.training import cache, features
from tests.sm_scripts import running

RECIPE = cache.Recipe(
    "lite0", "abc", preprocessing.Preprocessing(64, 73, (0.5,) * 3, (0.5,) * 3), "plain", "fp32"
)


def ids(*numbers: int) -> np.ndarray:
    return np.array([f"{number:064x}" for number in numbers], dtype="S64")


def test_two_simultaneous_runs_make_each_feature_once(photos: Path, tmp_path: Path) -> None:
    shared = {"SM_CHANNEL_FEATURES": str(tmp_path / "features")}
    started = [running.start(tmp_path / name, photos, shared) for name in "ab"]
    runs = [one.finished() for one in started]
    assert [run.code for run in runs] == [0, 0], runs
    (folder,) = (tmp_path / "features").glob("lite0-64-plain-fp32-*")
    made = np.concatenate([np.load(path)["image_ids"] for path in folder.glob("*.npz")])
    assert len(made) == len(set(made)) == 48
    assert sum("photos need features" in run.log for run in runs) == 1
    assert runs[0].info["metrics"] == runs[1].info["metrics"]


def test_another_run_reads_what_one_has_made(
    trained: running.Run, photos: Path, tmp_path: Path, features: dict[str, str]
) -> None:
    again = running.train(tmp_path, photos, features)
    assert "features of all photos are cached" in again.log
    assert again.info["metrics"] == trained.info["metrics"]


def test_a_damaged_file_is_made_again(trained: running.Run, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(trained.folder / "features", tmp_path / "features")
    for path in (tmp_path / "features").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:-50])
    again = running.train(tmp_path, photos)
    assert again.code == 0, again.log
    assert "48 photos need features" in again.log
    assert again.info["metrics"] == trained.info["metrics"]


def test_what_an_earlier_job_made_is_read_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SageMaker hands it over as a channel; a damaged file in it is passed over, for it is not ours to remove."""
    before = cache.Cache(tmp_path / "before", RECIPE)
    before.add(ids(1, 2), np.ones((2, 4), np.float32))
    broken = before.folder / "broken.npz"
    broken.write_bytes(b"not what it was")
    monkeypatch.setenv("SM_CHANNEL_CACHED", str(tmp_path / "before"))
    now = cache.Cache(tmp_path / "now", RECIPE)
    now.add(ids(3), np.ones((1, 4), np.float32))
    assert sorted(now.image_ids()) == sorted(ids(1, 2, 3))
    assert broken.exists()
    assert len(list(now.folder.glob("*.npz"))) == 1


def test_everything_a_vector_depends_on_is_in_the_key() -> None:
    keys = {
        RECIPE.key(),
        cache.Recipe("lite1", "abc", RECIPE.how, "plain", "fp32").key(),
        cache.Recipe("lite0", "abd", RECIPE.how, "plain", "fp32").key(),
        cache.Recipe("lite0", "abc", RECIPE.how, "flip", "fp32").key(),
        cache.Recipe("lite0", "abc", RECIPE.how, "plain", "bf16").key(),
        cache.Recipe(
            "lite0",
            "abc",
            preprocessing.Preprocessing(64, 74, (0.5,) * 3, (0.5,) * 3),
            "plain",
            "fp32",
        ).key(),
    }
    assert len(keys) == 6
    assert cache.Recipe("timm/a", "b", RECIPE.how, "plain", "fp32").key().count("/") == 0


def test_gather_averages_views_and_repeats_photos(tmp_path: Path) -> None:
    plain, flip = (
        cache.Cache(tmp_path, cache.Recipe("lite0", "abc", RECIPE.how, view, "fp32"))
        for view in ("plain", "flip")
    )
    plain.add(ids(3, 1), np.array([[3.0, 0], [1, 0]]))
    plain.add(ids(2, 3), np.array([[2.0, 0], [3, 0]]))
    flip.add(ids(1, 2, 3), np.array([[1.0, 2], [2, 4], [3, 6]]))
    names = [f"{number:064x}" for number in (2, 3, 2, 1)]
    matrix = features.gather(names, [(2, [plain, flip]), (2, [flip])], tmp_path / "spill")
    assert matrix.tolist() == [[2, 2, 2, 4], [3, 3, 3, 6], [2, 2, 2, 4], [1, 1, 1, 2]]


def test_a_matrix_too_large_for_memory_lies_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = cache.Cache(tmp_path, RECIPE)
    plain.add(ids(1), np.ones((1, 4)))
    monkeypatch.setattr(features, "SHARE_OF_MEMORY", 0.0)
    matrix = features.gather([f"{1:064x}"] * 3, [(4, [plain])], tmp_path / "spill")
    assert (tmp_path / "spill").stat().st_size == 3 * 4 * 4
    assert matrix.sum() == 12


def test_half_precision_is_kept_for_bf16_only(tmp_path: Path) -> None:
    for precision, kind in (("bf16", np.float16), ("fp32", np.float32)):
        made = cache.Cache(tmp_path, cache.Recipe("lite0", "abc", RECIPE.how, "plain", precision))
        made.add(ids(1), np.array([[0.1]]))
        ((_, vectors),) = made.vectors()
        assert vectors.dtype == kind
