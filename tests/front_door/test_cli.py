"""The command line: what it prints for people and for programs, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from core import settings
from core.backends import LOCAL
from core.jobs import store as jobs
from core.jobs.store import State
from core.models.store import Model
from fieldmark import cli
from fieldmark.cli import output
from tests import shapes
from tests.backends.watching import ended
from tests.patience import PATIENCE

COMMANDS = {
    "run", "studio", "demo", "import", "datasets", "inspect", "export", "train", "tune", "models",
    "evaluate", "predict", "batch", "deploy", "endpoints", "jobs", "stop", "clean", "doctor",
}  # fmt: skip


def said(*arguments: str, code: int = 0) -> str:
    """What a command prints; it has to end with `code`."""
    found = CliRunner().invoke(cli.app, list(arguments))
    assert found.exit_code == code, found.output
    return found.stderr if code else found.stdout


def told(*arguments: str, code: int = 0) -> Any:
    found = CliRunner().invoke(cli.app, [*arguments, "--json"])
    assert found.exit_code == code, found.output
    return json.loads(found.stdout)


def test_every_command_has_help() -> None:
    listed = said("--help")
    for name in COMMANDS:
        assert f" {name} " in listed
        assert "--help" in said(name, "--help")


def test_the_street_from_the_command_line(tmp_path: Path) -> None:
    folder = shapes.draw(tmp_path / "shapes")
    planned = told("import", str(folder), "--dry-run")
    assert {one["name"] for one in planned["classes"]} == {"circle", "square", "triangle"}
    assert told("datasets") == []
    made = told("import", str(folder), "--name", "Shapes")
    assert made["classes"] == 3
    trained = told("train", "Shapes", "--set", "arch=lite0@64", "--name", "First")
    assert told("models")[0]["id"] == trained["model"]
    scores = told("evaluate", "First")
    assert scores["n"] == sum(sum(row.values()) for row in scores["confusion"].values())
    assert "accuracy" in said("evaluate", "First")
    photo = next(folder.rglob("circle/*"))
    assert told("predict", str(photo))[0]["error"] == ""
    broken = tmp_path / "broken.jpg"
    broken.write_text("x")
    assert told("predict", str(broken), code=output.FAILED)[0]["error"]
    table = tmp_path / "answers.parquet"
    assert told("batch", str(folder), "-o", str(table))["table"] == str(table)
    assert table.stat().st_size
    endpoint = told("deploy", "First")
    assert told("endpoints")[0]["url"] == endpoint["url"]
    told("stop", endpoint["id"])
    assert told("endpoints") == []
    board = told("tune", "Shapes", "--trials", "2", "--range", "weight_decay=0.01:1",
                 "--set", "arch=lite0@64")  # fmt: skip
    assert len(board) == 2
    told("export", "Shapes", str(tmp_path / "copy"))
    told("export", "First", str(tmp_path / "model.tar.gz"), "--model")
    assert {job["kind"] for job in told("jobs")} >= {"import", "training", "tuning", "transform"}
    assert told("clean")["deleted"] == 0


def test_a_detached_job_is_stopped_by_its_name(small_model: Model) -> None:
    arguments = ("--set", "arch=lite0@64", "--set", "head=mlp", "--set", "epochs=10000")
    started = told("train", small_model.dataset_id, "--name", "Long", "--detach", *arguments)
    assert jobs.read(started["job"]).name == "Long"
    told("stop", "Long")
    assert ended(LOCAL, jobs.read(started["job"])).state is State.STOPPED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "Nothing"), "no dataset called 'Nothing'"),
        (("train", "Nothing", "--set", "epochs"), "not of the form NAME=VALUE"),
        (("train", "Nothing", "--set", "epochs=x"), "is not a number"),
        (("train", "Nothing", "--instance", "ml.m5.large"), "has no instances"),
        (("train", "Nothing", "--on", "moon"), "no backend called 'moon'"),
        (("tune", "Nothing", "--range", "lr=a:b"), "is not a range"),
        (("predict", "nowhere.jpg"), "no models yet"),
        (("evaluate", "none"), "no model called"),
        (("stop", "none"), "no job called"),
        (("import", "/nowhere/at/all"), "no folder"),
        (("import", "sample", "--answer", "split=yes"), "Only the import of a folder"),
        (("predict",), "Missing argument"),
    ],
)
def test_what_cant_be_used_ends_with_2_and_says_why(arguments: tuple[str, ...], words: str) -> None:
    assert words in " ".join(said(*arguments, code=output.UNUSABLE).replace("│", " ").split())


def test_doctor_checks_this_machine() -> None:
    found = {check["check"]: check["state"] for check in told("doctor")}
    assert {"Python", "torch", "Training", "Home", "Disk"} <= set(found)
    assert set(found.values()) <= {"ok", "warning"}


def test_doctor_ends_with_1_where_the_home_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(settings.ENV_HOME, str(tmp_path / "file" / "home"))
    states = {check["check"]: check["state"] for check in told("doctor", code=output.FAILED)}
    assert states["Home"] == "failed"


def test_run_opens_the_app_with_a_relative_home(tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        free_port = one.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "fieldmark", "run", "--headless", "--port", str(free_port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(settings.PROJECT), settings.ENV_HOME: "mine"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(free_port):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        app = psutil.Process(process.pid)
        assert app.environ()[settings.ENV_HOME] == str(tmp_path / "mine")
        assert Path(app.cwd()) == settings.PROJECT
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10):
            return True
    except OSError:
        return False
