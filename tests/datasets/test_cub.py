"""Import CUB-200-2011: downloaded or from an archive, checked, all species or some."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core import settings
from core.datasets import store
from core.datasets.importing import cub
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.datasets.progress import ImportProgress
from core.errors import UserError
from core.io import download
from tests.datasets import made
from tests.serving import Script, serving

TWO = ("Cardinal", "Northern Flicker")


@pytest.fixture
def tgz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small CUB_200_2011.tgz of three species, with the other files of the real one."""
    root = made.cub(tmp_path / "CUB_200_2011", 10, absent=[1030])
    for name in (
        "attributes/image_attribute_labels.txt",
        "parts/part_locs.txt",
        "README",
        "../attributes.txt",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("1 2 3\n" * 50)
    path = tmp_path / "CUB_200_2011.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(root, "CUB_200_2011")
        archive.add(tmp_path / "attributes.txt", "attributes.txt")
    described = replace(
        cub.PUBLISHED, addresses=(), md5=download.md5(path), size=path.stat().st_size
    )
    monkeypatch.setattr(cub, "PUBLISHED", described)
    monkeypatch.setattr(download, "WAIT_SECONDS", (0.0, 0.01))
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    return path


@pytest.fixture
def script(tgz: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """The archive on a server that drops the connection twice and first sends wrong bytes."""
    data = tgz.read_bytes()
    script = Script(data, drops=[len(data), 5000, 3000], wrong=[bytes(len(data))])
    with serving(script) as address:
        monkeypatch.setattr(cub, "PUBLISHED", replace(cub.PUBLISHED, addresses=(address,)))
        yield script


def labels(version: store.Version) -> set[str]:
    return set(store.manifest_of(version)["label"])


def test_the_species_are_200_and_number_as_in_the_dataset() -> None:
    names = cub.species()
    assert (len(names), len(set(names))) == (200, 200)
    assert (names[16], names[28], names[199]) == (
        "Cardinal",
        "American Crow",
        "Common Yellowthroat",
    )
    assert cub.species_numbers(["Cardinal", "Mallard"]) == {17, 87}
    assert len(cub.species_numbers([])) == 200
    assert [names[number - 1] for number in cub.EIGHT][:3] == [
        "Bobolink",
        "Cardinal",
        "Purple Finch",
    ]


def test_downloaded_over_a_bad_line_and_imported(script: Script, home: Path) -> None:
    seen: list[ImportProgress] = []
    version = importing.run_import(ImportSource("cub"), "Birds", seen.append)
    assert labels(version) == {"Cardinal", "American Crow", "Northern Flicker"}
    assert version.split["kind"] == "official"
    assert version.report["missing"] == 1
    assert script.asked == ["", "", "bytes=5000-", "bytes=8000-"]
    assert {"Downloading", "Unpacking", "Reading photos"} <= {item.phase for item in seen}
    downloading = [item for item in seen if item.phase == "Downloading"]
    assert downloading[-1].total == len(script.data)
    assert cub.downloaded() == home / "downloads" / "CUB_200_2011.tgz"
    unpacked = {
        path.name
        for path in store.dataset(version.dataset_id).root.parent.rglob("*")
        if path.is_file()
    }
    assert "images.txt" in unpacked
    assert not unpacked & {"part_locs.txt", "image_attribute_labels.txt", "attributes.txt"}


def test_some_species_and_nothing_is_downloaded_twice(script: Script) -> None:
    importing.run_import(ImportSource("cub"), "All")
    asked = len(script.asked)
    version = importing.run_import(ImportSource("cub", classes=TWO), "Two")
    assert labels(version) == set(TWO)
    assert version.report["missing"] == 0
    assert len(script.asked) == asked
    folders = {path.name for path in store.dataset(version.dataset_id).root.iterdir()}
    assert folders == {"017.Cardinal", "036.Northern_Flicker"}


def test_an_archive_that_is_there_already(tgz: Path) -> None:
    version = importing.run_import(ImportSource("cub", tgz, classes=TWO), "Two")
    assert labels(version) == set(TWO)
    assert cub.downloaded() is None


def test_an_archive_that_is_another_one_is_refused_with_its_md5(tgz: Path, home: Path) -> None:
    tgz.write_bytes(tgz.read_bytes()[:-100])
    with pytest.raises(UserError, match="may be incomplete") as refusal:
        importing.run_import(ImportSource("cub", tgz), "Birds")
    assert download.md5(tgz) in str(refusal.value)
    assert store.datasets() == []


@pytest.mark.parametrize(
    ("classes", "words"), [(("Dodo", "Cardinal"), "Dodo"), (("Cardinal",), "two species")]
)
def test_species_that_can_not_be_chosen(
    script: Script, classes: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        importing.run_import(ImportSource("cub", classes=classes), "Birds")
    assert script.asked == []


def test_a_small_disk_is_said_before_anything_is_asked_for(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MIN_FREE_BYTES", 2**62)
    with pytest.raises(UserError, match=r"CUB-200-2011 needs .* free"):
        importing.run_import(ImportSource("cub"), "Birds")
    assert script.asked == []


def test_a_stop_while_downloading_leaves_no_dataset_and_keeps_what_came(
    script: Script, home: Path
) -> None:
    script.wrong, script.drops, script.pause = [], [], 0.01
    part = home / "downloads" / "CUB_200_2011.tgz.part"
    with pytest.raises(UserError, match="stopped"):
        importing.run_import(
            ImportSource("cub"),
            "Birds",
            should_stop=lambda: part.is_file() and part.stat().st_size > 4000,
        )
    assert part.stat().st_size > 4000
    assert store.datasets() == []
