"""The metric line: one format, read by us and by SageMaker's regexes, from logs in any state."""

from __future__ import annotations

import math
import re
import resource
import threading
import time
from pathlib import Path

import pytest

from core.models import scores
from core.models.store import Model
from core.training import metrics
from core.training.metrics import MetricLog

LINE = "[metrics] epoch=3 step=120 train_loss=0.4321 validation_loss=0.51 validation_accuracy=0.8125 images_per_second=143.2 eta_seconds=61"


def captured(line: str) -> dict[str, float]:
    """What SageMaker would take from a line with our definitions."""
    found = ((made["Name"], re.search(made["Regex"], line)) for made in metrics.definitions())
    return {name: float(match[1]) for name, match in found if match}


def test_the_line_of_the_design_is_read() -> None:
    assert metrics.parse(LINE) == {
        "epoch": 3, "step": 120, "train_loss": 0.4321, "validation_loss": 0.51, "validation_accuracy": 0.8125, "images_per_second": 143.2,
        "eta_seconds": 61,
    }  # fmt: skip
    assert captured(LINE) == metrics.parse(LINE)


@pytest.mark.parametrize(
    "number", ["0", "1", "-1.5", "+2", "1e-05", "3.000e-05", "1E3", "1.", "123456789.125"]
)
def test_every_way_to_write_a_number(number: str) -> None:
    line = f"[metrics] epoch=1 train_loss={number}"
    assert metrics.parse(line) == {"epoch": 1, "train_loss": float(number)} == captured(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[metrics]",
        "[metrics] ",
        "[metrics] epoch",
        "[metrics] epoch=",
        "[metrics] epoch=one",
        "[metrics] epoch=1 done",
        "[metrics]epoch=1",
        "epoch=1 train_loss=0.5",
        "what I print: [metrics] epoch=1 train_loss=0.5",
        "[metrics] Loss=1",
        "[metrics] unheard_of=1",
        "[metrics] epoch=1; train_loss=2",
        "[metrics] epoch=0x10",
        "[metrics] epoch=1_000",
    ],
)
def test_fault_36_what_only_looks_like_a_metric_is_none(line: str) -> None:
    assert metrics.parse(line) is None


def test_names_that_are_not_ours_are_left_out() -> None:
    assert metrics.parse("[metrics] epoch=1 secret_sauce=2") == {"epoch": 1}


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf"])
def test_fault_36_a_loss_that_is_no_number_is_divergence_here_and_no_match_there(
    value: str,
) -> None:
    line = f"[metrics] epoch=2 train_loss={value} validation_accuracy=0.5"
    row = metrics.parse(line)
    assert row
    assert not math.isfinite(row["train_loss"])
    assert metrics.diverged([{"epoch": 1, "train_loss": 0.5}, row])
    assert captured(line) == {"epoch": 2, "validation_accuracy": 0.5}


def test_definitions_fit_what_sagemaker_takes() -> None:
    made = metrics.definitions()
    assert 0 < len(made) <= 40
    assert all(
        len(definition["Regex"]) <= 500 and len(definition["Name"]) <= 255 for definition in made
    )
    assert len({definition["Name"] for definition in made}) == len(made)
    assert all(re.compile(definition["Regex"]).groups == 1 for definition in made)


def test_the_real_script_speaks_the_format(small_model: Model) -> None:
    """Every metric line of a real training: what we parse is what SageMaker's regexes take, and the figures of model.json."""
    text = small_model.folder.log.read_text()
    lines = [line for line in text.splitlines() if line.startswith(metrics.PREFIX)]
    assert len(lines) > 3
    for line in lines:
        row = metrics.parse(line)
        assert row == captured(line)
        assert row
        assert set(re.findall(r"(\w+)=", line)) == set(row), (
            "a name that the script reports and we do not know"
        )
    rows = MetricLog(small_model.folder.log).refresh()
    assert rows == [metrics.parse(line) for line in lines]
    curve = metrics.epochs(rows)
    assert [row["epoch"] for row in curve] == list(
        range(1, small_model.description["epochs_run"] + 1)
    )
    # A frozen backbone's head is at the minimum of its objective in its last epoch.
    best = curve[small_model.description["best_epoch"] - 1]
    assert best == curve[-1]
    assert best["validation_accuracy"] == small_model.metrics("validation")["top1"]
    assert best["validation_macro_f1"] == pytest.approx(
        small_model.metrics("validation")["macro_f1"], abs=1e-6
    )
    test = small_model.metrics("test")
    assert rows[-1]["test_accuracy"] == test["top1"]
    assert rows[-1]["test_n"] == test["n"]
    assert rows[-1]["test_loss"] == pytest.approx(test["loss"], abs=1e-6)
    assert rows[-1]["epoch"] == small_model.description["best_epoch"]


