"""Draw a bird's wings: folded along the body, or spread feather by feather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.datasets.sample.birds import (
    AIRBORNE,
    PEN,
    Bird,
    detail,
    direction,
    draw_bill,
    draw_eye,
    draw_legs,
    draw_tail,
    draw_torso,
)
from core.datasets.sample.ink import Canvas, Colour, Points, curve, ink_for, mix, path
from core.datasets.sample.species import Wing

DUSK: Colour = (70, 66, 96)
# The edges of a folded wing, from the shoulder to the tip.
UPPER = np.array([(0.32, -0.08), (0.18, -0.21), (-0.12, -0.20), (-0.42, -0.11), (-0.74, 0.04)])
LOWER = np.array([(0.32, -0.08), (0.27, 0.09), (0.02, 0.16), (-0.34, 0.11), (-0.74, 0.04)])
VANE = np.array(
    [(0, 0.5), (0.5, 1.0), (0.9, 0.8), (1.0, 0.1), (0.93, -0.7), (0.5, -0.9), (0, -0.5)]
)


def draw_bird(canvas: Canvas, bird: Bird) -> None:
    """Draw the whole bird, from its far side to its near side."""
    if bird.pose.kind in AIRBORNE:
        _spread_wing(canvas, bird, near=False)
    draw_tail(canvas, bird)
    if bird.pose.kind in ("perched", "ground", "clinging"):
        draw_legs(canvas, bird)
    draw_torso(canvas, bird)
    draw_bill(canvas, bird)
    draw_eye(canvas, bird)
    if bird.pose.kind in AIRBORNE:
        _spread_wing(canvas, bird, near=True)
    else:
        _folded_wing(canvas, bird)


@dataclass(frozen=True)
class _Folded:
    """A folded wing in body units: its upper and lower edges [n, 2], from shoulder to tip."""

    upper: Points
    lower: Points

    @classmethod
    def of(cls, bird: Bird) -> _Folded:
        wing, depth = bird.species.wing, bird.species.depth
        upper = UPPER * (wing.length, depth)
        lower = upper + (LOWER - UPPER) * (wing.length, depth) * wing.fold
        return cls(curve(upper, closed=False, steps=40), curve(lower, closed=False, steps=40))

    def along(self, share: float) -> Points:
        """Return a line from shoulder to tip, `share` of the way from upper to lower edge."""
        return self.upper + (self.lower - self.upper) * share

    def across(self, at: float, scallops: int = 0, bulge: float = 0.0) -> Points:
        """Return a line across the wing, `at` of the way to its tip, scalloped like the ends of a
        row of feathers."""
        share = np.linspace(0, 1, 33)
        place = np.clip(at + bulge * np.abs(np.sin(np.pi * scallops * share)), 0, 1)
        index = np.rint(place * (len(self.upper) - 1)).astype(int)
        above, below = self.upper[index], self.lower[index]
        return above + (below - above) * share[:, None]

    def band(self, start: float, end: float, scallops: int, bulge: float) -> Points:
        lines = self.across(start, scallops, bulge), self.across(end, scallops, bulge)[::-1]
        return np.concatenate(lines)


def _folded_wing(canvas: Canvas, bird: Bird) -> None:
    wing, folded, body = bird.species.wing, _Folded.of(bird), bird.body
    outline = body(np.concatenate([folded.upper, folded.lower[::-1]]))
    canvas.fill(outline, wing.flight)
    with canvas.within(outline):
        _flight_feathers(canvas, bird, folded)
        _coverts(canvas, bird, folded)
        low = folded.lower[16:120]
        shade = body(np.concatenate([low, low[::-1] - (0, 0.06)]))
        canvas.soft(shade, mix(wing.flight, (40, 36, 70), 0.6), 2.5, 0.45)
    slip = canvas.rng.normal(0, 0.3 * canvas.unit, 2)
    edge = np.concatenate([outline, outline[:3]]) + slip
    canvas.line(edge, PEN, ink_for(wing.flight), 0.92, taper=False)


def _flight_feathers(canvas: Canvas, bird: Bird, folded: _Folded) -> None:
    wing = bird.species.wing
    for share in np.linspace(0.14, 0.9, 7):
        line = folded.along(share)[64::4]
        canvas.line(bird.body(line), PEN * 1.5, wing.edge, 0.75)
        canvas.line(bird.body(line + (0, 0.008)), PEN * 0.7, detail(wing.flight), 0.8)
    if wing.barring:
        for at in np.linspace(0.5, 0.9, 7):
            canvas.line(bird.body(folded.across(at, 4, 0.01)), PEN * 1.5, wing.barring, 0.9)


def _coverts(canvas: Canvas, bird: Bird, folded: _Folded) -> None:
    wing, body = bird.species.wing, bird.body
    canvas.fill(body(folded.band(0.02, 0.44, 5, 0.04)), wing.coverts)
    for start, end, colour in wing.bars:
        canvas.fill(body(folded.band(start, end, 6, 0.018)), colour)
    for at in (0.16, 0.24, 0.33, 0.44):
        canvas.line(body(folded.across(at, 5, 0.04)), PEN * 0.75, detail(wing.coverts), 0.6)
    if wing.barring:
        for at in (0.14, 0.24, 0.34):
            canvas.line(body(folded.across(at, 5, 0.02)), PEN * 1.4, wing.barring, 0.8)
    if wing.shoulder:
        inner, border = wing.shoulder
        canvas.fill(body(folded.band(0.0, 0.28, 4, 0.02)), border)
        canvas.fill(body(folded.band(0.0, 0.21, 4, 0.02)), inner)
        canvas.line(body(folded.across(0.21, 4, 0.02)), PEN * 0.7, ink_for(inner), 0.5)


@dataclass(frozen=True)
class _Spread:
    """The bones of a spread wing, in body units, and the colours of its side.

    `side` is 1 for a raised wing, -1 for a lowered one.
    """

    wing: Wing
    shoulder: Points
    wrist: Points
    hand: Points
    flap: float
    side: float
    near: bool

    @classmethod
    def of(cls, bird: Bird, near: bool) -> _Spread:
        wing, flap = bird.species.wing, bird.pose.flap
        side, place = float(np.copysign(1.0, flap)), (0.20, -0.12)
        if not near:
            flap, place = flap - 22 * side, (0.26, -0.16)
        shoulder = np.array(place) * (1.0, bird.species.depth)
        wrist = shoulder + 0.28 * wing.length * direction(flap)
        hand = wrist + 0.24 * wing.length * direction(flap + 24 * side)
        return cls(wing, shoulder, wrist, hand, flap, side, near)

    def tone(self, colour: Colour) -> Colour:
        if self.near:
            return colour
        return mix(colour, DUSK, 0.32)

    def feather(self, place: float) -> tuple[Points, float, float]:
        """Return root, angle and length of the feather at `place`, from 0 at the body to 1 at the
        wing's tip."""
        fan, size = self.flap + 62 * self.side, self.wing.length
        if place < 0.5:
            share = place * 2
            root = self.shoulder + (self.wrist - self.shoulder) * share
            turn = 176 * self.side * (1 - share) + fan * share
            return root, turn, self.wing.chord * (0.44 + 0.02 * share) * size
        share, start = place * 2 - 1, self.wing.chord * 0.46
        root = self.wrist + (self.hand - self.wrist) * share
        length = start + (0.80 - start) * float(np.sin(share * 2.0))
        return root, fan - 46 * self.side * share, length * size


