"""The usual loop to run a model over a folder: a DataLoader with two workers, Pillow, eager fp32,
batches of 32.

The network is the one under test, as its artifact builds it, so that only the loop differs.

    python -m benchmarks.peers.batch_loop --images FOLDER --manifest manifest.csv --model FOLDER
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from benchmarks.peers import common

BATCH, WORKERS = 32, 2


class Inputs:
    """Return a photo as input for each backbone: Pillow's bicubic resize and centre crop, uint8
    pixels (the model normalises them)."""

    def __init__(self, backbones: Sequence[Mapping[str, Any]]) -> None:
        self.crops = [
            v2.Compose(
                [
                    v2.Resize(entry["resize"], v2.InterpolationMode.BICUBIC),
                    v2.CenterCrop(entry["image_size"]),
                    v2.PILToTensor(),
                ]
            )
            for entry in backbones
        ]

    def __call__(self, image: Any) -> list[torch.Tensor]:
        return [crop(image) for crop in self.crops]


def main() -> None:
    parser = common.arguments(str(__doc__))
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args()
    sys.path.insert(0, str(options.model / "code"))
    model = importlib.import_module("inference").model_fn(str(options.model))
    photos = common.read_photos(options.images, options.manifest)
    assert list(photos.classes) == model.classes
    loader = DataLoader(
        photos.dataset("test", Inputs(model.info["backbones"])), BATCH, num_workers=WORKERS
    )
    start, correct, count = time.perf_counter(), 0, 0
    with torch.inference_mode():
        for inputs, labels in loader:
            correct += int((model(inputs).argmax(1) == labels).sum())
            count += len(labels)
    common.report(
        images_per_second=count / (time.perf_counter() - start), accuracy=correct / count, n=count
    )


if __name__ == "__main__":
    main()
