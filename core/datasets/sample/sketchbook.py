"""Draw the built-in sample: a sketchbook of birds in ink and wash, labelled by species.

A drawing depends only on (species, number, seed), so it is the same on every machine with the same
versions of Pillow and numpy.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from core.datasets.sample import perches, scenes
from core.datasets.sample import species as sketch_species
from core.datasets.sample.birds import AIRBORNE, Bird, Pose
from core.datasets.sample.ink import Canvas, Colour, Points, noise
from core.datasets.sample.species import Species
from core.datasets.sample.wings import draw_bird

SPECIES: tuple[str, ...] = tuple(sorted(species.name for species in sketch_species.ALL))
_UNIT = 2
_TILTS = {
    "perched": (18, 52),
    "ground": (-6, 26),
    "flying": (-8, 26),
    "swimming": (-3, 4),
    "clinging": (76, 90),
    "hovering": (34, 58),
}
_HOVERING = (88, 140)
# The wings of a flying bird are raised or lowered.
_FLAPS = ((48, 110), (-75, -38))
_WATERS = {"water": 6.0, "dusk": 1.5, "marsh": 2.0, "autumn": 1.5}
_BY_NAME = {species.name: species for species in sketch_species.ALL}


def drawing(species: str, number: int, seed: int = 7) -> Image.Image:
    """Return drawing `number` of a species, RGB, 360 to 400 pixels on its longer side.

    Raises KeyError for a name not in SPECIES.
    """
    rng = np.random.default_rng([seed, zlib.crc32(species.encode()), number])
    individual = _individual(_BY_NAME[species], rng)
    turn = number + zlib.crc32(f"{species} {seed}".encode())
    pose = _pose(individual, turn, rng)
    page = _painted(individual, pose, _place_name(individual, pose, turn), _page_size(rng), rng)
    finished = _finished(page, rng)
    if rng.random() < 0.5:
        return ImageOps.mirror(finished)
    return finished


def _individual(species: Species, rng: np.random.Generator) -> Species:
    """Return the species with the proportions and colours of one individual."""

    def about(value: float, spread: float) -> float:
        return value * (1 + spread * float(np.clip(rng.standard_normal(), -2, 2)))

    shift, bill, tail = rng.standard_normal(3), species.bill, species.tail
    return replace(
        species,
        bill=replace(bill, length=about(bill.length, 0.06), depth=about(bill.depth, 0.10)),
        tail=replace(tail, length=about(tail.length, 0.07), width=about(tail.width, 0.06)),
        depth=about(species.depth, 0.05),
        head=about(species.head, 0.04),
        leg=about(species.leg, 0.08),
        colour=_shifted(species.colour, shift),
        back=_shifted(species.back, shift),
        belly=_shifted(species.belly, shift),
    )


def _shifted(colour: Colour, shift: Points) -> Colour:
    """Return a shifted colour; dark colours shift less, because a bluish crow would stand out."""
    moved = np.clip(colour + shift * (1 + 0.03 * max(colour)), 0, 255)
    red, green, blue = moved.astype(int).tolist()
    return red, green, blue


def _page_size(rng: np.random.Generator) -> tuple[int, int]:
    long = int(rng.integers(360, 401))
    short = int(long * rng.uniform(0.68, 0.96))
    if rng.random() < 0.72:
        return long, short
    return short, long


def _choice(weights: dict[str, float], turn: int, stride: float) -> str:
    """Return one of the keys in proportion to their weights; neighbouring turns, `stride` apart on
    a circle, get different keys."""
    shares = np.cumsum(list(weights.values())) / sum(weights.values())
    return list(weights)[int(np.searchsorted(shares, turn * stride % 1.0))]


def _pose(species: Species, turn: int, rng: np.random.Generator) -> Pose:
    kind = _choice(species.poses, turn, 0.6180339887)
    settled = kind in ("perched", "ground")
    look, flaps = 1.0, _HOVERING
    if kind not in AIRBORNE:
        look = float(rng.choice([1.0, 0.84, -0.92], p=[0.6, 0.18, 0.22]))
    if kind != "hovering":
        flaps = _FLAPS[rng.integers(len(_FLAPS))]
    return Pose(
        kind,
        tilt=rng.uniform(*_TILTS[kind]),
        nod=rng.normal(0, 9) - 12.0 * (kind == "ground" and rng.random() < 0.4),
        look=look,
        flap=rng.uniform(*flaps),
        tail=rng.normal(-4, 6) + 16 * (kind == "clinging"),
        stretch=rng.uniform(0.9, 1.15),
        gape=rng.uniform(14, 26) * (settled and rng.random() < 0.14),
    )


def _place_name(species: Species, pose: Pose, turn: int) -> str:
    places = species.places
    if pose.kind == "swimming":
        places = _WATERS
    return _choice(places, turn, 0.4142135624)


def _composed(
    species: Species, pose: Pose, size: tuple[int, int], rng: np.random.Generator
) -> Bird:
    """Return the bird, sized and placed so that all of it is on the page."""
    trial = Bird.placed(species, pose, 0.0, 0.0, 1.0)
    reach = trial.reach()
    low, high = reach.min(axis=0), reach.max(axis=0)
    room = np.array(size) * float(np.clip(rng.normal(0.74, 0.1), 0.5, 0.92))
    length = float(np.min(room / (high - low)))
    slack = np.array(size) - (high - low) * length
    corner = slack * np.clip(rng.normal(0.5, 0.16, 2), 0.06, 0.94)
    x, y = corner - low * length
    return Bird.placed(species, pose, float(x), float(y), length)


def _painted(
    species: Species, pose: Pose, name: str, size: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    """Return the page with background, perch and bird."""
    place = scenes.PLACES[name]
    canvas = Canvas.over(scenes.backdrop(rng, size, place), rng, _UNIT)
    bird = _composed(species, pose, canvas.image.size, rng)
    level = _level(bird, canvas.image.height)
    scenes.scenery(canvas, name, place, level)
    if pose.kind == "ground":
        scenes.ground(canvas, place, name, bird.foot)
    page = canvas.reduced()
    margin = None
    if rng.random() < 0.6:
        margin = scenes.Margin.torn(rng, size)
        margin.lay(page, place)
    canvas = Canvas.over(page, rng, _UNIT)
    _hold(canvas, bird, name, place)
    draw_bird(canvas, bird)
    if pose.kind == "swimming":
        scenes.water(canvas, place, level, bird.body([(-0.5, 0.0), (0.5, 0.0)])[:, 0])
    if name == "snow":
        scenes.flakes(canvas, 14, 0.9)
    page = canvas.reduced()
    if margin and pose.kind == "swimming":
        margin.lay(page, place, int(level) // _UNIT)
    return page


def _level(bird: Bird, height: int) -> float:
    """Return the row of the horizon: where the bird stands or swims, else low on the page."""
    if bird.pose.kind == "swimming":
        return float(bird.body((0.0, 0.17))[1])
    if bird.pose.kind == "ground":
        return float(bird.foot[1])
    return 0.8 * height


def _hold(canvas: Canvas, bird: Bird, name: str, place: scenes.Place) -> None:
    """Draw the bird's perch, ground, trunk or flower."""
    kind, foot, unit, rng = bird.pose.kind, bird.foot, bird.body.scale, canvas.rng
    if kind == "perched" and name == "marsh":
        perches.cattail(canvas, place, foot, 0.26 * unit)
    elif kind == "perched":
        perches.branch(canvas, place, name, foot, unit * rng.uniform(0.10, 0.17))
    elif kind == "ground":
        perches.footing(canvas, place, name, foot)
    elif kind == "clinging":
        perches.trunk(canvas, place, bird.body((0.06, 0.36)), unit * rng.uniform(0.5, 0.9))
    elif kind == "hovering" and rng.random() < 0.7:
        perches.flower(canvas, bird.bill_tip, 0.42 * unit)


