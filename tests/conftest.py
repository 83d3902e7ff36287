"""What every test gets: a home of its own, no process left behind, and real photos where the machine has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ENV_BIRDS = "FIELDMARK_BIRDS"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty FIELDMARK_HOME; what was started under it (trainers, workers, servers) is killed when the test ends."""
    path = tmp_path / "home"
    monkeypatch.setenv("FIELDMARK_HOME", str(path))
    monkeypatch.delenv("FIELDMARK_IMPORT_ROOTS", raising=False)
    yield path
    kill_processes_of(path)


@pytest.fixture(scope="session")
def birds() -> Path:
    """The folder of real photos in the CUB-200-2011 layout (12 species, 715 photos, official split 360/355)."""
    given = os.environ.get(ENV_BIRDS)
    if not given:
        pytest.skip(f"{ENV_BIRDS} is not set: it names a folder of photos in the CUB-200-2011 layout")
    folder = Path(given).resolve()
    if not (folder / "images.txt").is_file():
        pytest.skip(f"{ENV_BIRDS}={given} holds no images.txt: it has to be a folder in the CUB-200-2011 layout")
    return folder


def kill_processes_of(home: Path) -> None:
    """Kills every process whose environment, working folder or command line names `home`, and waits until each is gone."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = [process for process in psutil.process_iter() if process.pid not in spared and _belongs_to(process, str(home))]
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(found, timeout=10)
    assert not alive, f"still running ten seconds after SIGKILL: {alive}"


def _belongs_to(process: psutil.Process, home: str) -> bool:
    try:
        with process.oneshot():
            named = [process.environ().get("FIELDMARK_HOME", ""), process.cwd(), *process.cmdline()]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return any(home in text for text in named)
