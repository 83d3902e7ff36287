"""The built-in sample: complete, varied, small, and what the code draws."""

from __future__ import annotations

import hashlib
import itertools
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.datasets.sample import ARCHIVE, COUNT, pack, sketchbook
from core.datasets.sample import species as sketch_species
from core.io import archives


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, unpacked."""
    into = tmp_path_factory.mktemp("sample") / "images"
    archives.extract(ARCHIVE, into)
    return into


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.webp")]


def thumbnail(species: str, number: int) -> NDArray[np.float32]:
    return np.asarray(sketchbook.drawing(species, number).resize((24, 24)), dtype=np.float32)


def test_species_are_at_least_eight_sorted_and_without_repetition() -> None:
    assert len(sketchbook.SPECIES) >= 8
    assert list(sketchbook.SPECIES) == sorted(set(sketchbook.SPECIES))
    assert {"American Crow", "Fish Crow"} <= set(sketchbook.SPECIES)


def test_every_species_has_its_folder_and_count(sample: Path) -> None:
    assert sorted(path.name for path in sample.iterdir()) == list(sketchbook.SPECIES)
    for species in sketchbook.SPECIES:
        numbers = range(1, pack.PER_SPECIES + 1)
        expected = [f"{species.replace(' ', '_')}_{number:02d}.webp" for number in numbers]
        assert sorted(path.name for path in (sample / species).iterdir()) == expected


def test_files_are_rgb_pictures_of_the_promised_size(sample: Path) -> None:
    shapes = set()
    for path in sample.rglob("*.webp"):
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode) == ("WEBP", "RGB")
            assert 360 <= max(image.size) <= 400
            assert min(image.size) >= 240
            shapes.add(image.size)
    assert len(shapes) > len(sketchbook.SPECIES)


def test_the_archive_is_small() -> None:
    assert ARCHIVE.stat().st_size < 6_000_000


@pytest.mark.parametrize("species", sketchbook.SPECIES)
def test_the_archive_holds_what_the_code_draws(species: str, sample: Path) -> None:
    with Image.open(sample / pack.entry_name(species, 7)) as packed:
        difference = np.abs(np.asarray(packed, dtype=np.float32) - sketchbook.drawing(species, 7))
    assert difference.mean() < 8, "run `python -m core.datasets.sample.pack`"


def test_the_same_seed_gives_the_same_drawing_and_another_gives_another() -> None:
    first = pack.encode("Cardinal", 1)
    assert pack.encode("Cardinal", 1) == first
    other = np.asarray(sketchbook.drawing("Cardinal", 1, seed=8).resize((24, 24)))
    assert np.abs(thumbnail("Cardinal", 1) - other).mean() > 8


def test_the_archive_is_written_with_every_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "PER_SPECIES", 1)
    pack.write(tmp_path / "sample.zip")
    with zipfile.ZipFile(tmp_path / "sample.zip") as archive:
        assert archive.namelist() == [pack.entry_name(species, 1) for species in sketchbook.SPECIES]


def test_no_two_drawings_are_alike(sample: Path) -> None:
    assert len(set(digests(sample))) == COUNT
    for species in ("Cardinal", "American Crow"):
        drawings = [thumbnail(species, number) for number in range(1, 6)]
        for one, other in itertools.combinations(drawings, 2):
            assert np.abs(one - other).mean() > 8, (
                f"two drawings of {species} differ by less than the light on one page does"
            )


@pytest.mark.parametrize("species", sketch_species.ALL, ids=lambda species: species.name)
def test_every_pose_of_a_species_can_be_drawn(species: sketch_species.Species) -> None:
    rng = np.random.default_rng(0)
    poses = [sketchbook._pose(species, turn, rng) for turn in range(60)]
    places = {sketchbook._place_name(species, pose, turn) for turn, pose in enumerate(poses)}
    assert {pose.kind for pose in poses} == set(species.poses)
    assert len(places) >= 4
    for pose in {pose.kind: pose for pose in poses}.values():
        page = sketchbook._painted(
            species, pose, sketchbook._place_name(species, pose, 1), (360, 280), rng
        )
        assert page.size == (360, 280)


@pytest.mark.parametrize("species", sketch_species.ALL, ids=lambda species: species.name)
def test_a_bird_is_whole_on_its_page(species: sketch_species.Species) -> None:
    rng = np.random.default_rng(3)
    for number in range(1, 40):
        bird = sketchbook._composed(
            species, sketchbook._pose(species, number, rng), (1140, 800), rng
        )
        reach = bird.reach()
        assert (reach >= 0).all()
        assert (reach <= (1140, 800)).all()


def test_every_species_has_field_marks_of_its_own() -> None:
    marks = {
        (s.colour, s.back, s.belly, s.bill, s.tail, s.wing, s.patches, s.crest)
        for s in sketch_species.ALL
    }
    assert len(marks) == len(sketch_species.ALL)


def test_the_crows_differ_in_proportions_that_overlap() -> None:
    """They have to be confused at times, and told apart better than by chance."""
    rng = np.random.default_rng(1)
    american, fish = (
        np.array([sketchbook._individual(species, rng).bill.depth for _ in range(400)])
        for species in (sketch_species.CROW, sketch_species.FISH_CROW)
    )
    assert american.mean() > fish.mean()
    assert american.min() < fish.max()


def test_an_unknown_species_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        sketchbook.drawing("Dodo", 1)
