"""Draw a bird's tail, torso, head and feet from its species' proportions and plumage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.datasets.sample.ink import (
    WHITE,
    Canvas,
    Colour,
    Frame,
    Points,
    curve,
    ink_for,
    luminance,
    mix,
    path,
)
from core.datasets.sample.species import Bill, Patch, Species

PEN = 1.0
Knot = tuple[float, float]
AIRBORNE = ("flying", "hovering")


@dataclass(frozen=True)
class Pose:
    """Angles in degrees, anticlockwise.

    `look` scales the head's x: 1 in profile, less when turned to the viewer, negative when looking
    back.
    """

    kind: str
    tilt: float
    nod: float = 0.0
    look: float = 1.0
    flap: float = 0.0
    tail: float = 0.0
    stretch: float = 1.0
    gape: float = 0.0


@dataclass(frozen=True)
class Bird:
    """One individual and its position on the canvas.

    `body` is one unit from breast to rump; `head` one unit from centre to crown.
    """

    species: Species
    pose: Pose
    body: Frame
    head: Frame

    @classmethod
    def placed(cls, species: Species, pose: Pose, x: float, y: float, length: float) -> Bird:
        """Return a bird whose body is `length` pixels long, centred at (x, y).

        The neck reverses half of the body's tilt, as in real birds.
        """
        level = Frame.at(x, y, length, 0.55 * pose.tilt)
        neck = level((species.neck[0], species.neck[1] * pose.stretch))
        head = Frame.at(float(neck[0]), float(neck[1]), length * species.head, pose.nod).child(
            (0, 0), squeeze=pose.look
        )
        return cls(species, pose, Frame.at(x, y, length, pose.tilt), head)

    @property
    def foot(self) -> Points:
        """The position of the feet on the canvas."""
        legs = self.species.leg * self.body.scale * (0.75 + 0.5 * (self.pose.kind == "ground"))
        return self.body((0.0, 0.26 * self.species.depth)) + (0.0, legs)

    @property
    def bill_tip(self) -> Points:
        return self.head((0.95 + self.species.bill.length, 0.12 + self.species.bill.droop))

    def reach(self) -> Points:
        """Return points that bound the bird, and the flower of a hovering one."""
        tail = self.body.child((-0.40, 0.0), turn=self.pose.tail)(
            [(-self.species.tail.length - 0.1, y) for y in (-0.2, 0.2)]
        )
        parts = [torso_outline(self), tail, self.bill_tip[None]]
        if self.pose.kind in AIRBORNE:
            fan = np.array([direction(self.pose.flap + lift) for lift in (-20, 0, 14, 30)])
            parts.append(self.body((0.2, -0.1) + 1.25 * self.species.wing.length * fan))
        else:
            parts.append(self.foot[None] + (0.0, 0.05 * self.body.scale))
        if self.pose.kind == "hovering":
            parts.append(self.bill_tip[None] + (0.5 * self.body.scale, 0.4 * self.body.scale))
        return np.concatenate(parts)


def direction(degrees: float) -> Points:
    """Return the unit vector at an angle in degrees, anticlockwise from the right."""
    return np.array([np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))])


def detail(colour: Colour) -> Colour:
    """Return the pen colour on a wash: light on a black bird, dark on others."""
    if luminance(colour) < 0.24:
        return mix(colour, (150, 160, 190), 0.42)
    return ink_for(colour)


def torso_outline(bird: Bird) -> Points:
    """Return head, crest, back and breast as one line; throat and mantle follow the head."""
    crest, brow, squash = bird.species.crest, bird.species.brow, np.array([1.0, bird.species.depth])
    face = [(0.60, 0.80), (0.94, 0.34), (0.98, -0.12), (0.76, -0.62 * brow)]
    crown = [(0.34, -0.96 * brow - 0.04 * crest), (-0.28, -1.0 * brow - 0.36 * crest)]
    peak = [(-0.76, -0.72 * brow)]
    if crest:
        peak = [(-1.12, -0.95 - 0.72 * crest)] * 2 + [(-0.86, -0.62 - 0.20 * crest)]
    head = bird.head([*face, *crown, *peak, (-1.0, -0.04), (-1.04, 0.50)])
    if bird.pose.look < 0:
        head = head[::-1]
    back = [(-0.04, -0.262), (-0.2, -0.225), (-0.36, -0.15), (-0.52, -0.05)]
    under = [(-0.50, 0.05), (-0.26, 0.20), (0.04, 0.29), (0.28, 0.26)]
    trunk = bird.body(np.array(back + under) * squash)
    forwards, upwards = bird.body([(1.0, -0.2), (-0.2, -1.0)]) - bird.body((0.0, 0.0))
    breast = 0.42 * head[0] + 0.58 * trunk[-1] + 0.06 * forwards
    mantle = 0.5 * head[-1] + 0.5 * trunk[0] + 0.045 * upwards
    return curve(np.concatenate([head, mantle[None], trunk, breast[None]]))


def draw_torso(canvas: Canvas, bird: Bird) -> None:
    species, outline = bird.species, torso_outline(bird)
    canvas.fill(outline, species.colour)
    with canvas.within(outline):
        _volume(canvas, bird)
        for patch in species.patches:
            _patch(canvas, bird, patch)
        _feathering(canvas, bird)
    slip = canvas.rng.normal(0, 0.35 * canvas.unit, 2)
    edge = np.concatenate([outline, outline[:3]]) + slip
    canvas.line(edge, PEN * 1.2, ink_for(species.colour), 0.92, taper=False)


# Light and shade of the body, painted wet in wet.
BACK = [(0.40, -0.5), (0.24, -0.12), (-0.1, -0.06), (-0.6, 0.02), (-0.7, -0.3), (-0.2, -0.5)]
BELLY = [(0.44, 0.04), (0.3, 0.2), (0.0, 0.2), (-0.3, 0.12), (-0.2, 0.02), (0.2, -0.02)]
SHADE = [(0.5, 0.2), (0.2, 0.22), (-0.1, 0.19), (-0.5, 0.06), (-0.5, 0.4), (0.4, 0.5)]
CROWN = [(0.4, -0.72), (-0.3, -0.72), (-0.2, -0.4), (0.3, -0.4)]


def _volume(canvas: Canvas, bird: Bird) -> None:
    """Paint back, belly, the light from above and the shade below."""
    species, body = bird.species, bird.body
    blur = 0.045 * body.scale / canvas.unit
    canvas.soft(body(BACK), species.back, blur)
    canvas.soft(body(BELLY), species.belly, blur)
    canvas.soft(body(SHADE), mix(species.colour, (60, 52, 92), 0.55), blur * 0.7, 0.6)
    canvas.soft(bird.head(CROWN), mix(species.back, WHITE, 0.4), blur * 0.5, 0.35)


def _patch(canvas: Canvas, bird: Bird, patch: Patch) -> None:
    frame = {"head": bird.head, "body": bird.body}[patch.part]
    points = curve(frame(patch.points), steps=6)
    if patch.soft:
        blur = patch.soft * bird.body.scale / canvas.unit / 150
        canvas.soft(points, patch.colour, blur, patch.opacity)
        return
    canvas.fill(points, patch.colour, patch.opacity)
    back = 0.035 * (bird.body((-1.0, 0.3)) - bird.body((0.0, 0.0)))
    for start in canvas.rng.choice(points, 18):
        canvas.line(np.linspace(start, start + back, 5), PEN, patch.colour, 0.8)


def _feathering(canvas: Canvas, bird: Bird) -> None:
    """Draw short strokes along the plumage of breast and flank, and the spots of a spotted bird."""
    species, rng = bird.species, canvas.rng
    squash = np.array([1.0, species.depth])
    for at in rng.uniform((-0.35, 0.0), (0.45, 0.27), (24, 2)) * squash:
        stroke = bird.body(np.linspace(at, at + (-0.05, 0.018), 5))
        canvas.line(stroke, PEN * 0.6, detail(species.colour), 0.4)
    if species.spots:
        for at in bird.body(rng.uniform((-0.40, 0.08), (0.30, 0.27), (30, 2)) * squash):
            canvas.dot(at, 0.016 * bird.body.scale, species.spots, 0.9)


def draw_bill(canvas: Canvas, bird: Bird) -> None:
    """Draw both mandibles; those of a singing bird open by `gape` degrees."""
    bill = bird.species.bill
    shape = _pointed_bill
    if bill.flat:
        shape = _flat_bill
    above, gape, below = shape(bill)
    hinge = np.array(gape[0])
    lower = bird.head.child(gape[0], turn=-bird.pose.gape)(
        np.concatenate([path(gape), path(below)]) - hinge
    )
    upper = bird.head(np.concatenate([path(above), path(gape)[::-1]]))
    for points, colour in ((lower, bill.lower), (upper, bill.upper)):
        canvas.fill(points, colour)
        canvas.line(np.concatenate([points, points[:2]]), PEN * 0.9, ink_for(colour), taper=False)


def _pointed_bill(bill: Bill) -> tuple[list[Knot], list[Knot], list[Knot]]:
    """Return culmen and gape from base to tip, and the lower edge back to the base."""
    half, tip, middle = bill.depth / 2, 0.95 + bill.length, 0.86 + 0.55 * bill.length
    end = (tip, 0.12 + bill.droop)
    above = [(0.86, 0.08 - half), (middle, 0.08 - half * 0.62), end]
    gape = [(0.86, 0.12), (middle, 0.10 + bill.droop * 0.3), end]
    return above, gape, [end, (middle, 0.13 + half * 0.46 + bill.droop * 0.4), (0.86, 0.10 + half)]


def _flat_bill(bill: Bill) -> tuple[list[Knot], list[Knot], list[Knot]]:
    half, tip = bill.depth / 2, 0.95 + bill.length
    middle = 0.84 + 0.45 * bill.length
    above = [(0.84, 0.06 - half), (middle, 0.02 - 0.1 * half), (tip - 0.18, -0.02), (tip, 0.10)]
    gape = [(0.84, 0.24), (middle, 0.22), (tip - 0.16, 0.18), (tip, 0.12)]
    return above, gape, [(tip, 0.12), (tip - 0.2, 0.27), (middle, 0.32), (0.84, 0.12 + half)]


def draw_eye(canvas: Canvas, bird: Bird) -> None:
    species = bird.species
    radius = species.eye * bird.head.scale
    centre = bird.head((0.42, -0.16))
    canvas.dot(centre, radius * 1.3, species.ring or mix(species.colour, WHITE, 0.5), 0.6)
    canvas.dot(centre, radius, species.iris)
    canvas.dot(centre + (-0.3 * radius, -0.35 * radius), radius * 0.32, WHITE)


def draw_tail(canvas: Canvas, bird: Bird) -> None:
    tail = bird.species.tail
    spread = 1.0 + 1.1 * (bird.pose.kind in AIRBORNE)
    frame = bird.body.child((-0.40, 0.0), turn=bird.pose.tail)
    across = np.linspace(-1, 1, 25)
    inwards = 1 - across**2
    if tail.notch > 0:
        inwards = 1 - np.abs(across)
    reach = tail.length + 0.1 - tail.notch * tail.length * inwards
    half = tail.width / 2 * (0.45 + 0.55 * spread)
    tip = np.stack([-reach * (1 - 0.1 * (spread - 1) * across**2), across * half], axis=1)
    root = np.stack([np.full(25, 0.04), across * tail.width * 0.42], axis=1)
    sides = [
        frame(np.linspace(root[0], tip[0], 10)),
        frame(tip),
        frame(np.linspace(tip[-1], root[-1], 10)),
    ]
    outline = np.concatenate(sides)
    canvas.fill(outline, tail.colour)
    with canvas.within(outline):
        _tail_pattern(canvas, bird, frame, root, tip)
    for side in sides:
        canvas.line(side, PEN, ink_for(tail.colour), taper=False)


def _tail_pattern(canvas: Canvas, bird: Bird, frame: Frame, root: Points, tip: Points) -> None:
    tail = bird.species.tail
    below = frame([(0.1, 0.0), (-tail.length, 0.02), (-tail.length, 0.2), (0.1, 0.2)])
    canvas.soft(below, mix(tail.colour, (50, 40, 80), 0.5), 2.0, 0.45)
    feathers = np.linspace(frame(root), frame(tip), 8, axis=1)
    if tail.barring:
        for share in np.linspace(0.3, 0.9, 7):
            canvas.line(frame(root + (tip - root) * share), PEN * 1.6, tail.barring, 0.9)
    if tail.edge:
        for index in (0, 24):
            canvas.line(feathers[index], PEN * 4.2, tail.edge)
    for index in (5, 9, 12, 16, 20):
        canvas.line(feathers[index], PEN * 0.7, detail(tail.colour), 0.7)


def draw_legs(canvas: Canvas, bird: Bird) -> None:
    unit = bird.body.scale
    if bird.pose.kind == "clinging":
        for shift in (0.10, -0.10):
            foot = bird.body((shift + 0.05, 0.37))
            _leg(canvas, bird, shift, foot, ((0.05, -0.06), (0.07, -0.02), (0.04, 0.05)))
        return
    for shift in (0.07, -0.07):
        foot = bird.foot + (shift * unit * 0.9, 0.0)
        _leg(canvas, bird, shift, foot, ((-0.06, 0.022), (0.05, 0.022), (0.10, 0.022)))


def _leg(canvas: Canvas, bird: Bird, shift: float, foot: Points, toes: tuple[Knot, ...]) -> None:
    species, unit = bird.species, bird.body.scale
    width, ink = unit * 0.035 / canvas.unit, ink_for(species.legs)
    hip = bird.body((shift - 0.02, 0.2 * species.depth))
    leg = path([hip, (hip + foot) / 2 + (-0.03 * unit, 0.0), foot])
    canvas.line(leg, width * 1.5, ink, taper=False)
    canvas.line(leg, width, species.legs, taper=False)
    for toe in toes:
        canvas.line(np.linspace(foot, foot + np.array(toe) * unit, 6), width, ink)
