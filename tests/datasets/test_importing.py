"""Complete imports from folders, archives and the sample; refused imports leave nothing behind."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import settings
from core.datasets import store
from core.datasets.browse import Query
from core.datasets.importing import entries
from core.datasets.importing import run as importing
from core.datasets.importing.report import ImportReport
from core.datasets.importing.run import ImportProgress, ImportSource, run_import
from core.datasets.progress import READING
from core.datasets.sample import pack
from core.errors import BadArchive, UserError
from tests.datasets import made


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder from which imports are allowed."""
    path = tmp_path / "photos"
    path.mkdir()
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(path))
    return path


def snapshot(folder: Path) -> dict[str, tuple[float, int]]:
    """Return name, time and size of everything below `folder`."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in sorted(folder.rglob("*"))
    }


def import_folder(path: Path, name: str = "Birds", **options: Any) -> store.Version:
    return run_import(ImportSource("folder", path), name, **options)


def refused(source: ImportSource, kind: type[Exception] = UserError, **options: Any) -> str:
    """Return the error message; check that nothing of the dataset remains."""
    with pytest.raises(kind) as caught:
        run_import(source, "Birds", **options)
    assert list(settings.datasets_dir().iterdir()) == []
    return str(caught.value)


def zipped(folder: Path, path: Path) -> Path:
    return Path(shutil.make_archive(str(path.with_suffix("")), "zip", folder))


def test_a_folder_becomes_a_dataset_and_is_not_touched(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 20, "Owl": 10, "Jay": 3})
    before = snapshot(roots)
    version = import_folder(roots)
    dataset = store.dataset(version.dataset_id)
    assert snapshot(roots) == before
    assert (dataset.name, dataset.root, dataset.drawn) == ("Birds", roots, False)
    assert str(roots) in dataset.source
    assert version.classes == ("Crow", "Jay", "Owl")
    assert version.split["kind"] == "stratified"
    assert version.counts["Jay"] == {"train": 1, "validation": 1, "test": 1, "unused": 0}
    frame = store.manifest_of(version)
    assert all(store.image_path(dataset, path).is_file() for path in frame["path"])
    assert (frame["width"] == 48).all()
    assert (frame["problem"] == "").all()


def test_the_report_says_what_was_found(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 33, "Owl": 3})
    (roots / "Crow" / "cut.jpg").write_bytes((roots / "Crow" / "000.jpg").read_bytes()[:300])
    (roots / "Crow" / "copy.jpg").write_bytes((roots / "Crow" / "001.jpg").read_bytes())
    (roots / "Owl" / "crow.jpg").write_bytes((roots / "Crow" / "002.jpg").read_bytes())
    (roots / "Owl" / "notes.txt").write_text("x")
    report = ImportReport.of(import_folder(roots).report)
    assert (report.images, report.classes, report.bad_count, report.missing) == (38, 2, 1, 0)
    assert report.bad[0]["path"] == "Crow/cut.jpg"
    assert report.bad[0]["problem"]
    assert report.ignored == {entries.NOT_IMAGE: 1}
    assert report.duplicates == [
        ["Crow/001.jpg", "Crow/copy.jpg"],
        ["Crow/002.jpg", "Owl/crow.jpg"],
    ]
    assert report.clashes == [["Crow/002.jpg", "Owl/crow.jpg"]]
    assert report.imbalance == 8.5
    assert report.images_per_second > 0
    assert any("two classes" in text for text in report.warnings)


def test_duplicates_across_an_official_split_are_reported(roots: Path) -> None:
    made.class_folders(roots / "train", {"Crow": 10, "Owl": 10})
    made.class_folders(roots / "test", {"Crow": 5, "Owl": 5})
    (roots / "test" / "Owl" / "seen.jpg").write_bytes(
        (roots / "train" / "Owl" / "000.jpg").read_bytes()
    )
    version = import_folder(roots)
    report = ImportReport.of(version.report)
    assert version.split["kind"] == "official"
    assert report.leaks == [["test/Owl/seen.jpg", "train/Owl/000.jpg"]]
    assert any("official split" in text for text in report.warnings)


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_is_unpacked_into_the_dataset(kind: str, roots: Path, tmp_path: Path) -> None:
    made.class_folders(tmp_path / "in" / "birds", {"Crow": 4, "Owl": 4})
    archive = Path(shutil.make_archive(str(roots / "a"), kind, tmp_path / "in"))
    version = run_import(ImportSource("archive", archive, display_name="my birds.zip"), "Birds")
    dataset = store.dataset(version.dataset_id)
    assert dataset.root == settings.datasets_dir() / dataset.id / "images" / "birds"
    assert dataset.source == "Archive my birds.zip"
    assert all(
        store.image_path(dataset, path).is_file() for path in store.manifest_of(version)["path"]
    )
    store.move_to_bin(dataset.id)
    assert list(settings.datasets_dir().iterdir()) == []
    assert archive.exists()


def test_home_may_be_moved_with_the_archives_in_it(
    roots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(made.class_folders(tmp_path / "in", {"Crow": 4, "Owl": 4}), roots / "a.zip")
    version = run_import(ImportSource("archive", archive), "Birds")
    settings.home().rename(tmp_path / "elsewhere")
    monkeypatch.setenv("FIELDMARK_HOME", str(tmp_path / "elsewhere"))
    dataset = store.dataset(version.dataset_id)
    assert store.image_path(dataset, store.manifest_of(version)["path"][0]).is_file()


def test_cub_keeps_its_split_boxes_and_names(roots: Path) -> None:
    made.cub(roots, absent=[1009])
    Image.new("L", (48, 36), 90).save(roots / "images" / "017.Cardinal" / "Cardinal_0001_1003.jpg")
    version = import_folder(roots)
    assert version.classes == ("American Crow", "Cardinal", "Northern Flicker")
    assert version.split_counts() == {"train": 9, "validation": 3, "test": 11, "unused": 0}
    frame = store.manifest_of(version)
    assert version.report["missing"] == 1
    assert ((frame["split"] == "test") == (frame["official"] == "test")).all()
    assert frame[
        ["box_x", "box_y", "box_width", "box_height"]
    ].drop_duplicates().to_numpy().tolist() == [[30, 0, 18, 19]]


def test_boxes_outside_their_image_are_dropped() -> None:
    boxes = np.array([[10, 10, 5, 5], [100, 0, 10, 10], [0, 0, 0, 9], [np.nan] * 4], dtype=float)
    clipped = importing._clip(boxes, np.array([[50, 40]] * 4, dtype=float))
    assert clipped[0].tolist() == [10, 10, 5, 5]
    assert np.isnan(clipped[1:]).all()


def test_birds12_by_its_tables(birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(birds.parent))
    version = import_folder(birds.parent)
    frame = store.manifest_of(version)
    assert (len(frame), len(version.classes)) == (715, 12)
    assert {"Red winged Blackbird", "Cardinal", "American Crow"} <= set(version.classes)
    assert frame["official"].value_counts().to_dict() == {"train": 360, "test": 355}
    assert version.split_counts()["test"] == 355
    assert (frame["problem"] == "").all()
    assert (frame["box_x"] + frame["box_width"] <= frame["width"]).all()
    assert (frame["box_y"] + frame["box_height"] <= frame["height"]).all()


def test_birds12_by_its_folders(birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(birds))
    version = import_folder(birds / "images")
    assert version.images == 715
    assert "017.Cardinal" in version.classes
    assert version.split["kind"] == "stratified"


def test_the_sample_is_unpacked_and_marked_as_drawn() -> None:
    seen: list[ImportProgress] = []
    version = run_import(ImportSource("sample"), "Sketchbook", progress=seen.append)
    assert store.dataset(version.dataset_id).drawn
    assert version.images == pack.PER_SPECIES * len(version.classes)
    assert {progress.phase for progress in seen} >= {"Unpacking", READING}


def test_progress_goes_up_and_ends(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 60, "Owl": 60})
    seen: list[ImportProgress] = []
    import_folder(roots, progress=seen.append)
    reading = [progress for progress in seen if progress.phase == READING]
    assert [progress.done for progress in reading] == sorted(progress.done for progress in reading)
    assert (reading[-1].done, reading[-1].total, reading[-1].unit, reading[-1].eta_seconds) == (
        120,
        120,
        "photos",
        0,
    )
    assert reading[-1].rate > 0


@pytest.mark.parametrize("reports", [0, 1, 2, 3])
def test_a_stopped_import_leaves_nothing(reports: int, roots: Path) -> None:
    """Stop at the first check, and after the first, second and third report of progress."""
    made.class_folders(roots, {"Crow": 60, "Owl": 60})
    seen: list[ImportProgress] = []
    assert "stopped" in refused(
        ImportSource("folder", roots),
        progress=seen.append,
        should_stop=lambda: len(seen) >= reports,
    )


LITTLE_DISK = """
import resource, signal, sys
from pathlib import Path
from core.datasets.importing.run import ImportSource, run_import
from core.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    run_import(ImportSource("folder", Path(sys.argv[1])), "Birds")
except UserError as error:
    print(error)
