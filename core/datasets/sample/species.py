"""The species of the sketchbook: proportions, plumage, and habitats.

Points of plumage are in the frame of the body (one unit long, breast to rump, facing right) or of
the head (its radius is one unit).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.datasets.sample.ink import Colour

Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Patch:
    """A field mark of the body or the head.

    `soft` is the width of its wet edge in pixels, 0 for a crisp one.
    """

    part: str
    colour: Colour
    points: Outline
    soft: float = 0.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Bill:
    """Length and depth in head radii. `droop` lowers the tip, `flat` makes a duck's bill."""

    length: float
    depth: float
    upper: Colour
    lower: Colour
    droop: float = 0.05
    flat: bool = False


@dataclass(frozen=True)
class Tail:
    """Length and width in body lengths; `notch` cuts into the tip, or rounds it if negative."""

    length: float
    width: float
    colour: Colour
    notch: float = 0.05
    edge: Colour | None = None
    barring: Colour | None = None


@dataclass(frozen=True)
class Wing:
    """Colours of the wing; `bars` are bands (from, to) along it, `shoulder` an epaulette and its
    border, `shafts` of the flight feathers.

    `fold` is the depth of the folded wing, `chord` the breadth of the spread one, `veil` its
    opacity.
    """

    coverts: Colour
    flight: Colour
    edge: Colour
    bars: tuple[tuple[float, float, Colour], ...] = ()
    barring: Colour | None = None
    shoulder: tuple[Colour, Colour] | None = None
    shafts: Colour | None = None
    length: float = 1.0
    fold: float = 1.0
    chord: float = 1.0
    veil: float = 1.0


@dataclass(frozen=True)
class Species:
    """Proportions are against a songbird's (`depth`, `brow`), in body lengths (`head` is its
    radius, `neck` its centre, `leg`), or in head radii (`eye`); `crest` is 1 for a full one.
    `poses` and `places` say how often the bird is drawn so, and there.
    """

    name: str
    colour: Colour
    back: Colour
    belly: Colour
    bill: Bill
    tail: Tail
    wing: Wing
    patches: tuple[Patch, ...] = ()
    depth: float = 1.0
    head: float = 0.235
    neck: tuple[float, float] = (0.44, -0.25)
    crest: float = 0.0
    legs: Colour = (92, 78, 74)
    leg: float = 0.16
    eye: float = 0.13
    iris: Colour = (26, 22, 22)
    ring: Colour | None = None
    brow: float = 1.0
    spots: Colour | None = None
    poses: dict[str, float] = field(
        default_factory=lambda: {"perched": 6, "ground": 2, "flying": 2}
    )
    places: dict[str, float] = field(
        default_factory=lambda: {
            "sky": 2,
            "foliage": 4,
            "autumn": 2,
            "blossom": 2,
            "snow": 2,
            "dusk": 1,
            "water": 1,
        }
    )


CREAM: Colour = (246, 241, 228)

CARDINAL = Species(
    "Cardinal", colour=(206, 42, 38), back=(158, 44, 44), belly=(222, 70, 52),
    bill=Bill(0.72, 0.42, upper=(232, 116, 62), lower=(222, 96, 52)),
    tail=Tail(0.82, 0.17, (172, 40, 42), notch=-0.10),
    wing=Wing(coverts=(172, 42, 44), flight=(140, 44, 50), edge=(214, 74, 62)),
    patches=(
        Patch("head", (30, 24, 28), ((0.62, -0.42), (0.95, -0.50), (1.2, 0.1), (1.05, 0.80),
                                     (0.62, 0.92), (0.36, 0.60), (0.50, 0.20),
                                     (0.44, -0.12))),
    ),
    crest=1.0, leg=0.15, eye=0.14,
)  # fmt: skip

