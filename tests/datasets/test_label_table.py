"""Photos with a table of labels: usual column names, and an error for every wrong row."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.datasets import store
from core.datasets.importing import entries
from core.datasets.importing import run as importing
from core.datasets.importing.entries import Layout
from core.datasets.importing.origins import ImportSource
from core.datasets.planning.tables import text_tables
from core.errors import UserError
from tests.datasets import made

NAMES = [f"{number:02d}.jpg" for number in range(6)]


def photos(folder: Path, below: str = "images") -> Path:
    for number, name in enumerate(NAMES):
        made.photo(folder / below / name, seed=number)
    return folder


def test_a_long_cell_costs_no_more_than_its_length(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("path;label\nMädchen.jpg;" + "x" * 200_000 + "\n", encoding="cp1252")
    before = time.process_time()
    assert text_tables.detect_encoding(file) == "cp1252"
    assert time.process_time() - before < 10


def table(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Layout:
    (folder / name).write_text(text, encoding=encoding)
    return made.recognised(folder)


def labels(layout: Layout) -> dict[str, str]:
    return {photo.path: photo.label for photo in layout.photos}


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
def test_usual_column_names_are_recognised(header: str, line: str, tmp_path: Path) -> None:
    lines = [
        line.format(name=name, stem=name[:-4], label=label)
        for name, label in zip(NAMES, HALF, strict=True)
    ]
    layout = table(photos(tmp_path), "\n".join([header, *lines]))
    assert labels(layout) == EXPECTED
    assert layout.row_errors == []
    assert layout.ignored == {entries.TABLE: 1}


def test_images_beside_the_table_and_below_are_taken(tmp_path: Path) -> None:
    text = "file,label\n" + "\n".join(
        f"{name},{label}" for name, label in zip(NAMES, HALF, strict=True)
    )
    assert set(labels(table(photos(tmp_path / "flat", "."), text))) == set(NAMES)
    deep = tmp_path / "outer" / "inner"
    photos(deep)
    (deep / "labels.csv").write_text(text)
    layout = made.recognised(tmp_path / "outer")
    assert layout.root == deep
    assert labels(layout) == EXPECTED


def test_splits_and_boxes_are_imported(tmp_path: Path) -> None:
    rows = [
        f"{name},{label},{split},1,2,11,22"
        for name, label, split in zip(NAMES, HALF, ["Train", "val", "TEST"] * 2, strict=True)
    ]
    layout = table(photos(tmp_path), "\n".join(["file,label,set,xmin,ymin,xmax,ymax", *rows]))
    assert [photo.official for photo in layout.photos] == ["train", "validation", "test"] * 2
    assert {photo.box for photo in layout.photos} == {(1, 2, 10, 20)}


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
    # A photo whose label is empty comes in without one.
    assert labels(layout) == {"images/00.jpg": "crow", "images/01.jpg": "", "images/05.jpg": "owl"}
    said = " ".join(layout.row_errors)
    assert [error.split(":")[0] for error in layout.row_errors] == [
        f"Row {number}" for number in (3, 5, 6, 7, 8, 10, 11, 12)
    ]
    for words in (
        "99.jpg does not exist",
        "'holiday' is not train",
        "not four numbers",
        "is empty",
        "row 2",
        "fields",
    ):
        assert words in said
    assert layout.ignored["photo not in the tables"] == 3


def test_a_name_that_two_files_have_needs_its_path(tmp_path: Path) -> None:
    for part in ("a", "b"):
        photos(tmp_path, part)
    layout = table(tmp_path, "file,label\n00.jpg,crow\na/01.jpg,crow\nb/01.jpg,owl\n")
    assert labels(layout) == {"a/01.jpg": "crow", "b/01.jpg": "owl"}
    assert "2 files are named 00.jpg" in layout.row_errors[0]


def test_if_no_row_is_usable_the_first_errors_are_given(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Row 2: its box is empty"):
        table(photos(tmp_path), "file,label,x,y,w,h\n00.jpg,crow,1,2,0,4\n01.jpg,crow,1,2,0,4\n")


def test_class_names_that_clash_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="differ only"):
        table(photos(tmp_path), "file,label\n00.jpg,Crow\n01.jpg,crow\n")


@pytest.mark.parametrize(
    "text", ["name,colour\nx,y\n", "file,label\nnothing.jpg,crow\n", "", "\x00\x01", "file,label\n"]
)
def test_a_table_about_something_else_does_not_hide_class_folders(
    text: str, tmp_path: Path
) -> None:
    made.class_folders(tmp_path, {"crow": 3, "owl": 3})
    layout = table(tmp_path, text, "other.csv")
    assert layout.kind == "Class folders"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_table_in_utf_16_is_read(encoding: str, tmp_path: Path) -> None:
    text = "file\tlabel\r\n" + "".join(f"{name}\tH\u00e4her {name[1]}\r\n" for name in NAMES)
    assert set(labels(table(photos(tmp_path), text, encoding=encoding)).values()) == {
        f"H\u00e4her {n}" for n in range(6)
    }


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("cp1252", "Eichelh\u00e4her"),
        ("cp932", "\u30b9\u30ba\u30e1"),
        ("cp1251", "\u0412\u043e\u0440\u043e\u043d\u0430"),
        ("gb18030", "\u9ebb\u96c0\u559c\u9e4a"),
    ],
)
def test_a_table_in_an_old_encoding_is_read(encoding: str, label: str, tmp_path: Path) -> None:
    text = "file,label\n" + "".join(f"{name},{label}\n" for name in NAMES)
    assert set(labels(table(photos(tmp_path), text, encoding=encoding)).values()) == {label}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("00.jpg," + "x" * 20_000_000, r"labels\.csv.*line 3 has more than 1,048,576 characters"),
        ("00.jpg," + "x" * 200_000, r"labels\.csv.* line 3"),
        ('00.jpg,"crow\n' + "x\n" * 200_000, r"labels\.csv.* line"),
        ("00.jpg,cr\0ow", r"labels\.csv.*line 3"),
    ],
    ids=["a line", "a field", "a quote that nothing closes", "NUL"],
)
def test_bytes_that_are_not_text_are_refused_by_line(line: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        table(photos(tmp_path), f"file,label\n01.jpg,crow\n{line}\n")


def test_a_header_of_20_mb_is_no_header(tmp_path: Path) -> None:
    made.class_folders(tmp_path, {"crow": 3, "owl": 3})
    assert (
        table(tmp_path, "file,label," + "x" * 20_000_000 + "\n", "other.csv").kind
        == "Class folders"
    )


@pytest.mark.parametrize(
    "box",
    [
        "1e400,0,1,1",
        "nan,nan,nan,nan",
        "-inf,0,inf,1",
        f"{2**70},0,1,1",
        "0,0,1e308,1e308",
        "0,0,-1,5",
        "0,0," + "9" * 5000 + ",1",
    ],
)
def test_a_box_of_absurd_size_is_a_row_error(box: str, tmp_path: Path) -> None:
    rows = "".join(f"{name},crow,0,0,5,5\n" for name in NAMES[1:])
    layout = table(photos(tmp_path), f"file,label,x,y,w,h\n00.jpg,crow,{box}\n{rows}")
    assert len(layout.photos) == 5
    assert layout.row_errors == ["Row 2: its box is empty or can't be in a photo."]


def test_a_million_wrong_rows_are_counted_and_a_thousand_kept(tmp_path: Path) -> None:
    layout = table(photos(tmp_path), "file,label\n00.jpg,crow\n" + "no.jpg,crow\n" * 100_000)
    assert (layout.row_error_count, len(layout.row_errors)) == (100_000, 1000)


def test_an_import_with_wrong_rows_reports_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    text = (
        "file,label\n"
        + "\n".join(f"{name},{label}" for name, label in zip(NAMES, HALF, strict=True))
        + "\n77.jpg,owl\n"
    )
    (photos(tmp_path / "in") / "labels.csv").write_text(text)
    version = importing.run_import(ImportSource("folder", tmp_path / "in"), "Birds")
    assert version.report["row_errors"] == [
        "Row 8: the file 77.jpg does not exist or is not a photo."
    ]
    assert any("can't be used: 1." in warning for warning in version.report["warnings"])
    assert dict(store.manifest_of(version)["label"].value_counts()) == {"crow": 3, "owl": 3}
