"""Draws a heat map of a model's evidence for a class over a photo.

    python sm_scripts/saliency.py MODEL_DIR photo.jpg map.png      # for the class it predicts
    python sm_scripts/saliency.py MODEL_DIR photo.jpg --label Cardinal map.png
    python sm_scripts/saliency.py MODEL_DIR photo.jpg --label Cardinal --label Bobolink a.png b.png

Grad-CAM (Selvaraju et al. 2017) over the last spatial feature map of each backbone. For pooled
features and a linear head this is CAM (Zhou et al. 2016): the contribution of each place to the
class's logit. The maps of several backbones are averaged. All maps of a photo share one scale, on
which 1 is the strongest evidence for the predicted class. The part outside the network's crop is
grey.
"""

from __future__ import annotations

import argparse
import importlib
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from fieldmark_ml.runtime import write_atomic

# Larger photos are drawn smaller; the model's input is unchanged.
MAX_SIDE = 1024
# The colours from weak to strong evidence, and the opacity of the strongest.
COLOURS = ((94, 31, 112), (196, 62, 70), (240, 138, 48), (255, 236, 130))
OPACITY = 0.68
# The share of the photo's own colour that is kept, so that the map stands out, and the brightness
# outside the crop.
COLOUR_LEFT, UNSEEN_LIGHT = 0.55, 0.4
QUALITY = 88


class Unexplained(ValueError):
    """The evidence of a model or a class cannot be shown; the message says why."""