BLUE_JAY = Species(
    "Blue Jay", colour=(206, 214, 226), back=(98, 128, 186), belly=(232, 234, 236),
    bill=Bill(0.78, 0.30, upper=(40, 40, 48), lower=(52, 52, 60)),
    tail=Tail(0.86, 0.20, (64, 104, 190), notch=-0.14, edge=CREAM, barring=(28, 34, 66)),
    wing=Wing(coverts=(84, 122, 196), flight=(58, 96, 184), edge=(120, 160, 222),
              bars=((0.40, 0.47, CREAM), (0.74, 0.78, CREAM)),
              barring=(26, 32, 64)),
    patches=(
        Patch("head", (94, 126, 190), ((1.0, -0.35), (0.5, -0.42), (-0.1, -0.35), (-0.6, 0.2),
                                       (-1.4, 0.2), (-1.8, -2.2), (0.4, -1.4),
                                       (1.0, -0.8))),
        Patch("head", (236, 238, 238), ((1.0, 0.0), (0.6, -0.12), (0.0, -0.22), (-0.5, 0.1),
                                        (-0.45, 0.6), (0.2, 0.95), (0.8, 0.9))),
        Patch("head", (30, 32, 46), ((1.0, -0.16), (0.62, -0.22), (0.30, -0.28), (0.60, -0.02),
                                     (1.0, 0.06))),
        Patch("head", (30, 32, 46), ((-0.42, -0.70), (-0.56, -0.1), (-0.50, 0.5), (0.0, 1.06),
                                     (0.74, 1.10), (0.80, 0.90), (0.2, 0.86),
                                     (-0.28, 0.42), (-0.34, -0.05), (-0.26, -0.6))),
    ),
    crest=0.8, head=0.24, leg=0.17,
)  # fmt: skip

AMERICAN_GOLDFINCH = Species(
    "American Goldfinch", colour=(246, 206, 40), back=(236, 190, 40), belly=(250, 222, 84),
    bill=Bill(0.56, 0.34, upper=(236, 150, 84), lower=(228, 136, 74)),
    tail=Tail(0.48, 0.15, (38, 36, 40), notch=0.16, edge=CREAM),
    wing=Wing(coverts=(44, 42, 46), flight=(34, 33, 38), edge=(150, 146, 136),
              bars=((0.36, 0.43, CREAM), (0.60, 0.63, CREAM)),
              shoulder=((238, 196, 48), (200, 170, 60))),
    patches=(
        Patch("head", (30, 28, 32), ((1.02, -0.22), (0.72, -0.30), (0.40, -0.46), (-0.05, -0.72),
                                     (-0.12, -1.2), (0.7, -1.2),
                                     (1.15, -0.6))),
        Patch("body", CREAM, ((-0.30, 0.14), (-0.56, -0.02), (-0.56, 0.2), (-0.34, 0.26)), soft=3),
    ),
    head=0.245, leg=0.14,
)  # fmt: skip

PAINTED_BUNTING = Species(
    "Painted Bunting", colour=(214, 52, 50), back=(158, 190, 52), belly=(224, 72, 60),
    bill=Bill(0.56, 0.36, upper=(112, 104, 108), lower=(136, 126, 124)),
    tail=Tail(0.52, 0.15, (134, 66, 66), notch=0.08),
    wing=Wing(coverts=(104, 150, 62), flight=(88, 84, 70), edge=(160, 130, 80),
              bars=((0.30, 0.40, (126, 100, 74)),),
              shoulder=((168, 198, 56), (120, 160, 60))),
    patches=(
        Patch("head", (62, 80, 178), ((1.1, -0.4), (0.9, 0.1), (0.62, 0.5), (0.1, 0.62),
                                      (-0.4, 0.66), (-1.0, 0.35), (-1.3, -0.4),
                                      (-0.6, -1.3), (0.6, -1.3))),
    ),
    head=0.245, leg=0.14, ring=(206, 60, 54),
    places={"foliage": 4, "autumn": 2, "blossom": 3, "sky": 2, "marsh": 1, "dusk": 1},
)  # fmt: skip

