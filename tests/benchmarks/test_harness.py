"""The harness: what it measures, and what it prints last."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.__main__ import NAMES, main
from benchmarks.harness import BenchmarkError, Outcome, Row
from core import settings


def outcome(ours: float, peer: float, *, more_is_better: bool) -> Outcome:
    return Outcome(
        "bench",
        "unit",
        Row("ours", ours, 0.9),
        Row("peer", peer, 0.8),
        2.0,
        10,
        more_is_better=more_is_better,
    )


def test_the_ratio_says_how_many_times_better_ours_is() -> None:
    assert outcome(2.0, 6.0, more_is_better=False).ratio == pytest.approx(3.0)
    assert outcome(60.0, 20.0, more_is_better=True).ratio == pytest.approx(3.0)


def test_the_last_line_is_the_json_object_of_the_design(capsys: pytest.CaptureFixture[str]) -> None:
    harness.show(outcome(2.0, 6.0, more_is_better=False))
    table, last = capsys.readouterr().out.rstrip("\n").rsplit("\n", 1)
    expected = {
        "bench": "bench",
        "ours": 2.0,
        "peer": 6.0,
        "unit": "unit",
        "ratio": 3.0,
        "target": 2.0,
    }
    assert json.loads(last) == {**expected, "accuracy_ours": 0.9, "accuracy_peer": 0.8, "n": 10}
    assert "3.0x" in table
    assert "reached" in table


def test_a_missed_target_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    harness.show(outcome(5.0, 6.0, more_is_better=False))
    assert "MISSED" in capsys.readouterr().out


def test_a_run_keeps_the_second_of_every_line(tmp_path: Path) -> None:
    code = 'import time; print("first", flush=True); time.sleep(0.2); print(\'{"accuracy": 0.5}\')'
    run = harness.run([sys.executable, "-c", code], cwd=tmp_path, env={}, label="a program")
    assert [text for _, text in run.lines] == ["first", '{"accuracy": 0.5}']
    assert run.lines[1][0] - run.lines[0][0] >= 0.19
    assert run.seconds >= run.lines[1][0]
    assert run.report() == {"accuracy": 0.5}


def test_a_failing_program_is_an_error_that_shows_its_output(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"code 3(?s:.)*the reason"):
        harness.run(
            [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"],
            cwd=tmp_path,
            env={},
            label="a program",
        )


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cold"])
    said = capsys.readouterr().err
    assert all(name in said for name in NAMES)


def test_two_benchmarks_never_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = f"""
import tempfile, time; tempfile.tempdir = {str(tmp_path)!r}
from benchmarks import harness
with harness.alone():
    print("running", flush=True); time.sleep(0.5); print("done", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=settings.PROJECT, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "running\n"
        with harness.alone():
            assert other.stdout.readline() == "done\n"
