"""Files that survive a kill and a deletion: nothing half-written, nothing that comes back, words
where nothing can be written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core import settings
from core.errors import NotFound, Unwritable
from core.io import files


def test_what_was_deleted_does_not_come_back_by_a_write_into_it(home: Path) -> None:
    folder = settings.jobs_dir() / "gone"
    with pytest.raises(NotFound, match="deleted meanwhile"):
        files.write_json(folder / "label.json", {})
    assert not folder.exists()
    assert list(settings.temporary_dir().iterdir()) == []


def test_what_is_deleted_while_it_is_written_does_not_come_back(home: Path) -> None:
    folder = settings.jobs_dir() / "going"
    folder.mkdir()

    def write() -> None:
        with files.atomic(folder / "label.json") as file:
            file.write(b"x")
            folder.rename(folder.with_name(".deleted"))

    with pytest.raises(NotFound, match="deleted meanwhile"):
        write()
    assert not folder.exists()
    assert list(settings.temporary_dir().iterdir()) == []


def test_a_folder_is_made_below_another_one_and_never_with_it(home: Path) -> None:
    root = settings.datasets_dir() / "birds"
    with pytest.raises(NotFound):
        files.folder_below(root, "added/one")
    assert not root.exists()
    root.mkdir()
    assert files.folder_below(root, "added/one").is_dir()


def test_a_folder_that_is_moved_away_while_it_is_looked_at_is_missing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = home / "dataset"
    (root / "drafts").mkdir(parents=True)
    real = Path.mkdir

    def mkdir(self: Path, *arguments: object, **named: object) -> None:
        if self.name == "drafts" and root.is_dir():
            root.rename(home / "bin")
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self))
        real(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(NotFound, match="deleted meanwhile"), files.there(root, "dataset"):
        files.folder_below(root, "drafts")
    (home / "file").touch()
    with pytest.raises(FileExistsError):
        files.folder_below(home, "file")


def test_two_changes_of_one_file_are_both_kept(home: Path) -> None:
    folder = settings.jobs_dir() / "counted"
    folder.mkdir()
    files.write_json(folder / "count.json", 0)

    def count() -> None:
        for _ in range(50):
            with files.locked(folder, "count"):
                files.write_json(folder / "count.json", files.read_json(folder / "count.json") + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.read_json(folder / "count.json") == 200


def test_a_reader_is_told_in_words_what_was_deleted_meanwhile(home: Path) -> None:
    with (
        pytest.raises(NotFound, match=r"This dataset was deleted meanwhile\."),
        files.there(home / "datasets" / "x", "dataset"),
    ):
        pass


def test_a_file_on_another_disk_is_written_beside_itself(home: Path) -> None:
    if os.stat("/dev/shm").st_dev == home.parent.stat().st_dev:
        pytest.skip("this machine has one disk only")
    place = Path("/dev/shm") / f"fieldmark-test-{os.getpid()}"
    place.mkdir()
    try:
        files.write_bytes(place / "one", b"1")
        assert [path.name for path in place.iterdir()] == ["one"]
    finally:
        files.remove(place)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a file system of one megabyte and few files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a file system")
    monkeypatch.setenv("FIELDMARK_HOME", str(folder / "home"))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Takes the last byte of a disk."""
    target = folder / "filler"
    with target.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    return target


def test_a_full_disk_is_named_with_what_is_missing(disk: Path) -> None:
    target = settings.jobs_dir() / "one.json"
    files.write_bytes(target, b"old")
    filler = fill(disk)
    with pytest.raises(
        Unwritable,
        match=r"The disk is full: one\.json .* 300\.0 KB are needed.*has 0 B free.*Free at least",
    ) as caught:
        files.write_bytes(target, b"y" * 300 * 1024)
    assert caught.value.errno == errno.ENOSPC
    assert target.read_bytes() == b"old"
    assert list(settings.temporary_dir().iterdir()) == []
    filler.unlink()
    files.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_disk_that_holds_no_more_files_says_so(disk: Path) -> None:
    folder = settings.jobs_dir()
    settings.temporary_dir()

    def many() -> None:
        for number in range(50):
            files.write_bytes(folder / str(number), b"x")

    with pytest.raises(Unwritable, match="cannot hold more files"):
        many()


def test_a_disk_that_can_only_be_read_says_so(disk: Path) -> None:
    target = settings.jobs_dir() / "one.json"
    files.write_bytes(target, b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(
        Unwritable, match=r"one\.json can't be written below .*: the disk is read-only"
    ):
        files.write_bytes(target, b"new")
    assert target.read_bytes() == b"old"


def test_a_home_that_vanished_is_not_begun_anew(home: Path) -> None:
    settings.jobs_dir()
    home.rename(home.with_name("elsewhere"))
    with pytest.raises(NotFound, match=r"is gone\. Bring it back"):
        settings.jobs_dir()
    assert not home.exists()
    home.with_name("elsewhere").rename(home)
    assert settings.jobs_dir().is_dir()


HOLD = """
import sys, time
from core.io import files
from core import settings
with files.scratch("task") as folder, files.atomic(settings.jobs_dir() / "one") as file:
    print("held", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_was_making_can_be_told_from_what_is_being_made(home: Path) -> None:
    def made() -> subprocess.Popen[str]:
        run = subprocess.Popen(
            [sys.executable, "-c", HOLD], cwd=settings.PROJECT, stdout=subprocess.PIPE, text=True
        )
        assert run.stdout
        assert run.stdout.readline() == "held\n"
        return run

    process = made()
    left = list(settings.temporary_dir().iterdir())
    for path in left:
        os.utime(path, (1, 1))
    assert len(left) == 2
    assert not any(map(files.is_abandoned, left))
    process.kill()
    process.wait()
    assert all(map(files.is_abandoned, left))
