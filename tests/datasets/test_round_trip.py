"""What is exported and imported again is the same: photos, labels, splits, boxes, names and what a person left out."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core.datasets import export, store
from core.datasets.editing import edits
from core.datasets.importing import extending
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from tests.datasets import made

LABELS = [
    "Crow", "=1+2", "-5", "007", "1e5", "NaN", "'=x", "''+y", "@home", "<b>Jay", "[a](http://x)", "Eichelhäher",
    "スズメ", ".hidden", "Dr.", "None", "true", 'say "hi", twice', "a;b", "train", "q" * 80, "\N{BIRD}" * 80, "Thumbs.db", "-",
]  # fmt: skip
FILES = [
    "1.jpg",
    "1.JPG",
    "-2.jpg",
    "=3.jpg",
    "'4.jpg",
    "<i>.jpg",
    "é.jpg",
    unicodedata.normalize("NFD", "é.jpg"),
    " x .jpg",
    "a,b.jpg",
]
SLASHED = ("Corvus/corax", "<b>Jay</b>", "#N/A", "a\\b")
COLUMNS = ["image_id", "label", "split", "box_x", "box_y", "box_width", "box_height", "official"]


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))


def labelled(root: Path, seed: int, extra: tuple[str, ...] = ()) -> Path:
    """Photos in folders that say nothing, with a table of labels, boxes for some, and an official split for every other seed."""
    chance = random.Random(seed)
    rows = []
    for number, label in enumerate([*chance.sample(LABELS, 8), *extra]):
        for place in range(5):
            path = f"part {place % 3}/{number}/{FILES[(number + place) % len(FILES)]}"
            if place == 4:
                path = f"part 0/{number}/again/{FILES[number % len(FILES)]}"
            made.photo(root / path, seed=made.seed_of(f"{seed}/{number}/{place}"))
            box = [
                chance.uniform(0, 20),
                chance.uniform(0, 15),
                chance.uniform(0.1, 20),
                chance.uniform(0.1, 15),
            ]
            split = ["train", "train", "test", "train", ""][place] if seed % 2 else ""
            rows.append([path, label, split, *(box if place % 2 else [""] * 4)])
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["path", "label", "split", "box_x", "box_y", "box_width", "box_height"], *rows]
        )
    return root


def edited(version: store.Version, seed: int) -> store.Version:
    """Photos relabelled, moved, put into unused and left out, as far as every class keeps one in train."""
    chance = random.Random(seed)
    frame = store.manifest_of(version)
    spare = frame[(frame["split"] != "train") | frame["label"].duplicated()]
    paths = chance.sample(sorted(spare["path"]), 12)
    steps = [
        edits.relabel(paths[:3], chance.choice(frame["label"])),
        edits.move(paths[3:5], "test"),
        edits.move(paths[5:7], "validation"),
        edits.move(paths[7:9], "unused"),
        edits.leave_out(paths[9:11], "=blurred, 'very'"),
        edits.leave_out(paths[11:]),
    ]
    kept = edits.applied(frame, steps)
    lost = set(kept.loc[kept["split"] != "unused", "label"]) - set(
        kept.loc[kept["split"] == "train", "label"]
    )
    return edits.make(
        version,
        [
            *steps,
            *(
                edits.move(kept.loc[kept["label"] == label, "path"], "train")
                for label in sorted(lost)
            ),
        ],
    )


def extended(version: store.Version, root: Path, seed: int) -> store.Version:
    source = made.class_folders(root, {"Newcomer": 4, "Crow": 2})
    return extending.run_extension(
        ImportSource("folder", source), version, into_own_folder=True, seed=seed
    )


def facts(frame: pd.DataFrame, columns: list[str]) -> list[tuple[str, ...]]:
    return sorted(
        tuple(map(repr, row)) for row in frame[columns].itertuples(index=False, name=None)
    )


def officially(frame: pd.DataFrame) -> pd.DataFrame:
    """The official split of an export: the dataset's, or, where it has none, its own."""
    own = frame["split"].replace("unused", "")
    return frame.assign(official=frame["official"] if frame["official"].any() else own)


def as_zip(version: store.Version, folder: Path) -> ImportSource:
    return ImportSource("archive", export.folders(version, folder / "out.zip"))


