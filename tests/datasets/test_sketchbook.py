"""The built-in sample: complete, the same every time, varied, and drawn by processes that end with their caller."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from core import settings
from core.datasets.sample import sketchbook
from core.datasets.sample import species as sketch_species
from core.errors import FieldmarkError
from tests.patience import PATIENCE

PER_SPECIES = 2


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample in a folder whose name is awkward."""
    into = tmp_path_factory.mktemp("sample") / "it's a 'sketchbook' ü"
    sketchbook.draw(into, per_species=PER_SPECIES)
    return into


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.jpg"))
    }


def thumbnail(species: str, number: int) -> NDArray[np.float32]:
    return np.asarray(sketchbook.drawing(species, number).resize((24, 24)), dtype=np.float32)


def test_species_are_at_least_eight_sorted_and_without_repetition() -> None:
    assert len(sketchbook.SPECIES) >= 8
    assert list(sketchbook.SPECIES) == sorted(set(sketchbook.SPECIES))
    assert {"American Crow", "Fish Crow"} <= set(sketchbook.SPECIES)


def test_every_species_has_its_folder_and_count(sample: Path) -> None:
    assert sorted(path.name for path in sample.iterdir()) == list(sketchbook.SPECIES)
    for species in sketchbook.SPECIES:
        expected = [
            f"{species.replace(' ', '_')}_{number:02d}.jpg" for number in range(1, PER_SPECIES + 1)
        ]
        assert sorted(path.name for path in (sample / species).iterdir()) == expected


def test_files_are_rgb_jpegs_of_the_promised_size(sample: Path) -> None:
    shapes = set()
    for path in sample.rglob("*.jpg"):
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert 360 <= max(image.size) <= 400
            assert min(image.size) >= 240
            shapes.add(image.size)
    assert len(shapes) > len(sketchbook.SPECIES)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(
    sample: Path, tmp_path: Path
) -> None:
    sketchbook.draw(tmp_path / "again", per_species=1)
    sketchbook.draw(tmp_path / "other", per_species=1, seed=8)
    first = {name: digest for name, digest in digests(sample).items() if name.endswith("_01.jpg")}
    assert digests(tmp_path / "again") == first, (
        "a drawing depends on how many are drawn, or on the process that draws it"
    )
    assert not set(digests(tmp_path / "other").values()) & set(first.values())


def test_no_two_drawings_are_alike(sample: Path) -> None:
    assert len(set(digests(sample).values())) == PER_SPECIES * len(sketchbook.SPECIES)
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


def test_progress_counts_every_drawing(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    sketchbook.draw(
        tmp_path, per_species=1, progress=lambda done, total: seen.append((done, total))
    )
    total = len(sketchbook.SPECIES)
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_stopping_leaves_whole_drawings_and_no_process(tmp_path: Path) -> None:
    calls = itertools.count(1)
    sketchbook.draw(tmp_path, per_species=60, should_stop=lambda: next(calls) >= 3)
    written = list(tmp_path.rglob("*.jpg"))
    assert 3 <= len(written) < 60
    for path in written:
        with Image.open(path) as image:
            image.load()
    assert not [child for child in psutil.Process().children() if _draws(child)]


def _draws(process: psutil.Process) -> bool:
    try:
        return "core.datasets.sample.sketchbook" in process.cmdline()
    except (
        psutil.NoSuchProcess
    ):  # another test's process that has ended, and that its parent has not asked about yet
        return False


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    in_the_way = tmp_path / "Cardinal" / "Cardinal_01.jpg"
    in_the_way.mkdir(parents=True)
    with pytest.raises(FieldmarkError, match=r"Cardinal_01\.jpg.*try again"):
        sketchbook.draw(tmp_path, per_species=1)


def test_processes_end_when_their_caller_is_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from core.datasets.sample import sketchbook\n"
        f"sketchbook.draw(Path({str(tmp_path)!r}), progress=print)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=settings.PROJECT, stdout=subprocess.PIPE
    ) as caller:
        assert caller.stdout is not None
        caller.stdout.readline()
        workers = psutil.Process(caller.pid).children()
        assert workers
        caller.kill()
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
    assert not alive


def test_an_unknown_species_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        sketchbook.drawing("Dodo", 1)
