"""What else is known of photos: typed, kept from version to version, filtered and sorted by,
exported and imported again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.datasets import browse, export, groups, metadata, splits, store
from core.datasets.browse import METADATA, Query
from core.datasets.editing import edits
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.errors import UserError
from core.io import exif
from tests.datasets import made

COLUMNS = "file,label,site,taken,wing,checked,code,note"
ROWS = 12


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    """Twelve photos with a table of seven further columns; the last three rows lack a wing."""
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = tmp_path / "in"
    lines = [COLUMNS]
    for number in range(ROWS):
        made.photo(folder / "images" / f"{number:02d}.jpg", seed=number)
        wing = f"{70 + number / 2}" if number < 9 else ""
        cells = (
            f"{number:02d}.jpg",
            "crow" if number < 6 else "owl",
            f"pond {number % 3}",
            f"2026-05-{number + 1:02d} 06:30:00",
            wing,
            "yes" if number % 2 else "no",
            f"{number:03d}",
            "=SUM(A1)",
        )
        lines.append(",".join(cells))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return importing.run_import(ImportSource("folder", folder), "Birds")


def paths(version: store.Version, **query: object) -> list[str]:
    frame, _ = store.page(version, Query(**query))  # type: ignore[arg-type]
    return [path.rpartition("/")[2][:2] for path in frame["path"]]


def test_a_column_has_the_type_of_all_its_values(version: store.Version) -> None:
    kinds = metadata.columns_of(version.folder)
    assert kinds == {
        "group": "text",
        "taken": "time",
        "wing": "number",
        "checked": "flag",
        "code": "text",
        "note": "text",
    }
    known = metadata.of_photo(version.folder, "images/03.jpg")
    assert known["taken"] == pd.Timestamp("2026-05-04 06:30:00")
    assert (known["wing"], known["checked"], known["code"]) == (71.5, True, "003")
    assert "wing" not in metadata.of_photo(version.folder, "images/11.jpg")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "", "-3"], "number"),
        (["1,5", "2"], "number"),
        (["007", "12"], "text"),
        (["true", "False", ""], "flag"),
        (["2026-05-01", "2026-05-02T06:10:00Z"], "time"),
        (["2026:05:01 06:10:00"], "time"),
        (["2026-13-01"], "text"),
        (["1", "two"], "text"),
        (["9" * 30], "number"),
    ],
)
def test_a_column_of_these_values(values: list[str], kind: str, tmp_path: Path) -> None:
    frame = metadata.frame_of(
        [""] * len(values), [str(n) for n in range(len(values))], [{"x": value} for value in values]
    )
    metadata.write(frame, tmp_path / metadata.FILE)
    assert metadata.columns_of(tmp_path) == {"x": kind}


def test_at_most_64_columns_are_kept_under_names_of_their_own() -> None:
    record = {f"c{number}": "x" for number in range(80)} | {"label": "y", "path": "z"}
    frame = metadata.frame_of(["a", "b"], ["1", "2"], [record, {"label": "y", "path": "z"}])
    assert len(frame.columns) == 64 + len(metadata.KEYS)
    assert {"label_2", "path_2"} <= set(frame.columns)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("group", "POND 1", ""), ["01", "04", "07", "10"]),
        (("wing", "73", ""), ["06", "07", "08"]),
        (("wing", "", "70,5"), ["00", "01"]),
        (("taken", "2026-05-03", "2026-05-04"), ["02", "03"]),
        (("checked", "true", ""), ["01", "03", "05", "07", "09", "11"]),
        (("checked", "false", ""), ["00", "02", "04", "06", "08", "10"]),
    ],
)
def test_photos_are_filtered(
    version: store.Version, condition: tuple[str, str, str], expected: list[str]
) -> None:
    assert sorted(paths(version, metadata=(condition,))) == expected
    assert store.count(version, Query(metadata=(condition,), label="owl")) == sum(
        int(name) >= 6 for name in expected
    )


def test_photos_are_sorted_and_those_without_a_value_come_last(version: store.Version) -> None:
    assert paths(version, sort=f"{METADATA}taken", descending=True)[:3] == ["11", "10", "09"]
    assert paths(version, sort=f"{METADATA}wing")[:3] == ["00", "01", "02"]
    assert set(paths(version, sort=f"{METADATA}wing")[-3:]) == {"09", "10", "11"}


@pytest.mark.parametrize(
    "query",
    [
        Query(sort=f"{METADATA}nothing"),
        Query(metadata=(("nothing", "1", ""),)),
        Query(metadata=(("wing", "broad", ""),)),
        Query(metadata=(("taken", "yesterday", ""),)),
    ],
)
def test_an_invalid_condition_is_refused_with_the_reason(
    version: store.Version, query: Query
) -> None:
    with pytest.raises(UserError):
        browse.page(version.manifest_path, query)


def test_the_next_version_keeps_the_metadata(version: store.Version) -> None:
    after = edits.make(version, [edits.relabel(["images/03.jpg"], "owl")])
    assert metadata.of_photo(after.folder, "images/03.jpg") == metadata.of_photo(
        version.folder, "images/03.jpg"
    )
    assert paths(after, metadata=(("wing", "71.5", "71.5"),)) == ["03"]


def test_an_export_imported_again_is_the_same_dataset(
    version: store.Version, tmp_path: Path
) -> None:
    changed = edits.make(version, [edits.relabel(["images/03.jpg", "images/05.jpg"], "owl")])
    archive = export.folders(changed, tmp_path / "out.zip")
    again = importing.run_import(ImportSource("archive", archive), "Again")
    before, after = (store.manifest_of(item).set_index("image_id") for item in (changed, again))
    columns = ["label", "split", "width", "height"]
    pd.testing.assert_frame_equal(
        before[columns].sort_index(), after[columns].sort_index(), check_like=True
    )
    known = [
        metadata.read(item.folder).drop(columns="path").set_index("image_id").sort_index()  # type: ignore[union-attr]
        for item in (changed, again)
    ]
    pd.testing.assert_frame_equal(*known, check_like=True)


def test_groups_stay_together_in_a_split(version: store.Version) -> None:
    units = groups.units(version, "group")
    how = {
        "kind": "by group",
        "ratios": {"train": 0.5, "validation": 0.25, "test": 0.25},
        "seed": 7,
    }
    frame = splits.apply(store.manifest_of(version), how, units)
    known = metadata.aligned(store.metadata_of(version), frame["path"])
    parts = frame["split"].groupby(known["group"].to_numpy()).nunique()
    assert set(parts) == {1}
    assert set(frame["split"]) == {"train", "validation", "test"}


def test_a_split_by_missing_groups_is_refused(version: store.Version) -> None:
    how = {"kind": "by group", "ratios": {"train": 0.8, "validation": 0.1, "test": 0.1}, "seed": 7}
    with pytest.raises(UserError, match="no groups"):
        splits.apply(store.manifest_of(version), how, None)


def test_photos_of_a_camera_say_when_and_where(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    written = Image.Exif()
    written[0x010F], written[0x0110] = "Reconyx", "Reconyx HP2X"
    written.get_ifd(exif.EXIF)[exif.TIME] = "2026:05:01 06:10:00"
    written.get_ifd(exif.GPS).update({1: "S", 2: (10.0, 30.0, 0.0), 3: "E", 4: (20.0, 15.0, 36.0)})
    image.save(tmp_path / "x.jpg", exif=written)
    assert exif.facts((tmp_path / "x.jpg").read_bytes()) == {
        "captured_at": "2026-05-01 06:10:00",
        "camera": "Reconyx HP2X",
        "latitude": "-10.500000",
        "longitude": "20.260000",
    }


def test_damaged_camera_data_is_ignored(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    written = Image.Exif()
    written.get_ifd(exif.EXIF)[exif.TIME] = "0000:00:00 00:00:00"
    image.save(tmp_path / "x.jpg", exif=written)
    data = (tmp_path / "x.jpg").read_bytes()
    assert exif.facts(data) == {}
    assert exif.facts(data[:40]) == {}
    assert exif.facts(b"Exif" * 10) == {}


def test_coordinates_are_not_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = made.class_folders(tmp_path / "in", {"crow": 4, "owl": 4})
    rows = [
        f"{kind}/{number:03d}.jpg,1.5,2.5,wet" for kind in ("crow", "owl") for number in range(4)
    ]
    (folder / "places.csv").write_text("\n".join(["file,latitude,longitude,weather", *rows]))
    version = importing.run_import(ImportSource("folder", folder), "Birds")
    assert set(metadata.columns_of(version.folder)) == {"latitude", "longitude", "weather"}
    export.into_folder(version, tmp_path / "out")
    header = (tmp_path / "out" / "manifest.csv").read_text().splitlines()[0]
    assert "weather" in header
    assert "latitude" not in header
