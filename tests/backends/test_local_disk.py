"""A full disk, in each place where a job writes. Where no file may grow beyond a limit, a program sees what it sees on a full disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import settings
from core.backends import LOCAL
from core.errors import BackendError
from core.jobs import store as jobs
from core.jobs.store import State
from tests.backends.conftest import Toys
from tests.backends.scripts import MODEL, RUNS
from tests.backends.watching import ended
from tests.conftest import kill_processes_of


def test_fault_31_a_disk_that_is_full_while_the_script_writes(toys: Toys) -> None:
    """No file may grow beyond 20 kB here, which is how a full disk looks to a program, and needs no root."""
    script = (
        "import os, pathlib, sys\n"
        "kept = pathlib.Path(sys.argv[sys.argv.index('--checkpoint_dir') + 1])\n"
        "(kept / 'one').write_bytes(b'1' * 1000)\n"
        "(kept / 'two').write_bytes(b'2' * 100_000)\n"
    )
    job = ended(LOCAL, toys.train(script, file_bytes=20_000))
    assert job.state is State.FAILED
    assert "File too large" in job.status.reason
    assert (job.folder.checkpoints / "one").stat().st_size == 1000


def test_fault_31_a_disk_that_is_full_when_the_model_is_packed(toys: Toys) -> None:
    """The script ends well and the worker's own write fails."""
    weights = (
        "(folder / 'model.safetensors').write_bytes(os.urandom(15_000))\n"
        "(folder / 'more.safetensors').write_bytes(os.urandom(15_000))\n"
    )
    job = ended(LOCAL, toys.train(MODEL + weights, file_bytes=20_000))
    assert job.state is State.FAILED
    assert "disk is full" in job.status.reason
    assert not job.folder.artifact.exists()
    assert list(job.folder.output.iterdir()) == [], "no half archive is left"


def test_fault_31_a_disk_that_is_full_for_the_log(toys: Toys) -> None:
    job = ended(
        LOCAL,
        toys.train(
            "for n in range(10_000):\n    print('a line that takes room', n, flush=True)\n",
            file_bytes=20_000,
        ),
    )
    assert job.state is State.FAILED
    assert job.status.reason
    assert job.folder.log.stat().st_size <= 20_000


def test_fault_31_a_disk_that_is_full_for_the_status(toys: Toys) -> None:
    job = ended(LOCAL, toys.train(RUNS, file_bytes=100))
    assert job.state is State.FAILED
    assert "exited unexpectedly" in job.status.reason
    assert [found.id for found in jobs.readable()] == [job.id]


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A FIELDMARK_HOME on a file system of two megabytes, where the machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], capture_output=True
    ).returncode:
        pytest.skip("this machine does not let us mount a file system")
    monkeypatch.setenv("FIELDMARK_HOME", str(folder / "home"))
    yield folder
    kill_processes_of(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_fault_31_a_disk_that_is_really_full(small_disk: Path, toys: Toys) -> None:
    """The script's log takes the last byte. Everything that is there can still be seen, and a new job is refused in words."""
    assert settings.home().is_relative_to(small_disk)
    job = ended(
        LOCAL,
        toys.train(
            "import sys\nwhile True:\n    sys.stdout.write('x' * 999 + chr(10))\n    sys.stdout.flush()\n"
        ),
    )
    assert job.state is State.FAILED
    assert "disk is full" in job.status.reason
    assert [found.id for found in jobs.readable()] == [job.id]
    assert LOCAL.refresh(job).state is State.FAILED
    with pytest.raises(BackendError, match="disk is full"):
        LOCAL.train(toys.spec())
    assert [found.id for found in jobs.listing()] == [job.id]
    job.folder.log.unlink()
    assert LOCAL.train(toys.spec()).state is State.PENDING


def test_a_script_that_filled_the_disk_with_temporary_files_says_so(
    small_disk: Path, toys: Toys
) -> None:
    """They are gone when the job has ended, and with them what says why."""
    fills = (
        "import os, pathlib, sys\n"
        "with open(pathlib.Path(os.environ['TMPDIR'], 'spill'), 'wb', buffering=0) as spill:\n"
        "    try:\n"
        "        while True:\n"
        "            spill.write(b'x' * 4096)\n"
        "    except OSError:\n"
        "        sys.exit(1)\n"
    )
    job = ended(LOCAL, toys.train(fills))
    assert job.state is State.FAILED
    assert "disk is full" in job.status.reason
    assert not job.folder.temporary.exists()