def as_stream(version: store.Version, folder: Path) -> ImportSource:
    (folder / "out.zip").write_bytes(b"".join(export.stream(version)))
    return ImportSource("archive", folder / "out.zip")


def as_folder(version: store.Version, folder: Path) -> ImportSource:
    return ImportSource("folder", export.into_folder(version, folder / "copies"))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", [as_zip, as_stream, as_folder])
def test_folders_come_back_the_same(
    form: Callable[[store.Version, Path], ImportSource], seed: int, tmp_path: Path
) -> None:
    version = importing.run_import(
        ImportSource("folder", labelled(tmp_path / "in", seed)), "Before", skip_small=True
    )
    version = edited(extended(version, tmp_path / "more", seed), seed)
    again = importing.run_import(form(version, tmp_path), "After")
    before, after = officially(export.used(version)), store.manifest_of(again)
    assert facts(after, COLUMNS) == facts(before, COLUMNS)
    assert again.report["row_error_count"] == 0
    assert set(again.classes) == set(version.classes)
    names = after.merge(before, on="image_id")
    kept = [
        Path(new).name == Path(old).name
        for new, old in zip(names["path_x"], names["path_y"], strict=True)
    ]
    assert sum(kept) > len(kept) / 2


@pytest.mark.parametrize("seed", range(4))
def test_a_table_beside_its_photos_comes_back_the_same(seed: int, tmp_path: Path) -> None:
    root = labelled(tmp_path / "in", seed, SLASHED)
    version = importing.run_import(ImportSource("folder", root), "Before", skip_small=True)
    version = edited(extended(version, tmp_path / "more", seed), seed)
    (root / "zz-exported.csv").write_bytes(export.table(version).encode())
    again = importing.run_import(ImportSource("folder", root), "After")
    columns = [*COLUMNS, "path", "problem"]
    assert facts(store.manifest_of(again), columns) == facts(
        officially(store.manifest_of(version)), columns
    )
    assert again.report["row_error_count"] == 0
    third = export.table(again)
    shutil.rmtree(tmp_path / "home" / "datasets")
    (root / "zz-exported.csv").write_bytes(third.encode())
    assert export.table(importing.run_import(ImportSource("folder", root), "Third")) == third


@pytest.mark.parametrize("seed", range(2))
def test_an_augmented_manifest_says_the_same(seed: int, tmp_path: Path) -> None:
    version = importing.run_import(
        ImportSource("folder", labelled(tmp_path / "in", seed, SLASHED)), "Before", skip_small=True
    )
    version = edited(version, seed)
    said = []
    for split in export.USED:
        lines = map(json.loads, export.augmented(version, "s3://bucket/x/", split).splitlines())
        said += [
            (
                line["source-ref"].removeprefix("s3://bucket/x/"),
                line["label-metadata"]["class-name"],
                split,
            )
            for line in lines
        ]
    assert sorted(said) == sorted(
        export.used(version)[["path", "label", "split"]].itertuples(index=False, name=None)
    )


def test_a_class_without_enough_photos_for_a_split_comes_back(tmp_path: Path) -> None:
    version = importing.run_import(
        ImportSource(
            "folder", made.class_folders(tmp_path / "in", {"Crow": 5, "Owl": 5, "Jay": 3})
        ),
        "Before",
    )
    jays = store.manifest_of(version, filters=[("label", "==", "Jay")])["path"]
    version = edits.make(version, [edits.move(jays, "train"), edits.leave_out(jays[:2])])
    again = importing.run_import(as_zip(version, tmp_path), "After")
    assert again.counts["Jay"] == {"train": 1, "validation": 0, "test": 0, "unused": 0}


def test_a_cell_that_a_spreadsheet_would_run_is_text_in_every_export(tmp_path: Path) -> None:
    version = importing.run_import(
        ImportSource("folder", made.class_folders(tmp_path / "in", {"=1+2": 5, "@x": 5, "-y": 5})),
        "Before",
    )
    with zipfile.ZipFile(export.folders(version, tmp_path / "out.zip")) as archive:
        tables = [export.table(version), archive.read("manifest.csv").decode()]
    for table in tables:
        rows = list(csv.DictReader(io.StringIO(table)))
        assert {row["label"] for row in rows} == {"'=1+2", "'@x", "'-y"}