def _spread_wing(canvas: Canvas, bird: Bird, near: bool) -> None:
    wing, bones = bird.species.wing, _Spread.of(bird, near)
    for place in np.linspace(0, 1, 20):
        _flight_feather(canvas, bird, bones, float(place))
    for reach, count in ((0.52, 16), (0.30, 14)):
        for place in np.linspace(0, 1, count):
            _covert(canvas, bird, bones, float(place), reach)
    front = direction(bones.flap - 90 * bones.side)
    edge = [bones.shoulder + (0.05, 0.03 * bones.side), bones.wrist + 0.03 * front, bones.hand]
    inside = bones.wrist - 0.02 * direction(bones.flap - 60 * bones.side)
    behind = [inside, bones.shoulder - (0.06, 0)]
    canvas.fill(bird.body(curve([*edge, *behind], steps=6)), bones.tone(wing.coverts), wing.veil)
    if wing.shoulder:
        _epaulette(canvas, bird, bones, wing.shoulder)
    canvas.line(bird.body(path(edge)), PEN * 1.3, ink_for(bones.tone(wing.coverts)))


def _vane(bones: _Spread, place: float, reach: float, half: float) -> Points:
    root, turn, length = bones.feather(place)
    along = np.outer(VANE[:, 0] * length * reach, direction(turn))
    return root + along + np.outer(VANE[:, 1] * half, direction(turn + 90))


def _flight_feather(canvas: Canvas, bird: Bird, bones: _Spread, place: float) -> None:
    wing, (root, turn, length) = bones.wing, bones.feather(place)
    points = bird.body(curve(_vane(bones, place, 1.0, 0.048), steps=4))
    colour = bones.tone(wing.flight)
    canvas.fill(points, colour, wing.veil)
    canvas.line(points, PEN * 0.65, detail(colour), 0.6)
    shaft = bird.body(np.linspace(root, root + direction(turn) * length * 0.96, 6))
    canvas.line(shaft, PEN * 0.8, bones.tone(wing.shafts or wing.edge), 0.8)
    if wing.barring:
        for at in (0.62, 0.74, 0.86):
            middle, reach = root + direction(turn) * length * at, direction(turn + 90) * 0.038
            bar = bird.body(np.linspace(middle - reach, middle + reach, 4))
            canvas.line(bar, PEN * 1.3, bones.tone(wing.barring), 0.8)


def _covert(canvas: Canvas, bird: Bird, bones: _Spread, place: float, reach: float) -> None:
    """Draw a shorter feather over the flight feathers; the longer row has the wing bar at its
    tips."""
    wing, vane = bones.wing, _vane(bones, place, reach, 0.036)
    points = bird.body(curve(vane, steps=4))
    colour = bones.tone(wing.coverts)
    if wing.bars and reach > 0.4:
        canvas.fill(points, bones.tone(wing.bars[0][2]), wing.veil)
        canvas.fill(bird.body(curve(vane[0] + (vane - vane[0]) * 0.84, steps=4)), colour)
    else:
        canvas.fill(points, colour, wing.veil)
    canvas.line(points, PEN * 0.65, detail(colour), 0.6)


def _epaulette(canvas: Canvas, bird: Bird, bones: _Spread, colours: tuple[Colour, Colour]) -> None:
    arm, back = bones.wrist - bones.shoulder, 0.13 * direction(178 * bones.side)
    root = bones.shoulder + 0.25 * arm
    end = bones.wrist + 0.4 * (bones.hand - bones.wrist)
    patch = curve([root, bones.wrist, end, bones.wrist + back, root + back], steps=6)
    inner = patch * 0.8 + patch.mean(axis=0) * 0.2 - 0.12 * back
    canvas.fill(bird.body(patch), bones.tone(colours[1]))
    canvas.fill(bird.body(inner), bones.tone(colours[0]))
