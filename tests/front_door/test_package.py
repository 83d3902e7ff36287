"""The package: what it declares, what it carries, and that it works where nothing else of the project is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core import settings
from tests.patience import PATIENCE

PROJECT = settings.PROJECT
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
CARRIED = ("app.py", "pages", "ui", "core", "sm_scripts", ".streamlit/config.toml")
ADDED = {"fieldmark", f"fieldmark-{DECLARED['version']}.dist-info"}


def requirements() -> list[str]:
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_the_package_needs_what_requirements_txt_says() -> None:
    assert DECLARED["dependencies"] == requirements()


def test_the_version_is_the_newest_of_the_changelog() -> None:
    lines = (PROJECT / "CHANGELOG.md").read_text().splitlines()
    newest = next(line for line in lines if line.startswith("## "))
    assert DECLARED["version"] in newest


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(target), str(PROJECT),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = target.glob("*.whl")
    return found


def test_the_wheel_carries_every_file_of_the_app_and_adds_one_name(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names} == ADDED
    tracked = [
        path.relative_to(PROJECT).as_posix()
        for part in CARRIED
        for path in [PROJECT / part, *(PROJECT / part).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert len(tracked) > 300
    assert not {f"fieldmark/_app/{name}" for name in tracked} - names
    assert not [name for name in names if "__pycache__" in name]
    assert "fieldmark/py.typed" in names
    assert not [name for name in names if "secrets" in name]


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment with the wheel, and the packages it needs."""
    target = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(target)], check=True)
    (packages,) = target.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(target / "bin" / "python")]
    command = [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in packages.iterdir()} == {"needed.pth", *ADDED}
    return target / "bin"


def test_the_installed_package_trains_and_predicts_from_an_empty_folder(
    installed: Path, home: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    def command(*arguments: str) -> Any:
        done = subprocess.run(
            [str(installed / "fieldmark"), *arguments, "--json"],
            cwd=empty,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    made = command("import", "sample")
    assert (made["photos"], made["classes"]) == (600, 10)
    trained = command("train", "Sketchbook", "--set", "arch=lite0@64")
    photo = next(home.glob("datasets/*/images/Cardinal/*"))
    (answer,) = command("predict", str(photo))
    assert (answer["path"], answer["error"]) == (str(photo), "")
    assert 0 < answer["probability"] <= 1
    assert trained["model"] in {job["id"] for job in command("jobs")}
    place = "import fieldmark.cli, core; print(core.__file__)"
    python = [str(installed / "python"), "-c", place]
    done = subprocess.run(python, cwd=empty, capture_output=True, text=True, check=True)
    assert "site-packages/fieldmark/_app/core" in done.stdout
    assert not list(empty.iterdir())