"""


def test_a_full_disk_is_reported_and_leaves_nothing(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 20, "Owl": 20})
    run = subprocess.run(
        [sys.executable, "-c", LITTLE_DISK, roots],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in run.stdout
    assert list(settings.datasets_dir().iterdir()) == []


def test_fault_09_dataset_names(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 3, "Owl": 3})
    for name in ("a b", "a'b", 'a"b', "$(id)", "🦆", "../../etc"):
        dataset = store.dataset(import_folder(roots, name).dataset_id)
        assert dataset.name == name
        assert store.ID_PATTERN.fullmatch(dataset.id)
    for name in ("", "..", "a\nb", "x" * 300):
        with pytest.raises(UserError, match="dataset name"):
            import_folder(roots, name)


def test_fault_10_only_the_import_roots_can_be_imported(roots: Path, tmp_path: Path) -> None:
    outside = made.class_folders(tmp_path / "private", {"Secret": 3, "Other": 3})
    (roots / "door").symlink_to(outside)
    for path in (
        outside,
        tmp_path / "nothing here",
        roots / "door",
        roots / ".." / "private",
        Path("/"),
        Path("~nobody/x"),
        Path("a\0b"),
    ):
        message = refused(ImportSource("folder", path))
        assert "Secret" not in message
    real, missing = (
        refused(ImportSource("folder", outside)),
        refused(ImportSource("folder", tmp_path / "PRIVATE")),
    )
    assert real.replace("private", "PRIVATE") == missing
    archive = zipped(outside, tmp_path / "a.zip")
    assert "outside" in refused(ImportSource("archive", archive))


def test_fault_10_a_link_put_in_after_the_import_is_not_followed(
    roots: Path, tmp_path: Path
) -> None:
    made.class_folders(roots, {"Crow": 3, "Owl": 3})
    version = import_folder(roots)
    secret = made.photo(tmp_path / "secret.jpg")
    (roots / "Crow" / "000.jpg").unlink()
    (roots / "Crow" / "000.jpg").symlink_to(secret)
    with pytest.raises(UserError, match="leads outside"):
        store.image_path(store.dataset(version.dataset_id), "Crow/000.jpg")


def test_fault_11_the_clients_file_name_is_only_shown(tmp_path: Path) -> None:
    made.class_folders(tmp_path / "in", {"Crow": 3, "Owl": 3})
    upload = zipped(tmp_path / "in", settings.uploads_dir() / "0001.zip")
    version = run_import(
        ImportSource("archive", upload, display_name="../../etc/passwd.zip\n<b>"), "Birds"
    )
    assert (
        store.dataset(version.dataset_id).source
        == "Archive ../../etc/passwd.zip\N{REPLACEMENT CHARACTER}<b>"
    )
    assert not list(tmp_path.rglob("passwd*"))


def test_fault_12_markup_in_class_names_stays_text(roots: Path) -> None:
    names = {"a<script>": 3, ":red[x]": 3, "![](http:..x)": 3}
    assert set(import_folder(made.class_folders(roots, names)).classes) == set(names)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_fault_13_bad_images_are_counted_and_named(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 6, "Owl": 6})
    whole = io.BytesIO()
    made.pixels(1, (200, 200)).save(whole, "PNG")
    (roots / "Owl" / "cut.png").write_bytes(whole.getvalue()[:5000])
    (roots / "Owl" / "text.jpg").write_text("not a photo")
    (roots / "Owl" / "empty.jpg").touch()
    Image.new("1", (13_000, 13_000)).save(roots / "Crow" / "huge.png")
    version = import_folder(roots)
    assert version.problems == 4
    assert version.split_counts()["unused"] == 4
    rows, total = store.page(version, Query(problem=True))
    assert total == 4
    assert set(rows["path"]) == {"Owl/cut.png", "Owl/text.jpg", "Owl/empty.jpg", "Crow/huge.png"}
    assert [item["path"] for item in version.report["bad"]] == list(rows["path"])
    assert rows["problem"].str.len().min() > 5


def test_over_half_unusable_gives_a_warning_and_all_unusable_is_refused(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 3, "Owl": 3})
    for number in range(7):
        (roots / "Crow" / f"bad{number}.jpg").write_text("no photo")
    assert any(
        "7 of 13" in text and "more than half" in text
        for text in import_folder(roots).report["warnings"]
    )
    for path in roots.rglob("0*.jpg"):
        path.write_text("no photo")
    store.move_to_bin(next(iter(store.datasets())).id)
    assert "None of the 13 photos" in refused(ImportSource("folder", roots))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_named(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 3, "Owl": 3})
    (roots / "Owl").chmod(0)
    assert "Owl can't be read" in refused(ImportSource("folder", roots))


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"Crow": 5, "Owl": 5, "Empty": 0}, r'"Empty" (0)'),
        ({"Crow": 5, "Owl": 5, "Single": 1}, r'"Single" (1)'),
        ({"Crow": 5, "Owl": 2}, r'"Owl" (2)'),
        ({"Crow": 5}, "at least 2 classes"),
        ({}, "no photos"),
        ({"A": 0, "B": 0}, "no photos"),
    ],
)
def test_fault_18_too_few_images_or_classes(
    sizes: dict[str, int], reason: str, roots: Path
) -> None:
    assert reason in refused(ImportSource("folder", made.class_folders(roots, sizes)))


def test_fault_18_a_class_whose_images_are_all_bad(roots: Path) -> None:
    made.class_folders(roots, {"Crow": 5, "Owl": 5})
    for number in range(4):
        (roots / "Bad" / f"{number}.jpg").parent.mkdir(exist_ok=True)
        (roots / "Bad" / f"{number}.jpg").write_text("no photo")
    assert '"Bad" (0)' in refused(ImportSource("folder", roots))


def test_fault_18_small_classes_can_be_left_out(roots: Path) -> None:
    version = import_folder(
        made.class_folders(roots, {"Crow": 5, "Owl": 5, "Single": 1, "Empty": 0}), skip_small=True
    )
    assert version.classes == ("Crow", "Owl")
    assert version.counts["Single"] == {"train": 0, "validation": 0, "test": 0, "unused": 1}
    assert version.report["left_out"] == ["Empty", "Single"]
    assert any('"Empty", "Single"' in text for text in version.report["warnings"])


def test_fault_19_an_official_split_that_lacks_a_class_is_kept_and_says_so(roots: Path) -> None:
    made.class_folders(roots / "train", {"Crow": 10, "Owl": 10})
    made.class_folders(roots / "test", {"Crow": 5})
    version = import_folder(roots)
    assert version.split["kind"] == "official"
    assert any('no test photos of "Owl"' in text for text in version.report["warnings"])


def test_bad_archives_are_refused_before_anything_remains(roots: Path) -> None:
    with zipfile.ZipFile(roots / "a.zip", "w") as archive:
        archive.writestr("../Crow/1.jpg", b"x")
    assert "'../Crow/1.jpg'" in refused(ImportSource("archive", roots / "a.zip"), BadArchive)
    (roots / "words.txt").write_text("no photo")
    with tarfile.open(roots / "b.tgz", "w:gz") as tar:
        tar.add(roots / "words.txt", "words.txt")
    assert "no photos" in refused(ImportSource("archive", roots / "b.tgz"))


@pytest.mark.parametrize(
    "source",
    [
        ImportSource("folder"),
        ImportSource("archive"),
        ImportSource("archive", Path()),
        ImportSource("ftp"),
    ],
)
def test_an_invalid_source_is_refused(source: ImportSource) -> None:
    assert refused(source)


def test_a_missing_path_is_refused(roots: Path) -> None:
    assert "There is no folder" in refused(ImportSource("folder", roots / "none"))
    assert "There is no file" in refused(ImportSource("archive", roots))