# The two crows differ only in overlapping proportions: the Fish Crow has a smaller bill, head and
# leg, a longer tail and a greener gloss, and is drawn beside water more often.
CROW = Species(
    "American Crow", colour=(42, 42, 50), back=(58, 57, 76), belly=(46, 45, 52),
    bill=Bill(1.20, 0.56, upper=(40, 39, 44), lower=(46, 45, 50), droop=0.16),
    tail=Tail(0.60, 0.20, (36, 36, 44), notch=-0.06),
    wing=Wing(coverts=(50, 49, 68), flight=(36, 36, 44), edge=(88, 92, 112)),
    depth=0.90, head=0.215, neck=(0.46, -0.19), brow=0.84, legs=(34, 32, 36), leg=0.21, eye=0.105,
    poses={"perched": 4, "ground": 4, "flying": 3},
    places={"snow": 3, "autumn": 3, "dusk": 2, "sky": 2, "foliage": 2, "water": 1},
)  # fmt: skip
FISH_CROW = replace(
    CROW, name="Fish Crow", back=(55, 60, 77), wing=replace(CROW.wing, coverts=(47, 52, 69)),
    bill=replace(CROW.bill, length=1.02, depth=0.44, droop=0.11),
                    tail=replace(CROW.tail, length=0.70, width=0.19, notch=-0.10),
    head=0.200, leg=0.17, places={"snow": 1, "autumn": 2, "dusk": 2, "sky": 2, "foliage": 2,
                                  "water": 3},
)  # fmt: skip

MALLARD = Species(
    "Mallard", colour=(206, 200, 190), back=(150, 134, 118), belly=(222, 216, 206),
    bill=Bill(1.12, 0.56, upper=(226, 190, 58), lower=(206, 166, 52), flat=True),
    tail=Tail(0.26, 0.16, (238, 234, 226), notch=0.04),
    wing=Wing(coverts=(150, 138, 126), flight=(122, 108, 98), edge=(186, 176, 164), length=0.84,
              fold=0.66,
              bars=((0.44, 0.48, CREAM), (0.48, 0.58, (58, 74, 168)), (0.58, 0.61, CREAM))),
    patches=(
        Patch("body", (112, 66, 46), ((0.30, -0.40), (0.22, -0.05), (0.22, 0.40), (0.62, 0.40),
                                      (0.80, -0.05), (0.70, -0.40)), soft=2.5),
        Patch("body", (40, 40, 44), ((-0.33, -0.26), (-0.36, 0.02), (-0.38, 0.3), (-0.7, 0.2),
                                     (-0.62, -0.2)), soft=1.5),
        Patch("head", (26, 104, 76), ((1.3, 1.0), (0.75, 1.05), (0.0, 1.12), (-0.62, 0.95),
                                      (-1.4, 0.6), (-1.4, -1.4), (1.3, -1.4))),
        Patch("head", (58, 164, 112), ((0.5, -0.55), (-0.1, -0.75), (-0.55, -0.35), (-0.3, -0.05),
                                       (0.2, -0.2)), soft=3.0, opacity=0.8),
        Patch("head", (250, 248, 240), ((0.80, 1.02), (0.0, 1.10), (-0.66, 0.92), (-0.72, 1.12),
                                        (0.0, 1.32), (0.86, 1.24))),
    ),
    depth=0.82, head=0.185, neck=(0.54, -0.40), legs=(232, 120, 50), leg=0.12, eye=0.12,
    poses={"swimming": 6, "ground": 3, "flying": 2},
)  # fmt: skip

