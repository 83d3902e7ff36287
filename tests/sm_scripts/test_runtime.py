"""What a person reads: reasons, numbers in metric lines, and how processes are found."""

from __future__ import annotations

import errno
import math
from pathlib import Path

import numpy as np
import pytest

from core.training import metrics
from fieldmark_ml import runtime
from fieldmark_ml.training import distributed
from tests.sm_scripts import running


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"), "lower batch size"),
        (MemoryError(), "lower batch size"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (OSError(errno.EFBIG, "File too large"), "disk is full"),
        (runtime.Diverged("epoch 3"), "lower learning rate"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_fault_38_reasons_say_what_to_do(error: Exception, said: str) -> None:
    assert said in runtime.explain(error)
    assert "\n" not in runtime.explain(error)


def test_a_failure_file_is_one_paragraph_of_at_most_1024_characters(tmp_path: Path) -> None:
    runtime.write_failure(tmp_path / "output", "a\nb " + "x" * 5000)
    text = (tmp_path / "output" / "failure").read_text()
    assert text.startswith("a b x")
    assert len(text) == 1024


def test_numbers_of_a_metric_line_are_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    values = {
        "epoch": 3,
        "train_loss": 0.4321,
        "validation_loss": 1.5e-7,
        "test_loss": math.nan,
        "images_per_second": 143.25,
        "eta_seconds": 0.0,
    }
    runtime.metrics(**values)
    read = metrics.parse(capsys.readouterr().out)
    assert read is not None
    assert list(read) == [*values, "elapsed_seconds"]
    assert all(
        read[name] == pytest.approx(value, rel=1e-3, nan_ok=True) for name, value in values.items()
    )


def test_sagemakers_environment_says_how_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("SM_HOSTS", '["algo-2", "algo-1"]')
    monkeypatch.setenv("SM_NUM_GPUS", "4")
    assert distributed.wanted_processes() == (2, 4)
    monkeypatch.setenv("RANK", "0")
    assert distributed.wanted_processes() == (1, 1)
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("SM_HOSTS", '["algo-1"]')
    monkeypatch.setenv("SM_NUM_GPUS", "0")
    assert distributed.wanted_processes() == (1, 1)


def test_two_gpus_are_two_processes_and_without_cuda_they_fail_at_once(
    photos: Path, tmp_path: Path
) -> None:
    run = running.train_by(
        [],
        tmp_path,
        photos,
        {"SM_NUM_GPUS": "2", "SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1"},
    )
    assert run.code != 0
    assert "2 processes" in run.log
    assert "This machine has 2 GPU(s)" in (tmp_path / "output" / "failure").read_text()


def test_two_processes_share_the_features_and_make_the_same_head(
    photos: Path, tmp_path: Path, trained: running.Run
) -> None:
    run = running.train_by(running.TORCHRUN, tmp_path, photos)
    assert run.code == 0, run.log
    assert "2 processes" in run.log
    assert run.info["metrics"]["test"] == pytest.approx(trained.info["metrics"]["test"], abs=1e-5)
    assert run.log.count("done in") == 1
    made = np.concatenate(
        [np.load(path)["image_ids"] for path in (tmp_path / "features").rglob("*.npz")]
    )
    assert len(made) == len(set(made)) == 48