def test_a_log_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    log = MetricLog(path)
    assert log.refresh() == []
    path.write_text("starting\n[metrics] epoch=1 train_loss=0.5\n[metrics] epoch=2 train_")
    assert [row["epoch"] for row in log.refresh()] == [1]
    with path.open("a") as file:
        file.write("loss=0.25")
    assert len(log.refresh()) == 1, "the line has not ended, so its last number may not have either"
    with path.open("a") as file:
        file.write("125\n")
    assert log.refresh()[-1] == {"epoch": 2, "train_loss": 0.25125}
    path.write_text("[metrics] epoch=1 train_loss=9\n")
    assert log.refresh() == [{"epoch": 1, "train_loss": 9}], "a shorter log is another log"
    path.unlink()
    assert log.refresh() == []


def test_fault_36_whatever_else_is_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    lines = [
        b"\xff\xfe\x00 not text \xe9",
        b"10 %\r50 %\r[metrics] epoch=1 train_loss=0.5\r",
        b"[metrics] epoch=2 train_loss=0.4 \xff",
        100_000 * b"x" + b"[metrics] epoch=3 train_loss=0.3",
        b"[metrics] " + 10_000 * b"epoch=4 ",
        b"",
        b"[metrics] epoch=5 train_loss=nan",
        b"[metrics] epoch=6 train_loss=0.1",
    ]
    path.write_bytes(b"\n".join(lines))
    rows = MetricLog(path).refresh()
    assert [row["epoch"] for row in rows] == [1, 5]
    assert metrics.diverged(rows)


def test_fault_36_a_log_of_a_gigabyte_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with path.open("wb") as file:
        file.write(b"[metrics] epoch=1 train_loss=0.5\n")
        file.truncate(2**30)
        file.seek(0, 2)
        file.write(b"\n[metrics] epoch=2 train_loss=0.25\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    rows = MetricLog(path).refresh()
    print(f"\na log of one gigabyte: {time.monotonic() - start:.2f} s")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "kilobytes"


def test_two_sessions_read_one_log_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.touch()
    log = MetricLog(path)
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            log.refresh()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    with path.open("a") as file:
        for epoch in range(1, 501):
            file.write(f"[metrics] epoch={epoch} train_loss=0.5\n")
            file.flush()
    done.set()
    for reader in readers:
        reader.join()
    assert [row["epoch"] for row in log.refresh()] == list(range(1, 501))


def test_curves_have_one_point_per_epoch() -> None:
    """Lines inside an epoch are joined to its last, a resumed epoch takes the place of its first try, other lines are no points."""
    rows: list[dict[str, float]] = [
        {"epoch": 0, "features_done": 10, "features_total": 36},
        {"epoch": 1, "train_loss": 0.9, "step": 10},
        {"epoch": 1, "train_loss": 0.8, "validation_loss": 0.7, "step": 20},
        {"epoch": 3, "train_loss": 0.5},
        {"epoch": 2, "train_loss": 0.6},
        {"epoch": 3, "train_loss": 0.4},
        {"epoch": 2, "test_accuracy": 0.5},
    ]
    assert metrics.epochs(rows) == [
        {"epoch": 1, "train_loss": 0.8, "validation_loss": 0.7, "step": 20},
        {"epoch": 2, "train_loss": 0.6},
        {"epoch": 3, "train_loss": 0.4},
    ]
    assert metrics.epochs([]) == []


def test_the_job_and_its_model_say_the_same_of_validation(small_model: Model) -> None:
    rows = metrics.MetricLog(small_model.folder.log).refresh()
    said, model = metrics.delivered(rows), small_model.metrics("validation")
    assert said["validation_accuracy"] == pytest.approx(model["top1"], abs=1e-6)
    assert said["validation_n"] == model["n"]
    assert said["kept_epoch"] == small_model.description["best_epoch"]


def test_a_training_that_is_on_its_way_has_delivered_nothing() -> None:
    assert metrics.delivered([{"epoch": 1, "train_loss": 1, "validation_accuracy": 0.9}]) == {}


def test_every_epoch_says_when_it_was(small_model: Model) -> None:
    times = [
        row["elapsed_seconds"]
        for row in metrics.epochs(metrics.MetricLog(small_model.folder.log).refresh())
    ]
    assert times
    assert times == sorted(times)


def test_the_photos_processed_last_are_read(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    first, second = "a" * 64, "b" * 64
    log.write_text(f"[photos] {first} {second}\n[photos] {second} ../../etc/passwd\n")
    reader = metrics.MetricLog(log)
    assert reader.refresh() == []
    assert reader.photos == (second,)
    log.write_text("")
    reader.refresh()
    assert reader.photos == ()


def test_a_training_names_the_photos_that_it_processes(small_model: Model) -> None:
    reader = metrics.MetricLog(small_model.folder.log)
    reader.refresh()
    assert reader.photos
    known = set(small_model.predictions().image_id)
    assert set(reader.photos) <= known


def test_every_page_has_one_accuracy_for_one_model(small_model: Model) -> None:
    reached = scores.of_job(small_model.job)
    assert reached.validation is not None
    assert reached.validation.share == pytest.approx(small_model.metrics("validation")["top1"])
    told = metrics.delivered(metrics.MetricLog(small_model.folder.log).refresh())
    assert told["validation_accuracy"] == pytest.approx(reached.validation.share, abs=1e-5)
    assert reached.seconds["total"] > 0
