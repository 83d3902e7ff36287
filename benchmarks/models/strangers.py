"""Images without birds: drawn shapes, textures, screens, and sample photos of scientific
packages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = (480, 360)
EACH = 60
# Folders of photos inside packages; a package that is not installed adds none.
SAMPLES = (("sklearn", "datasets/images"), ("skimage", "data"))
SUFFIXES = (".jpg", ".png", ".gif")
# Larger sample photos are also cut into quarters.
WHOLE_ONLY_BELOW = 256
WORDS = (
    "inbox",
    "report",
    "file",
    "edit",
    "view",
    "total",
    "amount",
    "order",
    "name",
    "date",
    "status",
    "open",
    "2031",
    "17.50",
    "weather",
)


def write(folder: Path) -> dict[str, list[Path]]:
    """Write the images as PNG; their paths by kind."""
    return {kind: _saved(folder / kind, make()) for kind, make in _KINDS.items()}


def _saved(folder: Path, images: list[Image.Image]) -> list[Path]:
    folder.mkdir(parents=True)
    paths = [folder / f"{number:03d}.png" for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    return paths


def _drawn(draw: Callable[[np.random.Generator], Image.Image], seed: int) -> list[Image.Image]:
    return [draw(np.random.default_rng([seed, number])) for number in range(EACH)]


def _colour(chance: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = chance.integers(0, 256, 3).tolist()
    return red, green, blue


def _shapes(chance: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", SIDE, _colour(chance))
    draw = ImageDraw.Draw(image)
    for _ in range(int(chance.integers(1, 7))):
        x, y, width, height = (
            int(value) for value in chance.integers((0, 0, 40, 40), (*SIDE, 240, 240))
        )
        kind = chance.integers(0, 4)
        if kind == 0:
            draw.ellipse((x, y, x + width, y + height), fill=_colour(chance))
        elif kind == 1:
            draw.rectangle(
                (x, y, x + width, y + height),
                fill=_colour(chance),
                outline=_colour(chance),
                width=6,
            )
        elif kind == 2:
            draw.line(
                (x, y, x + width, y + height),
                fill=_colour(chance),
                width=int(chance.integers(2, 20)),
            )
        else:
            draw.polygon(
                [
                    (int(px), int(py))
                    for px, py in chance.integers((0, 0), SIDE, (int(chance.integers(3, 8)), 2))
                ],
                fill=_colour(chance),
            )
    return image


def _texture(chance: np.random.Generator) -> Image.Image:
    """Noise, smooth or rough, or a regular pattern, in two colours or all of them."""
    width, height = SIDE
    kind = chance.integers(0, 4)
    if kind == 0:
        return Image.fromarray(chance.integers(0, 256, (height, width, 3), dtype=np.uint8))
    if kind == 1:
        grain = int(chance.integers(3, 40))
        coarse = chance.integers(
            0, 256, (height // grain + 2, width // grain + 2, 3), dtype=np.uint8
        )
        return Image.fromarray(coarse).resize(SIDE, Image.Resampling.BICUBIC)
    down, right = np.mgrid[:height, :width]
    angle, period = chance.uniform(0, np.pi), chance.uniform(6, 60)
    wave = np.sin((right * np.cos(angle) + down * np.sin(angle)) * 2 * np.pi / period)
    if kind == 2:
        wave = wave * np.sin((down * np.cos(angle) - right * np.sin(angle)) * 2 * np.pi / period)
    share = (wave[..., None] + 1) / 2
    blend = share * np.array(_colour(chance)) + (1 - share) * np.array(_colour(chance))
    return Image.fromarray((blend + chance.normal(0, 8, blend.shape)).clip(0, 255).astype(np.uint8))


def _screen(chance: np.random.Generator) -> Image.Image:
    """Return a window with a title bar, and text, a table or a chart in it."""
    dark = bool(chance.integers(0, 2))
    paper, ink = ((30, 32, 36), (225, 225, 225)) if dark else ((252, 252, 250), (30, 30, 30))
    image = Image.new("RGB", SIDE, paper)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(int(chance.integers(10, 18)))
    accent = _colour(chance)
    draw.rectangle((0, 0, SIDE[0], 26), fill=accent)
    draw.text((10, 5), _sentence(chance, 3), fill=(255, 255, 255), font=font)
    if chance.integers(0, 2):
        draw.rectangle((0, 26, 110, SIDE[1]), fill=tuple(round(0.9 * value) for value in paper))
    for row in range(int(chance.integers(6, 14))):
        draw.text(
            (124, 40 + 22 * row), _sentence(chance, int(chance.integers(2, 8))), fill=ink, font=font
        )
    if chance.integers(0, 2):
        for bar in range(8):
            draw.rectangle(
                (250 + 26 * bar, 330 - int(chance.integers(10, 180)), 268 + 26 * bar, 330),
                fill=accent,
            )
    return image


def _sentence(chance: np.random.Generator, words: int) -> str:
    return " ".join(chance.choice(WORDS, words))


def _samples() -> list[Image.Image]:
    found = []
    for package, inside in SAMPLES:
        spec = importlib.util.find_spec(package)
        folder = Path(spec.origin).parent / inside if spec and spec.origin else None
        for path in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
            if path.suffix in SUFFIXES:
                with Image.open(path) as image:
                    found += _with_quarters(image.convert("RGB"))
    return found


def _with_quarters(image: Image.Image) -> list[Image.Image]:
    width, height = image.size
    if min(width, height) < WHOLE_ONLY_BELOW:
        return [image]
    halves = ((0, width // 2, width), (0, height // 2, height))
    boxes = [
        (halves[0][x], halves[1][y], halves[0][x + 1], halves[1][y + 1])
        for y in (0, 1)
        for x in (0, 1)
    ]
    return [image, *(image.crop(box) for box in boxes)]


_KINDS: dict[str, Callable[[], list[Image.Image]]] = {
    "shapes": lambda: _drawn(_shapes, 1),
    "textures": lambda: _drawn(_texture, 2),
    "screens": lambda: _drawn(_screen, 3),
    "sample photos": _samples,
}
