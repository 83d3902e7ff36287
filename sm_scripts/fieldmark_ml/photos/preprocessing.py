"""Photo to network input: one function for training, evaluation and serving, so that they cannot
differ.

JPEGs of one or three components are decoded by libjpeg through torchvision's extension; everything
else, and any file it refuses, by Pillow. images.read decides the orientation for both.
"""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fieldmark_ml.photos import bounds, images

# The long side is cut to this many times the short side before resizing; the centre crop would drop
# those ends anyway.
MAX_ASPECT = 4


@dataclass(frozen=True)
class Preprocessing:
    """Short side to `resize` pixels (antialiased bicubic), centre crop of `image_size`,
    then (x / 255 - mean) / std.
    """

    image_size: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    crop: str = "center"


def decode(data: bytes) -> torch.Tensor:
    """Return the photo as uint8 [3, height, width], upright. Raises images.BadImage."""
    return decode_sized(data)[0]


def decode_sized(data: bytes) -> tuple[torch.Tensor, int]:
    """Decode as `decode` does, and return the factor by which the sides of a very large photo were
    divided."""
    photo = images.read(data)
    if photo.is_plain_jpeg and bounds.factor(photo.width, photo.height) == 1:
        try:
            packed = torch.frombuffer(bytearray(photo.data), dtype=torch.uint8)
            return _turned(_libjpeg()(packed, 3, False), photo.orientation), 1
        except RuntimeError:
            # libjpeg refused it; Pillow opens it, or says what is wrong with it.
            pass
    image, size = images.open_sized(data)
    return from_pillow(image), bounds.factor(*size)


def from_pillow(image: Any) -> torch.Tensor:
    """Return an RGB Pillow image as uint8 [3, height, width]."""
    made = torch.empty(3, image.height, image.width, dtype=torch.uint8)
    for box in images.strips(image.width, image.height):
        part = torch.frombuffer(bytearray(image.crop(box).tobytes()), dtype=torch.uint8)
        made[:, box[1] : box[3]] = part.view(-1, image.width, 3).permute(2, 0, 1)
    return made


# The steps of images.upright: whether rows become columns, and which of [., rows, columns] are then
# reversed.
_TURNS = {
    2: (False, [2]),
    3: (False, [1, 2]),
    4: (False, [1]),
    5: (True, []),
    6: (True, [2]),
    7: (True, [1, 2]),
    8: (True, [1]),
}


def _turned(image: torch.Tensor, orientation: int) -> torch.Tensor:
    if orientation not in _TURNS:
        return image
    is_sideways, round_about = _TURNS[orientation]
    if is_sideways:
        image = image.transpose(1, 2)
    return image.flip(round_about).contiguous()


def prepare(image: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """Map uint8 [3, H, W] to uint8 [3, image_size, image_size]; a pure function of its
    arguments."""
    image = resized(image, how)
    top, left = crop_start(image, how)
    return image[:, top : top + how.image_size, left : left + how.image_size]


def resized(image: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """Resize uint8 [3, H, W] to a short side of `how.resize`."""
    image = _without_ends(image)
    height, width = image.shape[1:]
    if min(height, width) == how.resize:
        return image
    # The long side is rounded down, as in torchvision's and timm's Resize.
    size = (how.resize, int(how.resize * width / height))
    if height > width:
        size = (int(how.resize * height / width), how.resize)
    return torch.nn.functional.interpolate(
        image[None], size, mode=how.interpolation, antialias=True, align_corners=False
    )[0]


def crop_start(image: torch.Tensor, how: Preprocessing) -> tuple[int, int]:
    """Return (top, left) of the centre crop of a resized photo."""
    height, width = image.shape[1:]
    return round((height - how.image_size) / 2), round((width - how.image_size) / 2)


def _without_ends(image: torch.Tensor) -> torch.Tensor:
    """Cut the ends of a very long photo: resized whole, 1 x 5000 pixels would need gigabytes."""
    for dimension in (1, 2):
        longest = MAX_ASPECT * min(image.shape[1:])
        if image.shape[dimension] > longest:
            image = image.narrow(dimension, (image.shape[dimension] - longest) // 2, longest)
    return image


_lock = threading.Lock()
_decoder: list[Any] = []


def _libjpeg() -> Any:
    """Return torchvision's decode_jpeg(bytes, mode, upright) without importing torchvision: the
    import takes a second, loading the library alone 2 ms."""
    with _lock:
        if not _decoder:
            decode: Any = _no_decoder
            for library in _libraries():
                torch.ops.load_library(str(library))
                decode = torch.ops.image.decode_jpeg
            _decoder.append(decode)
        return _decoder[0]


def _libraries() -> list[Path]:
    spec = importlib.util.find_spec("torchvision")
    if not spec or not spec.origin:
        return []
    return sorted(Path(spec.origin).parent.glob("image*.so"))


def _no_decoder(*_: Any) -> torch.Tensor:
    raise RuntimeError("torchvision's image library is not installed")
