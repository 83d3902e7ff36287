"""The folder in which everything is kept: for its owner alone, unless a group shares it on
purpose."""

from __future__ import annotations

import stat
import time
import zipfile
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.jobs.specs import ImportSpec
from core.jobs.store import State
from tests.datasets import made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_home_is_its_owners_alone(home: Path) -> None:
    assert mode(settings.home()) == 0o700
    assert mode(settings.jobs_dir()) == 0o700


def test_a_home_that_others_could_read_is_closed_to_them(home: Path) -> None:
    home.mkdir()
    home.chmod(0o755)
    assert mode(settings.home()) == 0o700


def test_a_home_that_a_group_shares_on_purpose_stays_shared(home: Path) -> None:
    home.mkdir()
    home.chmod(0o2770)
    assert mode(settings.home()) == 0o2770


def test_photos_and_logs_of_a_job_are_their_owners_alone(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.ENV_IMPORT_ROOTS, str(tmp_path))
    folders = made.class_folders(tmp_path / "birds", {"crow": 4, "jay": 4})
    with zipfile.ZipFile(tmp_path / "birds.zip", "w") as packed:
        for path in folders.rglob("*.jpg"):
            packed.write(path, path.relative_to(folders))
    job = LOCAL.import_dataset(ImportSpec("Birds", "archive", path=str(tmp_path / "birds.zip")))
    while not (job := LOCAL.refresh(job)).state.is_finished:
        time.sleep(0.05)
    assert job.state is State.COMPLETED, job.status.reason
    assert list(settings.datasets_dir().rglob("*.jpg"))
    open_to_others = [path for path in home.rglob("*") if path.is_file() and mode(path) & 0o077]
    assert open_to_others == []
