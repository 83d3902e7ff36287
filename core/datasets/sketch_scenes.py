"""Where a bird of the sketchbook is met: washes of sky and leaves behind it, and the branch, reed, trunk, ground or water that holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.datasets.sketch_ink import SEPIA, WHITE, Canvas, Colour, Plane, Points, curve, ink_for, mix, noise

PAPER: Colour = (247, 242, 231)


@dataclass(frozen=True)
class Place:
    """The washes of a background, from top to bottom of the page, the blots dropped into them, and what grows there."""

    washes: tuple[Colour, Colour, Colour]
    blots: tuple[Colour, ...]
    leaves: tuple[Colour, ...]
    ground: Colour
    bark: Colour = (128, 102, 82)


PLACES = {
    "sky": Place(((134, 178, 216), (186, 212, 230), (240, 234, 218)), ((248, 248, 244), (250, 246, 238), (162, 196, 224)), ((120, 158, 84), (148, 176, 96)), (196, 190, 140)),
    "foliage": Place(((176, 206, 142), (150, 188, 124), (120, 164, 112)), ((98, 146, 92), (206, 220, 146), (232, 234, 178), (84, 130, 96)), ((104, 150, 72), (136, 172, 84), (78, 126, 70)), (150, 170, 96)),
    "water": Place(((206, 220, 222), (152, 194, 204), (104, 158, 178)), ((92, 148, 172), (206, 226, 224), (128, 176, 180)), ((130, 146, 84), (104, 130, 80)), (206, 190, 150)),
    "snow": Place(((196, 208, 226), (220, 226, 236), (244, 244, 246)), ((250, 250, 250), (182, 194, 218), (208, 204, 224)), ((154, 60, 50), (170, 72, 56)), (244, 245, 248), (116, 100, 94)),
    "dusk": Place(((92, 90, 140), (214, 138, 124), (248, 200, 136)), ((246, 168, 110), (140, 104, 150), (252, 216, 158)), ((74, 70, 84), (94, 82, 88)), (104, 88, 104), (72, 60, 66)),
    "autumn": Place(((240, 214, 150), (232, 178, 98), (206, 138, 82)), ((214, 118, 62), (246, 210, 122), (176, 92, 62), (240, 226, 178)), ((212, 98, 46), (232, 158, 54), (180, 66, 46)), (190, 146, 92)),
    "marsh": Place(((220, 226, 206), (206, 206, 156), (160, 176, 136)), ((186, 186, 112), (226, 220, 170), (134, 164, 132)), ((150, 158, 84), (176, 164, 92), (118, 140, 84)), (150, 150, 100), (150, 140, 92)),
    "blossom": Place(((204, 222, 232), (238, 220, 224), (226, 232, 204)), ((246, 206, 214), (250, 232, 234), (208, 224, 178)), ((240, 172, 188), (248, 210, 218), (150, 182, 102)), (176, 196, 120), (112, 84, 78)),
}  # fmt: skip


def backdrop(rng: np.random.Generator, size: tuple[int, int], place: Place) -> Image.Image:
    """Washes and blots on the page, [height, width] of `size`, with the bare paper at the edges of some."""
    width, height = size
    drift = noise(rng, size, 3, 2)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None] + 0.55 * (drift - 0.5)
    top, middle, bottom = (np.array(colour, dtype=np.float32) for colour in place.washes)
    low = np.clip(down * 2, 0, 1)[..., None]
    high = np.clip(down * 2 - 1, 0, 1)[..., None]
    page = top + (middle - top) * low + (bottom - middle) * high
    image = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    for colour in place.blots:
        _blot(image, noise(rng, size, int(rng.integers(3, 7)), 3) - np.float32(rng.uniform(0.5, 0.68)), colour, float(rng.uniform(0.5, 0.9)))
    return image


def _blot(image: Image.Image, wet: Plane, colour: Colour, strength: float) -> None:
    """A blot that has run where `wet` is positive, darker where its edge dried."""
    image.paste(colour, (0, 0), _mask(wet / 0.14, strength))
    image.paste(mix(colour, SEPIA, 0.7), (0, 0), _mask(1 - np.abs(wet - 0.02) / 0.026, 0.14))


def _mask(share: Plane, opacity: float = 1.0) -> Image.Image:
    return Image.fromarray((np.clip(share, 0, 1) * (255 * opacity)).astype(np.uint8))


@dataclass(frozen=True)
class Margin:
    """The paper left bare around a wash: its mask, and that of the dark rim where the wash dried."""

    bare: Image.Image
    rim: Image.Image

    @classmethod
    def torn(cls, rng: np.random.Generator, size: tuple[int, int]) -> Margin:
        width, height = size
        x = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :]
        y = np.abs(np.linspace(-1, 1, height, dtype=np.float32))[:, None]
        edge = np.maximum(x, y) ** 2 * 0.55 + (x**4 + y**4) * 0.25 + 0.7 * (noise(rng, size, 6, 4) - 0.5)
        level = float(rng.uniform(0.42, 0.62))
        return cls(_mask((edge - level) / 0.03), _mask(1 - np.abs(edge - level + 0.012) / 0.026, 0.3))

    def lay(self, page: Image.Image, place: Place, top: int = 0) -> None:
        """Takes the wash off the paper, from row `top` down."""
        box = (0, top, *page.size)
        page.paste(mix(place.washes[1], SEPIA, 0.45), (0, top), self.rim.crop(box))
        page.paste(PAPER, (0, top), self.bare.crop(box))


def scenery(canvas: Canvas, name: str, place: Place, horizon: float) -> None:
    """What stands far off: clouds, hills, bokeh, reeds, falling snow."""
    if name in ("dusk", "snow", "sky", "water") and canvas.rng.random() < 0.75:
        _hills(canvas, place, horizon)
    if name == "dusk" and canvas.rng.random() < 0.7:
        _sun(canvas)
    if name in ("foliage", "autumn", "blossom"):
        _bokeh(canvas, place)
        _far_leaves(canvas, place)
    if name in ("water", "marsh"):
        _reeds(canvas, place, horizon)
    if name == "snow":
        flakes(canvas, 26, 0.7)


def _hills(canvas: Canvas, place: Place, horizon: float) -> None:
    width, height = canvas.image.size
    for layer in range(2):
        level = horizon - (0.16 - 0.09 * layer) * height
        ridge = level + 0.05 * height * np.cumsum(canvas.rng.uniform(-0.6, 0.6, 9))
        points = np.stack([np.linspace(-0.1, 1.1, 9) * width, ridge], axis=1)
        shape = np.concatenate([curve(points, closed=False), [(1.1 * width, horizon + 0.3 * height), (-0.1 * width, horizon + 0.3 * height)]])
        canvas.soft(shape, mix(mix(place.washes[0], place.leaves[0], 0.3), place.washes[1], 0.5 - 0.3 * layer), 2.0 - layer, 0.65)


def _sun(canvas: Canvas) -> None:
    width, height = canvas.image.size
    centre = canvas.rng.uniform((0.1 * width, 0.15 * height), (0.9 * width, 0.55 * height))
    radius = canvas.rng.uniform(0.05, 0.10) * width
    circle = centre + radius * np.stack([np.cos(np.linspace(0, 6.28, 40)), np.sin(np.linspace(0, 6.28, 40))], axis=1)
    canvas.soft(centre + (circle - centre) * 2.2, (255, 226, 170), 12, 0.55)
    canvas.soft(circle, (255, 240, 206), 1.2, 0.95)


def _bokeh(canvas: Canvas, place: Place) -> None:
    width, height = canvas.image.size
    for _ in range(int(canvas.rng.integers(5, 18))):
        centre = canvas.rng.uniform((0, 0), (width, height))
        radius = canvas.rng.uniform(0.02, 0.075) * width
        colour = mix(place.blots[int(canvas.rng.integers(len(place.blots)))], WHITE, 0.35)
        canvas.dot(centre, radius, mix(colour, SEPIA, 0.12), 0.16)
        canvas.dot(centre, radius * 0.93, colour, 0.30)


def _far_leaves(canvas: Canvas, place: Place) -> None:
    width, height = canvas.image.size
    for _ in range(int(canvas.rng.integers(8, 22))):
        at = canvas.rng.uniform((0, 0), (width, height))
        colour = mix(place.leaves[int(canvas.rng.integers(len(place.leaves)))], place.washes[1], float(canvas.rng.uniform(0.25, 0.7)))
        canvas.soft(leaf_shape(at, float(canvas.rng.uniform(0, 360)), float(canvas.rng.uniform(0.05, 0.11)) * width), colour, 1.6, 0.6)


def _reeds(canvas: Canvas, place: Place, horizon: float) -> None:
    width, height = canvas.image.size
    for _ in range(int(canvas.rng.integers(10, 30))):
        foot = np.array([canvas.rng.uniform(-0.1, 1.1) * width, horizon + canvas.rng.uniform(-0.02, 0.08) * height])
        tall = canvas.rng.uniform(0.12, 0.5) * height
        lean = canvas.rng.normal(0, 0.10) * height
        colour = mix(place.leaves[int(canvas.rng.integers(len(place.leaves)))], place.washes[1], float(canvas.rng.uniform(0.2, 0.65)))
        blade = curve([foot, foot + (lean * 0.3, -tall * 0.6), foot + (lean, -tall)], closed=False)
        canvas.line(blade, float(canvas.rng.uniform(1.5, 4.0)), colour, 0.8)


def flakes(canvas: Canvas, count: int, opacity: float) -> None:
    for at in canvas.rng.uniform((0, 0), canvas.image.size, (count, 2)):
        canvas.dot(at, float(canvas.rng.uniform(0.8, 2.6)) * canvas.unit, WHITE, opacity)


def leaf_shape(at: Points, turn: float, length: float) -> Points:
    along = np.array([np.cos(np.radians(turn)), -np.sin(np.radians(turn))]) * length
    normal = np.array([along[1], -along[0]]) * 0.30
    return curve([at, at, at + 0.35 * along + normal, at + 0.8 * along + 0.5 * normal, at + along, at + along, at + 0.75 * along - 0.5 * normal, at + 0.3 * along - normal], steps=5)


def leaf(canvas: Canvas, at: Points, turn: float, length: float, colour: Colour) -> None:
    shape = leaf_shape(at, turn, length)
    canvas.wash(shape, colour)
    canvas.line(np.linspace(at, shape[len(shape) // 2], 6), 0.8, ink_for(colour), 0.6)
    canvas.line(shape, 0.8, ink_for(colour), 0.7)


def branch(canvas: Canvas, place: Place, name: str, foot: Points, thickness: float) -> None:
    """A branch across the page that passes under `foot`, with twigs and what they bear."""
    rng, (width, height) = canvas.rng, canvas.image.size
    slope = float(rng.normal(0, 0.12))
    xs = np.linspace(-0.08, 1.08, 7) * width
    ys = foot[1] + 0.42 * thickness + slope * (xs - foot[0]) + np.where(np.abs(xs - foot[0]) > 0.2 * width, rng.normal(0, 0.02, 7) * height, 0)
    spine = curve(np.stack([xs, ys], axis=1), closed=False)
    swell = thickness * np.linspace(1.15, 0.7, len(spine)) * (1 + 0.08 * rng.standard_normal(len(spine)))
    for _ in range(int(rng.integers(2, 5))):
        _twig(canvas, place, name, spine[int(rng.integers(4, len(spine) - 4))], thickness)
    upper, lower = spine - np.stack([0 * swell, swell / 2], axis=1), spine + np.stack([0 * swell, swell / 2], axis=1)
    shape = np.concatenate([upper, lower[::-1]])
    canvas.wash(shape, place.bark)
    with canvas.within(shape):
        canvas.fill(np.concatenate([spine + (0, thickness * 0.12), lower[::-1] + (0, 4)]), mix(place.bark, (50, 40, 70), 0.5), 0.45)
        for _ in range(16):
            start = int(rng.integers(0, len(spine) - 12))
            offset = (0, float(rng.uniform(-0.4, 0.4)) * thickness)
            canvas.line(spine[start : start + int(rng.integers(5, 12))] + offset, 0.8, ink_for(place.bark), 0.55)
    for side in (upper, lower):
        canvas.line(side, 1.2, ink_for(place.bark), 0.9, taper=False)
    if name == "snow":
        _snow_on(canvas, upper, thickness)


def _snow_on(canvas: Canvas, upper: Points, thickness: float) -> None:
    for _ in range(6):
        start = int(canvas.rng.integers(0, len(upper) - 14))
        piece = upper[start : start + int(canvas.rng.integers(7, 14))]
        drift = piece - np.stack([np.zeros(len(piece)), np.sin(np.linspace(0, np.pi, len(piece))) * thickness * 0.55], axis=1)
        canvas.wash(np.concatenate([drift, piece[::-1] + (0, thickness * 0.15)]), (248, 249, 252))


def _twig(canvas: Canvas, place: Place, name: str, root: Points, thickness: float) -> None:
    rng = canvas.rng
    up = -1 if rng.random() < 0.65 else 1
    reach = float(rng.uniform(2.5, 6.5)) * thickness
    turn = float(rng.uniform(25, 155))
    tip = root + reach * np.array([np.cos(np.radians(turn)), up * np.sin(np.radians(turn))])
    path = curve([root, (root + tip) / 2 + rng.normal(0, 0.12 * reach, 2), tip], closed=False)
    canvas.line(path, 0.34 * thickness / canvas.unit + 0.8, place.bark)
    canvas.line(path + (0.5, 0.12 * thickness), 0.8, ink_for(place.bark), 0.7)
    for at in path[4::4]:
        _bearing(canvas, place, name, at, thickness)


def _bearing(canvas: Canvas, place: Place, name: str, at: Points, thickness: float) -> None:
    """A leaf, a blossom or a berry."""
    rng = canvas.rng
    colour = place.leaves[int(rng.integers(len(place.leaves)))]
    if name == "snow":
        canvas.dot(at + (0, 0.2 * thickness), 0.24 * thickness, ink_for(colour))
        canvas.dot(at + (0, 0.2 * thickness), 0.20 * thickness, colour)
    elif name == "blossom" and colour[0] > 200:
        _blossom(canvas, at, float(rng.uniform(0.22, 0.32)) * thickness, colour)
    elif name != "dusk" or rng.random() < 0.4:
        leaf(canvas, at, float(rng.uniform(0, 360)), float(rng.uniform(0.9, 1.7)) * thickness, colour)


def _blossom(canvas: Canvas, at: Points, petal: float, colour: Colour) -> None:
    turn = float(canvas.rng.uniform(0, 72))
    centres = [at + 1.15 * petal * np.array([np.cos(np.radians(turn + 72 * k)), np.sin(np.radians(turn + 72 * k))]) for k in range(5)]
    for grow, tint in ((3.0, ink_for(colour)), (0.0, colour)):
        for centre in centres:
            canvas.dot(centre, petal + grow, tint)
    for centre in centres:
        canvas.dot(centre + (centre - at) * 0.2, petal * 0.6, WHITE, 0.45)
        canvas.line(np.linspace(at, (at + centre) / 2, 4), 0.9, mix(colour, (170, 50, 90), 0.6), 0.8)
    canvas.dot(at, 0.36 * petal, (226, 178, 70))


def cattail(canvas: Canvas, place: Place, foot: Points, thickness: float) -> None:
    """A cattail whose brown head ends under `foot`, and the blades beside it."""
    rng, height = canvas.rng, canvas.image.height
    lean = float(rng.normal(0, 0.05)) * height
    for side in rng.uniform(-4.5, 4.5, 6):
        base = np.array([foot[0] - lean + side * thickness, 1.05 * height])
        tip = base + (side * rng.uniform(0.2, 1.2) * thickness, -rng.uniform(0.35, 0.95) * height)
        path = curve([base, (base + tip) / 2 + (0.5 * side, 0), tip], closed=False)
        colour = place.leaves[int(rng.integers(len(place.leaves)))]
        canvas.line(path, float(rng.uniform(3.5, 6.5)), colour, 0.95)
        canvas.line(path + (2.0, 0.0), 0.8, ink_for(colour), 0.55)
    low = np.array([foot[0] - 0.35 * lean, foot[1] + rng.uniform(2.2, 3.2) * thickness])
    path = curve([low - (0.0, 4.0), (low + (foot[0] - lean, 1.06 * height)) / 2, (foot[0] - lean, 1.06 * height)], closed=False)
    canvas.line(path, 0.26 * thickness / canvas.unit, ink_for(place.leaves[0]), taper=False)
    canvas.line(path, 0.26 * thickness / canvas.unit - 1.6, mix(place.leaves[0], (196, 180, 110), 0.5), taper=False)
    half, top = 0.30 * thickness, foot + (0.0, 0.1 * thickness)
    left, right = [(-half * 0.8, 0.0), (-half, 0.25), (-half, 0.8), (-half * 0.6, 1.0)], [(half * 0.6, 1.0), (half, 0.8), (half, 0.25), (half * 0.8, 0.0)]
    head = curve([top + (x, 0.0) + (low - top) * y for x, y in left + right])
    canvas.wash(head, (124, 78, 50))
    canvas.soft(head + (0.35 * half, 0.0), (84, 52, 44), 1.5, 0.4)
    for _ in range(12):
        at = top + (float(rng.uniform(-0.7, 0.7)) * half, 0.0) + (low - top) * float(rng.uniform(0.1, 0.8))
        canvas.line(np.linspace(at, at + (low - top) * 0.1, 4), 0.8, (74, 46, 40), 0.6)
    canvas.line(head, 1.2, ink_for((124, 78, 50)), 0.9)


def trunk(canvas: Canvas, place: Place, foot: Points, width: float, lean: float) -> None:
    """An upright trunk whose left edge is at `foot`; `lean` in degrees from the vertical."""
    rng, height = canvas.rng, canvas.image.height
    slope = np.tan(np.radians(lean))
    ys = np.linspace(-0.05, 1.05, 15) * height
    left = np.stack([foot[0] + (ys - foot[1]) * slope + rng.normal(0, 0.012, 15) * width, ys], axis=1)
    right = left + np.stack([width * (1 + rng.normal(0, 0.015, 15)), np.zeros(15)], axis=1)
    left, right = curve(left, closed=False), curve(right, closed=False)
    shape = np.concatenate([left, right[::-1]])
    canvas.wash(shape, place.bark)
    with canvas.within(shape):
        middle = (left + right) / 2
        canvas.soft(np.concatenate([middle, right[::-1] + (20, 0)]), mix(place.bark, (50, 40, 70), 0.55), 9, 0.6)
        canvas.soft(np.concatenate([left + (0.08 * width, 0), (left + middle)[::-1] / 2]), mix(place.bark, WHITE, 0.4), 6, 0.45)
        for _ in range(46):
            start, share = int(rng.integers(0, len(left) - 14)), float(rng.uniform(0.02, 0.98))
            piece = (left + (right - left) * share)[start : start + int(rng.integers(4, 14))]
            canvas.line(piece + rng.normal(0, 3, piece.shape), float(rng.uniform(0.8, 2.0)), ink_for(place.bark), 0.5)
    for side in (left, right):
        canvas.line(side, 1.4, ink_for(place.bark), 0.9, taper=False)


def ground(canvas: Canvas, place: Place, name: str, foot: Points) -> None:
    """The wash of the ground that a bird stands on."""
    rng, (width, height) = canvas.rng, canvas.image.size
    xs = np.linspace(-0.1, 1.1, 8) * width
    ys = foot[1] + 0.012 * height + np.where(np.abs(xs - foot[0]) > 0.25 * width, rng.normal(0, 0.015, 8) * height, 0)
    ridge = curve(np.stack([xs, ys - 0.04 * height * (name != "water")], axis=1), closed=False)
    canvas.soft(np.concatenate([ridge, [(1.1 * width, 1.1 * height), (-0.1 * width, 1.1 * height)]]), place.ground, 2.0, 0.92)


def footing(canvas: Canvas, place: Place, name: str, foot: Points) -> None:
    """The bird's shadow, and the grass or snow about it."""
    rng, (width, height) = canvas.rng, canvas.image.size
    shadow = foot + np.array([width * 0.16, height * 0.022]) * np.stack([np.cos(np.linspace(0, 6.28, 30)), np.sin(np.linspace(0, 6.28, 30))], axis=1)
    canvas.soft(shadow, mix(place.ground, (70, 64, 110), 0.6), 2.5, 0.6)
    for _ in range(40):
        at = np.array([rng.uniform(0, width), foot[1] + rng.uniform(0.0, 0.3) * height])
        if name in ("snow", "water"):
            canvas.line(np.linspace(at, at + (rng.uniform(0.03, 0.1) * width, rng.normal(0, 2)), 6), 1.2, mix(place.ground, (92, 98, 150), 0.35), 0.5)
        else:
            blade(canvas, at, float(rng.uniform(0.02, 0.07)) * height, place.leaves[int(rng.integers(len(place.leaves)))])


