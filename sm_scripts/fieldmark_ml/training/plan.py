"""The backbones of a job with their weights and preprocessing."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fieldmark_ml.architectures import ARCHITECTURES, Architecture, Choice, parse_arch, resize_for
from fieldmark_ml.engines.choose import Engine, choose, folded
from fieldmark_ml.network import backbones, weights, zoo
from fieldmark_ml.network.classifier import Classifier
from fieldmark_ml.network.head import Head
from fieldmark_ml.network.model import Info
from fieldmark_ml.photos.preprocessing import Preprocessing
from fieldmark_ml.runtime import TrainingError, log
from fieldmark_ml.training.cache import Recipe


@dataclass(frozen=True)
class PlannedBackbone:
    """One backbone, loaded only if some features are not cached."""

    name: str
    architecture: Architecture
    module: str
    how: Preprocessing
    file: weights.WeightsFile
    arguments: dict[str, int]

    def state(self) -> dict[str, torch.Tensor]:
        """Return the pretrained weights under timm's names, without the classifier."""
        if self.arguments:
            return self.make().network.state_dict()
        return self._stored()

    def _stored(self) -> dict[str, torch.Tensor]:
        loaded = weights.read(self.file, self.architecture)
        return {name: value for name, value in loaded.items() if not name.startswith(_CLASSIFIERS)}

    def make(self) -> backbones.Backbone:
        """Load the network. Raises TrainingError if the weights do not fit it exactly."""
        network = backbones.create(
            self.module, self.architecture.timm_name, package(self.architecture.timm_name)
        )
        try:
            network.load_state_dict(self._stored(), strict=True)
        except RuntimeError as error:
            first = " ".join(str(error).split())[:300]
            raise TrainingError(
                f"The weights in {self.file.path} are not those of {self.architecture.timm_name}: "
                f"{first}"
            ) from None
        if self.arguments:
            self._resample(network)
        return backbones.Backbone(network, self.how).eval()

    def _resample(self, network: Any) -> None:
        try:
            network.set_input_size(**self.arguments)
        except (AttributeError, AssertionError) as error:
            raise TrainingError(
                f"{self.name} cannot take {self.how.image_size} pixels: "
                f"{str(error) or 'its size is fixed'}."
            ) from None

    def form(self, root: Path, precision: str, device: torch.device, cpus: int) -> Engine:
        """Return the fastest engine on this machine; its converted network is cached below `root`,
        beside the features."""
        kept = (
            root
            / "networks"
            / f"{self.architecture.timm_name}-{self.file.sha256[:12]}-{self.how.image_size}"
        )
        return choose(self.make, self.how.image_size, precision, device, cpus, kept)

    def classifier(self, head: Head) -> Classifier:
        """Return the backbone, its batch-norm folded, and `head`, to be trained together."""
        return Classifier(folded(self.make()), head)

    def recipe(self, view: str, precision: str) -> Recipe:
        return Recipe(self.name, self.file.sha256, self.how, view, precision)

    def entry(self) -> Info:
        """This backbone in model.json."""
        return {
            "arch": self.name,
            "timm_name": self.architecture.timm_name,
            "module": self.module,
            "arguments": self.arguments,
            "dimensions": self.architecture.dimensions,
            "image_size": self.how.image_size,
            "resize": self.how.resize,
            "mean": list(self.how.mean),
            "std": list(self.how.std),
            "interpolation": self.how.interpolation,
            "crop": self.how.crop,
            "weights": self.file.source,
        }


_CLASSIFIERS = ("classifier.", "fc.", "head.fc.", "head.weight", "head.bias", "head_dist.")


def plan(arch: str) -> list[PlannedBackbone]:
    """Return the backbones of an --arch list.

    Raises TrainingError for a name timm does not have, and if weights cannot be found.
    """
    planned = []
    for choice in parse_arch(arch):
        architecture = ARCHITECTURES.get(choice.name) or _from_timm(choice)
        module = zoo.module_of(architecture.timm_name)
        size = choice.image_size or architecture.image_size
        arguments: dict[str, int] = {}
        if architecture.fixed_size and size != architecture.image_size:
            arguments["img_size"] = size
        how = Preprocessing(
            size, resize_for(size, architecture.crop_share), *architecture.normalisation
        )
        file = weights.find(choice.name, architecture.timm_name, architecture.hub)
        log(f"{architecture.title} at {size} pixels, weights from {file.source}")
        planned.append(PlannedBackbone(choice.name, architecture, module, how, file, arguments))
    return planned


def _from_timm(choice: Choice) -> Architecture:
    """Return any timm model, described by timm itself."""
    name = choice.name.removeprefix("timm/")
    cfg = backbones.pretrained_cfg(zoo.module_of(name), name, package(name))
    if cfg is None or not cfg.hf_hub_id:
        raise TrainingError(f"timm has no pretrained weights for {name}.")
    network: Any = backbones.create(zoo.module_of(name), name, package(name))
    normalisation = (tuple(cfg.mean), tuple(cfg.std))
    return Architecture(
        name, name, "", cfg.input_size[-1], cfg.crop_pct, normalisation, network.head_hidden_size,
        hub=cfg.hf_hub_id, fixed_size=bool(cfg.fixed_input_size),
    )  # fmt: skip


_folders: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def package(timm_name: str) -> Path:
    """Return a copy of the model code like the one the artifact will carry: training and serving
    use the same code.

    Removed when the process ends.
    """
    _folders.append(tempfile.TemporaryDirectory(prefix="fieldmark-"))
    folder = Path(_folders[-1].name) / backbones.PACKAGE
    zoo.copy([timm_name], folder)
    return folder