FLICKER = Species(
    "Northern Flicker", colour=(232, 214, 184), back=(158, 128, 98), belly=(240, 228, 204),
    bill=Bill(1.02, 0.24, upper=(56, 56, 62), lower=(66, 66, 72)),
    tail=Tail(0.60, 0.17, (48, 42, 40), notch=0.10, edge=(226, 180, 58)),
    wing=Wing(coverts=(166, 136, 104), flight=(128, 100, 76), edge=(224, 186, 84),
              barring=(52, 42, 38), shafts=(240, 196, 62)),
    patches=(
        Patch("body", (34, 30, 34), ((0.60, 0.10), (0.44, 0.10), (0.24, 0.06), (0.28, 0.16),
                                     (0.42, 0.20), (0.60, 0.20))),
        Patch("head", (214, 168, 128), ((1.1, -0.4), (0.5, -0.6), (-0.2, -0.6), (-0.8, 0.1),
                                        (-0.4, 0.9), (0.6, 1.2), (1.1, 0.9))),
        Patch("head", (146, 144, 148), ((1.1, -0.30), (0.5, -0.42), (-0.1, -0.40), (-0.62, -0.22),
                                        (-1.2, -0.3), (-0.6, -1.3),
                                        (1.0, -1.2))),
        Patch("head", (208, 40, 40), ((-0.54, -0.50), (-1.2, -0.50), (-1.2, 0.14), (-0.62, 0.02))),
        Patch("head", (30, 28, 32), ((0.96, 0.30), (0.62, 0.34), (0.24, 0.54), (0.12, 0.72),
                                     (0.32, 0.74), (0.72, 0.54), (0.96, 0.42))),
    ),
    depth=0.92, head=0.225, neck=(0.47, -0.20), leg=0.11, eye=0.11, spots=(40, 34, 34),
    poses={"clinging": 5, "perched": 2, "ground": 2, "flying": 2},
)  # fmt: skip

BLACKBIRD = Species(
    "Red winged Blackbird", colour=(36, 35, 42), back=(50, 50, 62), belly=(40, 39, 46),
    bill=Bill(0.86, 0.28, upper=(34, 33, 38), lower=(42, 41, 46)),
    tail=Tail(0.66, 0.18, (33, 32, 38), notch=-0.08),
    wing=Wing(coverts=(40, 39, 46), flight=(32, 31, 37), edge=(84, 84, 96),
              shoulder=((216, 46, 34), (240, 192, 74))),
    depth=0.94, head=0.22, legs=(40, 38, 42), leg=0.17, eye=0.12,
    poses={"perched": 7, "ground": 1, "flying": 2},
    places={"marsh": 5, "water": 1, "sky": 2, "dusk": 1, "foliage": 1},
)  # fmt: skip

HUMMINGBIRD = Species(
    "Ruby throated Hummingbird", colour=(232, 230, 220), back=(62, 138, 82), belly=(214, 214, 200),
    bill=Bill(1.75, 0.10, upper=(36, 36, 40), lower=(36, 36, 40), droop=0.06),
    tail=Tail(0.42, 0.20, (48, 62, 56), notch=0.14),
    wing=Wing(coverts=(74, 128, 86), flight=(112, 108, 110), edge=(168, 164, 164), length=1.05,
              chord=0.42, veil=0.72),
    patches=(
        Patch("head", (62, 140, 84), ((1.2, -0.06), (0.5, -0.10), (0.0, 0.12), (-0.5, 0.5),
                                      (-1.3, 0.6), (-1.3, -1.4), (1.2, -1.4))),
        Patch("head", (34, 34, 36), ((1.0, 0.0), (0.55, -0.14), (0.1, -0.02), (0.5, 0.26),
                                     (1.0, 0.30))),
        Patch("head", (192, 24, 58), ((1.1, 0.18), (0.55, 0.22), (0.05, 0.24), (-0.36, 0.62),
                                      (-0.2, 1.16), (0.4, 1.30), (1.0, 1.06))),
        Patch("head", (238, 92, 108), ((0.75, 0.42), (0.4, 0.42), (0.15, 0.66), (0.4, 0.86),
                                       (0.75, 0.72)), soft=2.0, opacity=0.8),
        Patch("body", (124, 164, 112), ((0.2, 0.02), (-0.2, 0.02), (-0.5, 0.06), (-0.3, 0.26),
                                        (0.1, 0.30)), soft=4, opacity=0.55),
    ),
    depth=0.74, head=0.225, neck=(0.50, -0.14), legs=(60, 56, 56), leg=0.06, eye=0.15,
    poses={"hovering": 7, "perched": 3},
    places={"foliage": 4, "blossom": 3, "sky": 2, "dusk": 1},
)  # fmt: skip

ALL = (
    CROW,
    AMERICAN_GOLDFINCH,
    BLUE_JAY,
    CARDINAL,
    FISH_CROW,
    MALLARD,
    FLICKER,
    PAINTED_BUNTING,
    BLACKBIRD,
    HUMMINGBIRD,
)
