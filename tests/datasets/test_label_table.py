"""Images with a table of labels beside them: columns by their usual names, every wrong row named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.datasets import importing, layouts, store
from core.datasets.found import Layout
from core.datasets.origins import ImportSource
from core.errors import UserError
from tests.datasets import made

NAMES = [f"{number:02d}.jpg" for number in range(6)]


def photos(folder: Path, below: str = "images") -> Path:
    for number, name in enumerate(NAMES):
        made.photo(folder / below / name, seed=number)
    return folder


def table(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Layout:
    (folder / name).write_text(text, encoding=encoding)
    return layouts.recognise(folder)


def labels(layout: Layout) -> dict[str, str]:
    return {found.path: found.label for found in layout.found}


HALF = ["crow", "crow", "crow", "owl", "owl", "owl"]
EXPECTED = {f"images/{name}": label for name, label in zip(NAMES, HALF, strict=True)}


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("filename,label", "{name},{label}"),
        ("File Name;Species", "images/{name};{label}"),
        ("image_path\tClass", "./images/{name}\t{label}"),
        ("id,breed", "{stem},{label}"),
        ("n,image,category", "1,images\\{name},{label}"),
        ("\ufefffile,label,split", "{name},{label},unused"),
    ],
)
def test_columns_and_names_as_people_write_them(header: str, line: str, tmp_path: Path) -> None:
    lines = [line.format(name=name, stem=name[:-4], label=label) for name, label in zip(NAMES, HALF, strict=True)]
    layout = table(photos(tmp_path), "\n".join([header, *lines]))
    assert labels(layout) == EXPECTED
    assert layout.row_errors == []
    assert layout.ignored == {"not an image file": 1}


def test_images_beside_the_table_and_below_are_taken(tmp_path: Path) -> None:
    text = "file,label\n" + "\n".join(f"{name},{label}" for name, label in zip(NAMES, HALF, strict=True))
    assert set(labels(table(photos(tmp_path / "flat", "."), text))) == set(NAMES)
    deep = tmp_path / "outer" / "inner"
    photos(deep)
    (deep / "labels.csv").write_text(text)
    layout = layouts.recognise(tmp_path / "outer")
    assert layout.root == deep
    assert labels(layout) == EXPECTED


def test_split_and_boxes_come_along(tmp_path: Path) -> None:
    rows = [f"{name},{label},{split},1,2,11,22" for name, label, split in zip(NAMES, HALF, ["Train", "val", "TEST"] * 2, strict=True)]
    layout = table(photos(tmp_path), "\n".join(["file,label,set,xmin,ymin,xmax,ymax", *rows]))
    assert [found.official for found in layout.found] == ["train", "validation", "test"] * 2
    assert {found.box for found in layout.found} == {(1, 2, 10, 20)}


def test_every_row_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    rows = [
        "00.jpg,crow,train,1,2,3,4",
        "99.jpg,crow,train,,,,",
        "01.jpg,,train,,,,",
        "02.jpg,owl,holiday,,,,",
        "03.jpg,owl,test,1,2,x,4",
        "04.jpg,owl,test,1,2,0,4",
        "00.jpg,owl,test,,,,",
        "05.jpg,owl,test,,,,",
        "05.jpg,owl",
        ",owl,test,,,,",
        "../../etc/passwd.jpg,owl,test,,,,",
    ]
    layout = table(photos(tmp_path), "\n".join(["file,label,split,x,y,w,h", *rows]))
    assert labels(layout) == {"images/00.jpg": "crow", "images/05.jpg": "owl"}
    said = " ".join(layout.row_errors)
    assert [error.split(":")[0] for error in layout.row_errors] == [f"Row {number}" for number in (3, 4, 5, 6, 7, 8, 10, 11, 12)]
    for words in ("99.jpg is not there", "label is empty", "'holiday' is neither", "not four numbers", "holds nothing", "row 2", "fields"):
        assert words in said
    assert layout.ignored["image not in the tables"] == 4


def test_a_name_that_two_files_have_needs_its_path(tmp_path: Path) -> None:
    for part in ("a", "b"):
        photos(tmp_path, part)
    layout = table(tmp_path, "file,label\n00.jpg,crow\na/01.jpg,crow\nb/01.jpg,owl\n")
    assert labels(layout) == {"a/01.jpg": "crow", "b/01.jpg": "owl"}
    assert "2 files are called 00.jpg" in layout.row_errors[0]


def test_where_no_row_can_be_used_the_first_ones_say_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Row 2: the label is empty"):
        table(photos(tmp_path), "file,label\n00.jpg,\n01.jpg,\n")


def test_class_names_that_clash_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="differ only"):
        table(photos(tmp_path), "file,label\n00.jpg,Crow\n01.jpg,crow\n")


@pytest.mark.parametrize("text", ["name,colour\nx,y\n", "file,label\nnothing.jpg,crow\n", "", "\x00\x01", "file,label\n"])
def test_a_table_about_something_else_does_not_hide_class_folders(text: str, tmp_path: Path) -> None:
    made.class_folders(tmp_path, {"crow": 3, "owl": 3})
    layout = table(tmp_path, text, "other.csv")
    assert layout.kind == "class folders"


def test_a_table_in_another_encoding_is_not_taken_for_labels(tmp_path: Path) -> None:
    made.class_folders(tmp_path, {"crow": 3, "owl": 3})
    assert table(tmp_path, "file,label\ncrow/000.jpg,h\u00e4her\n", encoding="utf-16").kind == "class folders"


def test_an_import_with_wrong_rows_reports_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    text = "file,label\n" + "\n".join(f"{name},{label}" for name, label in zip(NAMES, HALF, strict=True)) + "\n77.jpg,owl\n"
    (photos(tmp_path / "in") / "labels.csv").write_text(text)
    version = importing.run_import(ImportSource("folder", tmp_path / "in"), "Birds")
    assert version.report["row_errors"] == ["Row 8: the file 77.jpg is not there, or is no image."]
    assert any("1 of the rows" in warning for warning in version.report["warnings"])
    assert dict(store.manifest_of(version)["label"].value_counts()) == {"crow": 3, "owl": 3}
