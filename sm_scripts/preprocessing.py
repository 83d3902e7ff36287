"""Photo to network input: one function for training, evaluation and serving, so that they cannot differ.

JPEGs of one or three components go through libjpeg by way of torchvision's extension; everything else, and whatever that
refuses, goes through images.open_image.
"""

from __future__ import annotations

import importlib.util
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import images

# A photo longer than this many times its short side loses its ends before it is resized; the centre crop would drop them anyway.
MAX_ASPECT = 4


@dataclass(frozen=True)
class Preprocessing:
    """Short side to `resize` pixels (antialiased bicubic), centre crop of `image_size`, then (x / 255 - mean) / std."""

    image_size: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    crop: str = "center"


def decode(data: bytes) -> torch.Tensor:
    """The photo as uint8 [3, height, width], upright. Raises images.BadImage."""
    if _plain_jpeg(data):
        try:
            return _libjpeg()(torch.frombuffer(bytearray(data), dtype=torch.uint8), 3, True)
        except RuntimeError:
            # libjpeg refused; Pillow opens it after all, or says in plain words what is wrong.
            pass
    return from_pillow(images.open_image(data))


def from_pillow(image: Any) -> torch.Tensor:
    """An RGB Pillow image as uint8 [3, height, width]."""
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return flat.view(image.height, image.width, 3).permute(2, 0, 1).contiguous()


def prepare(image: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """uint8 [3, H, W] -> uint8 [3, image_size, image_size]; a pure function of its arguments."""
    image = resized(image, how)
    top, left = crop_start(image, how)
    return image[:, top : top + how.image_size, left : left + how.image_size]


def resized(image: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """uint8 [3, H, W] with its short side at `how.resize`."""
    image = _without_ends(image)
    height, width = image.shape[1:]
    if min(height, width) == how.resize:
        return image
    # The long side is cut off, not rounded, as torchvision's and timm's Resize do.
    size = (how.resize, int(how.resize * width / height)) if height <= width else (int(how.resize * height / width), how.resize)
    return torch.nn.functional.interpolate(image[None], size, mode=how.interpolation, antialias=True, align_corners=False)[0]


def crop_start(image: torch.Tensor, how: Preprocessing) -> tuple[int, int]:
    """(top, left) of the centre crop of a resized photo."""
    height, width = image.shape[1:]
    return round((height - how.image_size) / 2), round((width - how.image_size) / 2)


def _without_ends(image: torch.Tensor) -> torch.Tensor:
    """A 1 x 5000 photo resized whole would need gigabytes."""
    for dimension in (1, 2):
        longest = MAX_ASPECT * min(image.shape[1:])
        if image.shape[dimension] > longest:
            image = image.narrow(dimension, (image.shape[dimension] - longest) // 2, longest)
    return image


_START_OF_FRAME = {0xC0, 0xC1, 0xC2}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def _plain_jpeg(data: bytes) -> bool:
    """Whether `data` is an 8-bit JPEG of one or three components. BadImage where it claims too many pixels."""
    if data[:3] != b"\xff\xd8\xff":
        return False
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
        elif marker in _START_OF_FRAME:
            precision, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            images.check_size(width, height)
            return precision == 8 and components in (1, 3)
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return False


_lock = threading.Lock()
_decoder: list[Any] = []


def _libjpeg() -> Any:
    """torchvision's decode_jpeg(bytes, mode, upright), without importing torchvision: that takes a second, its library alone 2 ms."""
    with _lock:
        if not _decoder:
            spec = importlib.util.find_spec("torchvision")
            libraries = sorted(Path(spec.origin).parent.glob("image*.so")) if spec and spec.origin else []
            for library in libraries:
                torch.ops.load_library(str(library))
            _decoder.append(torch.ops.image.decode_jpeg if libraries else _no_decoder)
        return _decoder[0]


def _no_decoder(*_: Any) -> torch.Tensor:
    raise RuntimeError("torchvision's image library is not installed")