@dataclass
class Look:
    """One backbone's feature map of one view of a photo.

    `places`: its last map, [1, channels, rows, columns], [1, rows, columns, channels] or [1,
    tokens, channels] whose first `prefix` tokens are not places. `features` [1, dimensions] are
    computed from it.
    """

    places: torch.Tensor
    features: torch.Tensor
    prefix: int
    mirrored: bool

    def evidence(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return Return [rows, columns]: the channels weighted by their gradients and summed;
        negative values are 0, and a mirrored view is mirrored back."""
        values, slopes = (self._by_channel(tensor) for tensor in (self.places.detach(), gradient))
        # The sum instead of the paper's mean, so that maps of different sizes are on the scale of
        # the logit.
        found = (slopes.sum((1, 2), keepdim=True) * values).sum(0).clamp(min=0)
        if self.mirrored:
            return found.flip(1)
        return found

    def _by_channel(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return [channels, rows, columns]"""
        if tensor.ndim == 4:
            if tensor.shape[2] == tensor.shape[3]:
                return tensor[0]
            return tensor[0].permute(2, 0, 1)
        grid = tensor[0, self.prefix :]
        side = math.isqrt(len(grid))
        return grid.T.reshape(-1, side, side)


def load(folder: Path) -> Any:
    """Return the model in `folder`, by the code stored with it, so that models of earlier versions
    work. One model per process. Raises ValueError naming what is missing or damaged."""
    if not (folder / "code" / "inference.py").is_file():
        raise ValueError(f"{folder} is not a model folder: code/inference.py is missing")
    sys.path.insert(0, str(folder / "code"))
    return importlib.import_module("inference").model_fn(str(folder)).requires_grad_(False)


def decode(data: bytes) -> torch.Tensor:
    """Return the photo as uint8 [3, height, width], as the model that was loaded decodes it.

    Raises its BadImage, a ValueError.
    """
    photo: torch.Tensor = importlib.import_module("inference").preprocessing.decode(data)
    return photo


def evidence(
    model: Any, photo: torch.Tensor, labels: Sequence[str]
) -> tuple[torch.Tensor, list[list[torch.Tensor]]]:
    """Return the calibrated probabilities [classes] of `photo` (uint8 [3, height, width]), and the
    evidence for classes.

    For the predicted class, then for each of `labels`: one map [rows, columns] per backbone. Raises
    Unexplained.
    """
    looks = [
        [_look(backbone, batch, view == "flip") for view in model.info["views"]]
        for backbone, batch in zip(model.backbones, model.inputs([photo]), strict=True)
    ]
    logits = model.head(
        torch.cat(
            [torch.stack([look.features for look in views]).mean(0) for views in looks], dim=1
        )
    )
    targets = [int(logits.argmax()), *(_index(model, label) for label in labels)]
    leaves = [look.places for views in looks for look in views]
    found = []
    for target in targets:
        gradients = iter(torch.autograd.grad(logits[0, target], leaves, retain_graph=True))
        found.append(
            [
                torch.stack([look.evidence(next(gradients)) for look in views]).sum(0).cpu()
                for views in looks
            ]
        )
    return model.probabilities(logits.detach())[0].cpu(), found


def _index(model: Any, label: str) -> int:
    if label not in model.classes:
        raise Unexplained(f"the model knows no class {label!r}")
    return model.classes.index(label)


def _look(backbone: Any, batch: torch.Tensor, mirrored: bool) -> Look:
    network = backbone.network
    pixels = ((batch.flip(3) if mirrored else batch).float() - backbone.mean) * backbone.scale
    try:
        if hasattr(network, "patch_embed") and hasattr(network, "blocks"):
            return _look_at_tokens(network, pixels, mirrored)
        places = network.forward_features(pixels).requires_grad_()
        look = Look(places, network.forward_head(places), 0, mirrored)
    except AttributeError:
        raise Unexplained(f"{type(network).__name__} has no spatial feature map") from None
    return _checked(look, network)


def _look_at_tokens(network: nn.Module, pixels: torch.Tensor, mirrored: bool) -> Look:
    """Return the input of a transformer's last block: there the token that becomes the features
    still gathers from the places."""
    kept: list[torch.Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        kept.append(inputs[0].requires_grad_())
        return inputs

    blocks: Any = network.blocks
    hook = blocks[-1].register_forward_pre_hook(keep)
    try:
        features = network(pixels)
    finally:
        hook.remove()
    return _checked(
        Look(kept[0], features, int(getattr(network, "num_prefix_tokens", 0)), mirrored), network
    )


def _checked(look: Look, network: nn.Module) -> Look:
    shape = look.places.shape
    if not _is_square(shape, look.prefix):
        raise Unexplained(
            f"the last map of {type(network).__name__} has the shape {tuple(shape)}, which is not "
            "spatial"
        )
    return look


def _is_square(shape: torch.Size, prefix: int) -> bool:
    """Return whether a map, or the tokens behind the first `prefix` ones, has as many rows as
    columns."""
    if len(shape) == 4:
        return shape[1] == shape[2] or shape[2] == shape[3]
    tokens = shape[1] - prefix
    return len(shape) == 3 and math.isqrt(tokens) ** 2 == tokens


def seen(height: int, width: int, how: Any) -> tuple[float, float, float, float]:
    """Return (top, left, bottom, right) of the crop of `preprocessing.prepare`, as shares of a
    photo's height and width."""
    shorter, longest = (
        min(height, width),
        importlib.import_module("inference").preprocessing.MAX_ASPECT * min(height, width),
    )
    edges = []
    for side in (height, width):
        kept = min(side, longest)
        resized = how.resize if side == shorter else int(how.resize * kept / shorter)
        start = (side - kept) // 2 + round((resized - how.image_size) / 2) * kept / resized
        edges.append((start / side, (start + how.image_size * kept / resized) / side))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right


def heat(
    maps: Sequence[torch.Tensor],
    hows: Sequence[Any],
    original: tuple[int, int],
    size: tuple[int, int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of the backbones' maps over a photo of `original` (height, width) pixels that
    is drawn in `size`: float [size].

    And bool [size]: the pixels inside any backbone's crop.
    """
    total, visible = torch.zeros(size), torch.zeros(size, dtype=torch.bool)
    for places, how in zip(maps, hows, strict=True):
        top, left, bottom, right = (
            round(share * size[place % 2]) for place, share in enumerate(seen(*original, how))
        )
        drawn = nn.functional.interpolate(
            places[None, None], (bottom - top, right - left), mode="bicubic", align_corners=False
        )[0, 0]
        total[top:bottom, left:right] += drawn.clamp(min=0) / len(maps)
        visible[top:bottom, left:right] = True
    return total, visible


def overlay(photo: torch.Tensor, strength: torch.Tensor, visible: torch.Tensor) -> Image.Image:
    """Return `photo` (uint8 [3, height, width]) with `strength` (0 to 1, [height, width]) in
    colours over it."""
    pixels = photo.float()
    grey = pixels.mean(0, keepdim=True)
    pixels = COLOUR_LEFT * pixels + (1 - COLOUR_LEFT) * grey
    palette = torch.tensor(COLOURS, dtype=torch.float32)
    place = strength.clamp(0, 1) * (len(COLOURS) - 1)
    lower = place.floor().long().clamp(max=len(COLOURS) - 2)
    between = (place - lower)[..., None]
    colour = (palette[lower] * (1 - between) + palette[lower + 1] * between).permute(2, 0, 1)
    opacity = OPACITY * strength.clamp(0, 1) ** 0.7
    drawn = torch.where(visible, pixels * (1 - opacity) + colour * opacity, UNSEEN_LIGHT * grey)
    return Image.fromarray(drawn.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy())


def explain(model: Any, data: bytes, labels: Sequence[str]) -> list[tuple[str, float, Image.Image]]:
    """Return (class, probability, the photo in `data` with the class's evidence over it) for each
    of `labels`, or for the predicted class.

    Raises ValueError: a bad image, or Unexplained.
    """
    photo = decode(data)
    probabilities, found = evidence(model, photo, labels)
    shown = _smaller(photo)
    sizes = (photo.shape[1], photo.shape[2]), (shown.shape[1], shown.shape[2])
    drawn = [heat(maps, model.how, *sizes) for maps in found]
    strongest = drawn[0][0].max().clamp(min=1e-6)
    names = list(labels) or [model.classes[int(probabilities.argmax())]]
    chosen = drawn[1:] or drawn
    return [
        (
            name,
            probabilities[model.classes.index(name)].item(),
            overlay(shown, strength / strongest, visible),
        )
        for name, (strength, visible) in zip(names, chosen, strict=True)
    ]


def _smaller(photo: torch.Tensor) -> torch.Tensor:
    longest = max(photo.shape[1:])
    if longest <= MAX_SIDE:
        return photo
    size = [max(1, round(side * MAX_SIDE / longest)) for side in photo.shape[1:]]
    return nn.functional.interpolate(
        photo[None], size, mode="bilinear", antialias=True, align_corners=False
    )[0]


def save(image: Image.Image, path: Path) -> None:
    """Write the picture atomically, in the format of its suffix."""
    buffer = io.BytesIO()
    image.save(
        buffer, Image.registered_extensions().get(path.suffix.lower(), "PNG"), quality=QUALITY
    )
    write_atomic(path, buffer.getvalue())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Draws where a model finds its evidence for a class over a photo."
    )
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL_DIR",
        help="folder with model.json, model.safetensors and code/",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "out", type=Path, nargs="+", metavar="OUT", help="one picture per label, .png or .jpg"
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        help="a class of the model; the predicted one by default",
    )
    options = parser.parse_args(arguments)
    if len(options.out) != max(1, len(options.label)):
        parser.error(f"{len(options.label)} labels need as many OUT files, not {len(options.out)}")
    try:
        pictures = explain(load(options.model), options.image.read_bytes(), options.label)
    except (ValueError, OSError) as error:
        print(f"The heat map could not be drawn: {error}", file=sys.stderr)
        return 1
    for (label, probability, picture), path in zip(pictures, options.out, strict=True):
        save(picture, path)
        print(f"{path}: {label}, probability {probability:.4f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
