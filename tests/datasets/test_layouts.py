"""Layouts of folders are recognised, or refused with a reason."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.datasets.importing import entries
from core.datasets.importing.entries import SPLIT_FOLDERS, Layout
from core.datasets.planning import listing
from core.datasets.planning import plan as plans
from core.errors import UserError
from sm_scripts.fieldmark_ml.photos import walk
from tests.datasets import made


def labels_of(layout: Layout) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in layout.photos:
        counts[item.label] = counts.get(item.label, 0) + 1
    return counts


@pytest.mark.parametrize("below", ["", "birds", "download/birds"])
def test_class_folders_are_found_also_further_down(below: str, tmp_path: Path) -> None:
    made.class_folders(tmp_path / "in" / below, {"Crow": 2, "a'b $(id)": 3})
    made.photo(tmp_path / "in" / below / "Crow" / "2020" / "deep.JPEG")
    layout = made.recognised(tmp_path / "in")
    assert (layout.kind, layout.root) == ("Class folders", tmp_path / "in" / below)
    assert labels_of(layout) == {"Crow": 3, "a'b $(id)": 3}
    assert [photo.path for photo in layout.photos] == sorted(photo.path for photo in layout.photos)
    assert all(
        (layout.root / photo.path).is_file() and not photo.official for photo in layout.photos
    )


@pytest.mark.parametrize(
    "names",
    [
        ("train", "test"),
        ("train", "val", "test"),
        ("Training", "Validation", "testing"),
        ("train", "dev"),
    ],
)
def test_split_folders_give_the_official_split(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        made.class_folders(tmp_path / name, {"Crow": 2, "Owl": 1})
    layout = made.recognised(tmp_path)
    assert labels_of(layout) == {"Crow": 2 * len(names), "Owl": len(names)}
    expected = {SPLIT_FOLDERS[name.lower()] for name in names}
    assert {photo.official for photo in layout.photos} == expected
    assert all(
        SPLIT_FOLDERS[photo.path.split("/")[0].lower()] == photo.official for photo in layout.photos
    )


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    assert labels_of(made.recognised(made.class_folders(tmp_path, {"train": 2, "car": 2}))) == {
        "train": 2,
        "car": 2,
    }


@pytest.mark.parametrize("below", ["", "x/y"])
def test_cub_is_read_by_its_tables(below: str, tmp_path: Path) -> None:
    root = made.cub(tmp_path / below)
    layout = made.recognised(tmp_path)
    assert (layout.kind, layout.root, layout.missing) == ("CUB-200-2011", root / "images", 0)
    assert labels_of(layout) == {"Cardinal": 8, "American Crow": 8, "Northern Flicker": 8}
    assert sum(photo.official == "train" for photo in layout.photos) == 12
    first = layout.photos[0]
    assert (first.path, first.label, first.official) == (
        "017.Cardinal/Cardinal_0000_1000.jpg",
        "Cardinal",
        "train",
    )
    assert first.box == (30, -1, 25, 20)


def test_cub_may_list_more_than_is_there_and_hold_more_than_is_listed(tmp_path: Path) -> None:
    made.cub(tmp_path, absent=[1000, 1003, 1030])
    made.photo(tmp_path / "images" / "017.Cardinal" / "mine.jpg")
    layout = made.recognised(tmp_path)
    assert (layout.missing, len(layout.photos)) == (3, 21)
    assert layout.ignored[entries.UNLISTED] == 1


def test_cub_without_the_tables_of_split_boxes_and_names(tmp_path: Path) -> None:
    made.cub(tmp_path)
    for name in ("classes", "train_test_split", "bounding_boxes"):
        (tmp_path / f"{name}.txt").unlink()
    found = made.recognised(tmp_path).photos
    assert (found[-1].label, found[-1].official, found[-1].box) == ("Northern Flicker", "", None)


@pytest.mark.parametrize(
    ("table", "text", "reason"),
    [
        ("images", "1000 a.jpg\n1000 b.jpg\n", "Line 2 of images.txt"),
        ("images", "nothing\n", "Line 1 of images.txt"),
        ("image_class_labels", "1000 17\n", "no line in image_class_labels.txt"),
        ("classes", "17 017.Cardinal\n29 018.Cardinal\n", "several classes"),
    ],
)
def test_cub_tables_that_are_damaged_are_named(
    table: str, text: str, reason: str, tmp_path: Path
) -> None:
    (made.cub(tmp_path) / f"{table}.txt").write_text(text)
    with pytest.raises(UserError, match=reason):
        made.recognised(tmp_path)


def test_cub_tables_never_lead_outside(tmp_path: Path) -> None:
    root = made.cub(tmp_path / "cub")
    made.photo(tmp_path / "cub" / "secret.jpg")
    for name in ("../secret.jpg", str(root / "secret.jpg")):
        table = (root / "images.txt").read_text().splitlines()
        (root / "images.txt").write_text("\n".join([f"1000 {name}", *table[1:]]) + "\n")
        layout = made.recognised(root)
        assert layout.missing == 1
        assert all(photo.path.startswith("0") for photo in layout.photos)


def test_fault_07_other_files_are_ignored_and_counted(tmp_path: Path) -> None:
    made.class_folders(tmp_path, {"Crow": 2, "Owl": 2})
    for name in (
        "Crow/Thumbs.db",
        "Crow/.DS_Store",
        "Owl/._1.jpg",
        "__MACOSX/Crow/x.jpg",
        "Owl/notes.txt",
        "Owl/raw.nef",
        "readme.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    made.photo(tmp_path / "loose.jpg")
    layout = made.recognised(tmp_path)
    assert labels_of(layout) == {"Crow": 2, "Owl": 2}
    assert layout.ignored == {
        "hidden or system file": 4,
        entries.NOT_IMAGE: 2,
        "RAW photo (.nef), which is not supported": 1,
        entries.LOOSE: 1,
    }


@pytest.mark.parametrize(
    "twins",
    [
        ("Cat", "cat"),
        ("Cat", "Cat "),
        tuple(unicodedata.normalize(form, "Café") for form in ("NFC", "NFD")),
    ],
)
def test_fault_08_twins_are_refused_with_both_names(twins: tuple[str, str], tmp_path: Path) -> None:
    made.class_folders(tmp_path, dict.fromkeys((*twins, "Dog"), 3))
    if len({path.name for path in tmp_path.iterdir()}) < 3:
        pytest.skip("this file system takes the two names for one")
    with pytest.raises(UserError) as caught:
        made.recognised(tmp_path)
    assert all(repr(name) in str(caught.value) for name in twins)


@pytest.mark.parametrize("name", ["x" * 120, "\u202eowt"])
def test_fault_09_class_folders_with_misleading_names(name: str, tmp_path: Path) -> None:
    made.class_folders(tmp_path, {name: 2, "Owl": 2})
    with pytest.raises(UserError, match="class name"):
        made.recognised(tmp_path)


def test_fault_10_links_are_followed_inside_the_import_roots_and_counted_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path / "mine"))
    outside = made.class_folders(tmp_path / "private", {"Secret": 2})
    inside = made.class_folders(tmp_path / "mine" / "more", {"Jay": 2})
    root = made.class_folders(tmp_path / "mine" / "birds", {"Crow": 2, "Owl": 2})
    (root / "Crow" / "link.jpg").symlink_to(outside / "Secret" / "000.jpg")
    (root / "Secret").symlink_to(outside / "Secret")
    (root / "Owl" / "gone.jpg").symlink_to(root / "no.jpg")
    (root / "Owl" / "loop").symlink_to(root)
    (root / "Owl" / "one.jpg").symlink_to(inside / "Jay" / "000.jpg")
    (root / "Jay").symlink_to(inside / "Jay")
    layout = made.recognised(root)
    assert labels_of(layout) == {"Crow": 2, "Owl": 3, "Jay": 2}
    assert layout.ignored == {listing.OUTWARD: 2, walk.DEAD_LINK: 1, walk.SEEN: 1}
    assert layout.ignored.examples[listing.OUTWARD] == str(root / "Crow" / "link.jpg")


def test_undecodable_names_are_ignored(tmp_path: Path) -> None:
    root = made.class_folders(tmp_path, {"Crow": 2, "Owl": 2})
    try:
        Path(os.fsdecode(os.fsencode(root / "Owl") + b"/\xff\xfe.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system refuses such a name itself")
    assert made.recognised(root).ignored == {entries.BAD_NAME: 1}


def test_fault_18_empty_classes_are_named(tmp_path: Path) -> None:
    made.class_folders(tmp_path, {"Crow": 2, "Empty": 0, "Owl": 2})
    assert made.recognised(tmp_path).empty == ["Empty"]
    made.class_folders(tmp_path / "split" / "train", {"Crow": 2, "Owl": 2})
    made.class_folders(tmp_path / "split" / "test", {"Crow": 2, "Owl": 0, "Jay": 0})
    assert made.recognised(tmp_path / "split").empty == ["Jay"]


def test_photos_without_folder_or_table_are_unlabelled(tmp_path: Path) -> None:
    made.photo(tmp_path / "flat" / "1.jpg")
    layout = made.recognised(tmp_path / "flat")
    assert (layout.kind, labels_of(layout)) == ("Photos without labels", {"": 1})


def test_nested_folders_raise_a_question(tmp_path: Path) -> None:
    made.class_folders(tmp_path / "cats", {"A": 2, "B": 2})
    made.class_folders(tmp_path / "birds", {"C": 2, "D": 2})
    _, plan = plans.make_plan(tmp_path)
    assert [item.name for item in plan.classes] == ["A", "B", "C", "D"]
    assert plan.kept == ("level_1",)
    question = next(item for item in plan.questions if item.id == "level")
    assert (question.answer, [value for value, _ in question.options]) == (
        "-1",
        ["0", "1", "-1", "none"],
    )


def test_folders_1800_deep_are_ignored_and_counted(tmp_path: Path) -> None:
    root = made.class_folders(tmp_path / "in", {"Crow": 2, "Owl": 2})
    here = os.open(root / "Owl", os.O_RDONLY)
    for _ in range(1800):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    try:
        layout = made.recognised(root)
        assert labels_of(layout) == {"Crow": 2, "Owl": 2}
        assert layout.ignored == {entries.DEEP: 1}
        assert layout.ignored.examples[entries.DEEP].startswith(str(root / "Owl" / "d"))
    finally:
        subprocess.run(["rm", "-rf", str(root)], check=True)


def test_pipes_and_sockets_are_never_opened(tmp_path: Path) -> None:
    made.class_folders(tmp_path, {"Crow": 2, "Owl": 2})
    for name in ("labels.csv", "Owl/pipe.jpg", "pipe.jpg", "images.txt", "image_class_labels.txt"):
        os.mkfifo(tmp_path / name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "Owl" / "s.jpg"))
        layout = made.recognised(tmp_path)
    assert labels_of(layout) == {"Crow": 2, "Owl": 2}
    assert layout.ignored == {entries.SPECIAL: 6}


@pytest.mark.parametrize("name", ["a\nb.jpg", "a\u2028b.jpg", "a\x7f.jpg"])
def test_a_name_with_a_line_break_is_ignored(name: str, tmp_path: Path) -> None:
    made.class_folders(tmp_path, {"Crow": 2, "Owl": 2})
    made.photo(tmp_path / "Owl" / name)
    assert made.recognised(tmp_path).ignored == {entries.BAD_NAME: 1}


def test_folders_that_can_not_be_read_are_counted_with_an_example(as_a_stranger: Path) -> None:
    made.class_folders(as_a_stranger, {"Crow": 2, "Owl": 2, "Closed": 2, "Owl/more": 1})
    for name in ("Closed", "Owl/more"):
        (as_a_stranger / name).chmod(0)
    layout = made.recognised(as_a_stranger)
    assert labels_of(layout) == {"Crow": 2, "Owl": 2}
    assert layout.ignored == {entries.UNREADABLE: 2}
    assert layout.ignored.examples[entries.UNREADABLE] == str(as_a_stranger / "Closed")


@pytest.fixture
def as_a_stranger() -> Iterator[Path]:
    """A folder of a user without permission to read everything, whoever runs the tests."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)
            for path in Path(folder).rglob("*"):
                path.chmod(0o700)


