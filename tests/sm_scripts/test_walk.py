"""One walk through folders of photos: what systems leave beside them, links, depth, and names."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from core.datasets.importing import entries
from core.io import archives
from fieldmark_ml.photos import suffixes, system_files, walk
from sm_scripts.fieldmark_ml.photos import system_files as of_core

SYSTEMS = [
    *("@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "lost+found"),
    *("__MACOSX", ".ipynb_checkpoints", ".thumbnails", ".Trash-1000", ".DS_Store", "._x.jpg"),
    *("$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "desktop.ini", "__pycache__"),
    *("x.jpg@SynoEAStream", "THUMBS.DB", "Icon\r"),
]


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def below(folder: Path, follows: walk.Follows = walk.never) -> dict[str, str]:
    """By relative path, why each entry is left out."""
    found = walk.entries_below(folder, follows)
    return {Path(path).relative_to(folder).as_posix(): why for path, why in found}


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_a_system_leaves_is_left_out_everywhere(name: str, tmp_path: Path) -> None:
    put(tmp_path / "owl" / name / "1.jpg")
    put(tmp_path / "owl" / "2.jpg")
    assert below(tmp_path) == {f"owl/{name}": walk.HIDDEN, "owl/2.jpg": ""}
    ignored = entries.IgnoredFiles()
    assert list(entries.find_images(tmp_path, ignored, lambda: None)) == [tmp_path / "owl/2.jpg"]
    assert ignored == {walk.HIDDEN: 1}
    assert archives.is_junk is of_core.is_junk
    assert system_files.is_junk(name)


@pytest.mark.parametrize("name", ["eaDir", "recycle", "lost", "Thumbs", "macosx", "x@eaDir", "@"])
def test_a_class_may_be_called_almost_so(name: str) -> None:
    assert not system_files.is_junk(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a.JPG", ""),
        ("a.CR2", "RAW photo (.cr2), which is not supported"),
        ("a.nef", "RAW photo (.nef), which is not supported"),
        ("a.psd", "Photoshop file (.psd), which is not supported"),
        ("a.txt", walk.NOT_IMAGE),
        ("cr2", walk.NOT_IMAGE),
        ("a\nb.jpg", walk.BAD_NAME),
        ("a\nb.txt", walk.BAD_NAME),
        (os.fsdecode(b"\xff.jpg"), walk.BAD_NAME),
    ],
)
def test_why_a_file_is_left_out(name: str, why: str, tmp_path: Path) -> None:
    put(tmp_path / name)
    assert below(tmp_path) == {name: why}


def test_every_suffix_is_in_one_list_only() -> None:
    assert not set(suffixes.PHOTOS) & set(suffixes.UNREAD)


def test_a_folder_may_be_called_like_a_photo(tmp_path: Path) -> None:
    put(tmp_path / "frames.jpg" / "1.jpg")
    assert below(tmp_path) == {"frames.jpg/1.jpg": ""}


def test_links_are_followed_where_they_may_be(tmp_path: Path) -> None:
    put(tmp_path / "out" / "1.jpg")
    put(tmp_path / "in" / "own" / "2.jpg")
    (tmp_path / "in" / "dead.jpg").symlink_to("/nowhere/1.jpg")
    (tmp_path / "in" / "file.jpg").symlink_to(tmp_path / "out" / "1.jpg")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "out")
    links = dict.fromkeys(["dead.jpg", "file.jpg", "more"], walk.LINK)
    assert below(tmp_path / "in") == {"own/2.jpg": "", **links}
    assert below(tmp_path / "in", lambda target: True) == {
        "own/2.jpg": "",
        "dead.jpg": walk.DEAD_LINK,
        "file.jpg": "",
        "more/1.jpg": "",
    }
    inside = str(tmp_path / "out")
    assert below(tmp_path / "in", lambda target: target.startswith(inside)) == {
        "own/2.jpg": "",
        "dead.jpg": walk.LINK,
        "file.jpg": "",
        "more/1.jpg": "",
    }


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    put(tmp_path / "a" / "1.jpg")
    for name in ("back", "again"):
        (tmp_path / "a" / name).symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "round").symlink_to("round")
    assert below(tmp_path, lambda target: True) == {
        "a/1.jpg": "",
        "a/again": walk.SEEN,
        "a/back": walk.SEEN,
        "a/round": walk.DEAD_LINK,
        "a/self": walk.SEEN,
    }


def test_folders_linked_twice_at_every_level_take_no_time(tmp_path: Path) -> None:
    """30 folders that each hold the next one twice are two thousand million ways to the last."""
    for number in range(30):
        folder = tmp_path / "all" / str(number)
        folder.mkdir(parents=True)
        for side in ("left", "right"):
            (folder / side).symlink_to(tmp_path / "all" / str(number + 1))
    (tmp_path / "all" / "30").mkdir()
    start = time.monotonic()
    assert set(below(tmp_path / "all" / "0", lambda target: True).values()) == {walk.SEEN}
    assert time.monotonic() - start < 2


def test_1800_folders_deep_is_left_out_without_an_error(tmp_path: Path) -> None:
    made = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1800):
        os.mkdir("d", dir_fd=made)
        made, before = os.open("d", os.O_RDONLY, dir_fd=made), made
        os.close(before)
    os.close(made)
    try:
        assert list(below(tmp_path).values()) == [walk.DEEP]
    finally:
        # pytest's own cleaning up ends with a recursion error.
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_40000_empty_folders_take_seconds(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / str(number)).mkdir()
        for inner in range(200):
            os.mkdir(tmp_path / str(number) / str(inner))  # noqa: PTH102
    start = time.monotonic()
    assert not below(tmp_path)
    assert time.monotonic() - start < 10