def _finished(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the page with the grain of pigment and paper, and the light and lens of a photo."""
    image = image.filter(ImageFilter.UnsharpMask(radius=4, percent=45, threshold=0))
    page = np.array(image, dtype=np.float32)
    pigment = 0.5 * (noise(rng, image.size, 9, 2) - 0.5) + 0.22 * (noise(rng, image.size, 70) - 0.5)
    page -= (255 - page) * (0.3 + page / 360) * pigment[..., None]
    tooth = noise(rng, image.size, 190)
    contrast, warmth = rng.uniform(0.9, 1.08), rng.normal(0, 0.045)
    page *= (contrast * (1 + 0.10 * (tooth - np.roll(tooth, 1, axis=(0, 1)))))[..., None]
    light = np.clip(rng.normal(1.01, 0.055), 0.86, 1.12)
    page *= np.array([1 + warmth, 1, 1 - warmth], dtype=np.float32) * np.float32(light)
    speck = np.float32(rng.choice([1.5, 3.5, 7.0], p=[0.5, 0.35, 0.15]))
    grain = rng.standard_normal(tooth.shape, dtype=np.float32) * speck
    page += (grain + np.float32(128 * (1 - contrast)))[..., None]
    finished = Image.fromarray(np.clip(page, 0, 255, out=page).astype(np.uint8))
    if rng.random() < 0.15:
        return finished.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.1)))
    return finished
