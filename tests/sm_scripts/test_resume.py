"""Stopping and going on: SIGTERM, kill, damaged checkpoints, a full disk. Resumed equals uninterrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sm_scripts import running

HEAD = {"head": "mlp", "epochs": "150", "early_stopping_patience": "0", "batch_size": "8"}


@pytest.fixture(scope="module")
def uninterrupted(
    photos: Path, features: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> running.Run:
    run = running.train(tmp_path_factory.mktemp("uninterrupted"), photos, features, **HEAD)
    assert run.code == 0, run.log
    return run


def same(a: list[dict[str, float]], b: list[dict[str, float]]) -> bool:
    return len(a) == len(b) and all(
        x == pytest.approx(y, abs=1e-6) for x, y in zip(a, b, strict=True)
    )


def test_fault_34_resumed_equals_uninterrupted(
    uninterrupted: running.Run, photos: Path, features: dict[str, str], tmp_path: Path
) -> None:
    stopped = running.stopped_after("epoch=20 ", tmp_path, photos, features, **HEAD)
    assert stopped.code == 143, stopped.log
    assert not (tmp_path / "model" / "model.json").exists()
    resumed = running.train(tmp_path, photos, features, **HEAD)
    assert resumed.code == 0, resumed.log
    assert "resuming from" in resumed.log
    assert 20 <= len(stopped.rows()) < 150
    assert same(stopped.rows() + resumed.rows(), uninterrupted.rows())
    assert resumed.info["metrics"] == uninterrupted.info["metrics"]


def test_a_stopped_lbfgs_fit_goes_on_the_same_way(
    photos: Path, features: dict[str, str], tmp_path: Path
) -> None:
    values = {"weight_decay": "0.0001"}
    whole = running.train(tmp_path / "whole", photos, features, **values)
    stopped = running.stopped_after("epoch=2 ", tmp_path / "run", photos, features, **values)
    resumed = running.train(tmp_path / "run", photos, features, **values)
    assert resumed.code == 0, resumed.log
    if stopped.code == 143:
        assert same(stopped.rows() + resumed.rows(), whole.rows())
    assert resumed.info["metrics"] == whole.info["metrics"]


def test_fault_33_a_truncated_newest_checkpoint_falls_to_the_one_before(
    uninterrupted: running.Run, photos: Path, features: dict[str, str], tmp_path: Path
) -> None:
    running.stopped_after("epoch=20 ", tmp_path, photos, features, **HEAD)
    newest = max((tmp_path / "checkpoints").glob("checkpoint-*.pt"))
    (tmp_path / "checkpoints" / "checkpoint-000009.pt").write_bytes(newest.read_bytes()[:2000])
    (tmp_path / "checkpoints" / ".checkpoint-000010.pt.123.tmp").write_bytes(b"half")
    resumed = running.train(tmp_path, photos, features, **HEAD)
    assert resumed.code == 0, resumed.log
    assert "checkpoint-000009.pt cannot be read" in resumed.log
    assert same(resumed.rows(), uninterrupted.rows()[-len(resumed.rows()) :])
    assert not list((tmp_path / "checkpoints").glob(".*.tmp"))


def test_fault_33_only_unreadable_checkpoints_are_a_failure(
    photos: Path, features: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").mkdir()
    for number in (1, 2):
        (tmp_path / "checkpoints" / f"checkpoint-{number:06d}.pt").write_bytes(b"not a checkpoint")
    run = running.train(tmp_path, photos, features, **HEAD)
    assert run.code == 1
    assert "None of the 2 checkpoints" in run.failure
    assert not run.rows()


def test_sigterm_while_features_are_made_keeps_what_is_done(photos: Path, tmp_path: Path) -> None:
    stopped = running.stopped_after("photos need features", tmp_path, photos)
    assert stopped.code == 143, stopped.log
    assert running.train(tmp_path, photos).code == 0


def test_fault_31_a_full_disk_is_named_and_the_checkpoint_before_still_loads(
    uninterrupted: running.Run, photos: Path, features: dict[str, str], tmp_path: Path
) -> None:
    running.stopped_after("epoch=20 ", tmp_path, photos, features, **HEAD)
    before = max((tmp_path / "checkpoints").glob("checkpoint-*.pt"))
    size = before.stat().st_size
    full = running.start(tmp_path, photos, features, largest_file=size // 2, **HEAD).finished()
    assert full.code == 1
    assert "disk is full" in full.failure
    assert not list((tmp_path / "checkpoints").glob(".*.tmp"))
    again = running.train(tmp_path, photos, features, **HEAD)
    assert again.code == 0, again.log
    assert again.info["metrics"] == uninterrupted.info["metrics"]