def blade(canvas: Canvas, at: Points, tall: float, colour: Colour) -> None:
    lean = float(canvas.rng.normal(0, 0.5)) * tall
    canvas.line(curve([at, at + (lean * 0.3, -tall * 0.6), at + (lean, -tall)], closed=False), 1.6, mix(colour, SEPIA, float(canvas.rng.uniform(0, 0.4))), 0.85)


def water(canvas: Canvas, place: Place, level: float, near: Points) -> None:
    """Water from `level` down: the reflection of what is drawn above it, and ripples, closest about `near` (left, right)."""
    rng, (width, height) = canvas.rng, canvas.image.size
    top = int(level)
    depth = min(height - top, top)
    mirrored = canvas.image.crop((0, top - depth, width, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirrored = mirrored.resize((width // 12, max(1, depth // 6))).resize((width, depth), Image.Resampling.BICUBIC)
    tint = Image.new("RGB", (width, height - top), place.washes[2])
    canvas.image.paste(Image.blend(tint.crop((0, 0, width, depth)), mirrored, 0.52), (0, top))
    if height - top > depth:
        canvas.image.paste(tint.crop((0, depth, width, height - top)), (0, top + depth))
    for _ in range(34):
        down = float(rng.beta(1.1, 1.6))
        y = level + down * (height - level)
        reach = float(rng.uniform(0.04, 0.2)) * width * (0.5 + down)
        centre = float(rng.normal((near[0] + near[1]) / 2, 0.32 * width))
        xs = np.linspace(centre - reach, centre + reach, 12)
        ripple = np.stack([xs, y + 2.0 * canvas.unit * np.sin(np.linspace(0, 6, 12)) * rng.uniform(0.2, 0.6)], axis=1)
        canvas.line(ripple, float(rng.uniform(0.8, 2.2)), WHITE if rng.random() < 0.5 else mix(place.washes[2], (30, 60, 90), 0.5), 0.45)
    canvas.line(np.stack([np.linspace(near[0], near[1], 16), np.full(16, level + 2.0)], axis=1), 2.0, mix(place.washes[2], (20, 40, 60), 0.6), 0.6)


def flower(canvas: Canvas, at: Points, size: float) -> None:
    """A red trumpet that opens towards `at`, on its stalk."""
    rng, height = canvas.rng, canvas.image.height
    colour: Colour = ((222, 72, 52), (236, 120, 60), (214, 66, 110))[int(rng.integers(3))]
    foot = at + (size * rng.uniform(1.2, 2.4), height)
    canvas.line(curve([at + (size * 1.05, size * 0.35), at + (size * 1.6, size * 1.4), foot], closed=False), 2.2, (98, 130, 74), taper=False)
    for turn, far in ((-60, 1.9), (-110, 2.6), (-25, 3.2)):
        leaf(canvas, at + (size * 1.45, size * far), turn + float(rng.normal(0, 15)), size * 1.1, (112, 150, 82))
    throat = curve([at + (0.0, -0.20 * size), at + (0.6 * size, 0.0), at + (1.15 * size, 0.28 * size), at + (1.0 * size, 0.48 * size), at + (0.4 * size, 0.36 * size), at + (-0.1 * size, 0.22 * size)])
    canvas.wash(throat, colour)
    for turn in (95, 140, 215, 260):
        leaf(canvas, at + (0.06 * size, 0.04 * size), turn, 0.42 * size, mix(colour, WHITE, 0.18))
    canvas.line(throat, 1.0, ink_for(colour), 0.8)
