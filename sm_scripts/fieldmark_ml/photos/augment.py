"""Augmentation of uint8 photos for fine-tuning.

Everything depends on (seed, epoch, row) alone, not on threads or on how many processes share the
work, so that a resumed or distributed training sees the same photos.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

SMALLEST_CROP = 0.5
RAND_AUGMENT_OPERATIONS = 2
RAND_AUGMENT_MAGNITUDE = 9 / 30


def augmented(photo: torch.Tensor, size: int, kind: str, draw: random.Random) -> torch.Tensor:
    """Augment uint8 [3, side, side] to uint8 [3, size, size]: a random crop, a mirror image half of
    the time, then RandAugment if set."""
    if kind == "none":
        return centre(photo, size)
    side = photo.shape[1]
    crop = max(1, round(side * draw.uniform(SMALLEST_CROP, 1.0) ** 0.5))
    top, left = draw.randint(0, side - crop), draw.randint(0, side - crop)
    photo = photo[:, top : top + crop, left : left + crop]
    photo = functional.interpolate(
        photo[None], (size, size), mode="bilinear", antialias=True, align_corners=False
    )[0]
    if draw.random() < 0.5:
        photo = photo.flip(2)
    if kind == "randaugment":
        return rand_augment(photo, draw)
    return photo


def centre(photos: torch.Tensor, size: int) -> torch.Tensor:
    """Return the middle `size` pixels of [..., side, side]: the part of a cached photo that
    evaluation and serving use."""
    offset = round((photos.shape[-1] - size) / 2)
    return photos[..., offset : offset + size, offset : offset + size]


def rand_augment(photo: torch.Tensor, draw: random.Random) -> torch.Tensor:
    """RAND_AUGMENT_OPERATIONS random operations of one strength.

    Source: Cubuk et al., RandAugment, 2020.
    """
    for name in draw.choices(sorted(_OPERATIONS), k=RAND_AUGMENT_OPERATIONS):
        photo = _OPERATIONS[name](photo, RAND_AUGMENT_MAGNITUDE * draw.choice((-1, 1)))
    return photo


def _transforms() -> Any:
    # Imported here because the import takes a second and only RandAugment needs it.
    from torchvision.transforms.v2 import functional as transforms

    return transforms


def _affine(
    photo: torch.Tensor,
    angle: float = 0.0,
    across: float = 0.0,
    down: float = 0.0,
    shear: tuple[float, float] = (0.0, 0.0),
) -> torch.Tensor:
    side = photo.shape[1]
    return _transforms().affine(
        photo, angle, [round(across * side), round(down * side)], 1.0, list(shear), fill=[128.0]
    )


_OPERATIONS: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "autocontrast": lambda photo, m: _transforms().autocontrast(photo),
    "brightness": lambda photo, m: _transforms().adjust_brightness(photo, 1 + 0.9 * m),
    "color": lambda photo, m: _transforms().adjust_saturation(photo, 1 + 0.9 * m),
    "contrast": lambda photo, m: _transforms().adjust_contrast(photo, 1 + 0.9 * m),
    "equalize": lambda photo, m: _transforms().equalize(photo),
    "posterize": lambda photo, m: _transforms().posterize(photo, max(1, 8 - round(4 * abs(m)))),
    "rotate": lambda photo, m: _affine(photo, angle=30 * m),
    "sharpness": lambda photo, m: _transforms().adjust_sharpness(photo, 1 + 0.9 * m),
    "shear_x": lambda photo, m: _affine(photo, shear=(17 * m, 0.0)),
    "shear_y": lambda photo, m: _affine(photo, shear=(0.0, 17 * m)),
    "solarize": lambda photo, m: _transforms().solarize(photo, 255 * (1 - abs(m))),
    "translate_x": lambda photo, m: _affine(photo, across=0.45 * m),
    "translate_y": lambda photo, m: _affine(photo, down=0.45 * m),
}


def mix(
    pixels: torch.Tensor, targets: torch.Tensor, mixup: float, cutmix: float, draw: random.Random
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each photo of a batch with the one before it, and their targets [n, classes] in the same
    shares. Returns a copy if it mixes.

    Sources: Zhang et al., mixup, 2018; Yun et al., CutMix, 2019. If both are on, each batch uses
    one of them.
    """
    choices = [(name, alpha) for name, alpha in (("mixup", mixup), ("cutmix", cutmix)) if alpha > 0]
    if not choices or len(pixels) < 2:
        return pixels, targets
    chosen, alpha = draw.choice(choices)
    share = draw.betavariate(alpha, alpha)
    other = pixels.roll(1, 0)
    if chosen == "mixup":
        mixed = (pixels.float() * share + other.float() * (1 - share)).round().to(pixels.dtype)
    else:
        side = pixels.shape[-1]
        cut = round(side * (1 - share) ** 0.5)
        top, left = draw.randint(0, side - cut), draw.randint(0, side - cut)
        mixed = pixels.clone()
        mixed[..., top : top + cut, left : left + cut] = other[
            ..., top : top + cut, left : left + cut
        ]
        share = 1 - (cut / side) ** 2
    return mixed, targets * share + targets.roll(1, 0) * (1 - share)