@pytest.mark.parametrize(
    "text", ["nan nan nan nan", "1e308 1e308 1e308 1e308", "-inf 0 inf 1", "1 2 3", "0 0 -5 5"]
)
def test_cub_boxes_that_can_not_be_are_named_and_left_out(text: str, tmp_path: Path) -> None:
    root = made.cub(tmp_path)
    lines = (root / "bounding_boxes.txt").read_text().splitlines()
    (root / "bounding_boxes.txt").write_text("\n".join([f"1000 {text}", *lines[1:]]))
    layout = made.recognised(root)
    assert [item.box for item in layout.photos].count(None) == 1
    assert "image 1000" in layout.row_errors[0]


@pytest.mark.parametrize("name", [".", "/", "..", "x" * 5000])
def test_cub_names_without_files_are_missing(name: str, tmp_path: Path) -> None:
    root = made.cub(tmp_path)
    lines = (root / "images.txt").read_text().splitlines()
    (root / "images.txt").write_text("\n".join([f"1000 {name}", *lines[1:]]))
    assert made.recognised(root).missing == 1


def test_a_walk_can_be_stopped(tmp_path: Path) -> None:
    def stop() -> None:
        raise UserError("stopped")

    with pytest.raises(UserError, match="stopped"):
        made.recognised(made.class_folders(tmp_path, {"Crow": 2, "Owl": 2}), stop)
