"""An artifact with random weights, for an architecture whose weights would have to be downloaded:
same cost, useless answers.

    python -m benchmarks.endpoints.random_model MODEL_DIR OUT_DIR resnet18

Everything except the network is taken from the model in MODEL_DIR.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import timm
import torch

from core import settings

SEED = 7
SIZE, RESIZE = 224, 256
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def make(source: Path, out: Path, name: str) -> None:
    """Write the artifact's folder."""
    torch.manual_seed(SEED)
    about = json.loads((source / "model.json").read_bytes())
    network: Any = timm.create_model(name, num_classes=0)
    classes, dimensions = len(about["classes"]), int(network.num_features)
    entry = {
        **about["backbones"][0],
        "arch": name,
        "timm_name": name,
        "module": type(network).__module__.rsplit(".", 1)[-1],
        "arguments": {},
        "dimensions": dimensions,
        "image_size": SIZE,
        "resize": RESIZE,
        "mean": list(MEAN),
        "std": list(STD),
        "weights": "random",
    }
    state = {f"backbones.0.network.{key}": value for key, value in network.state_dict().items()}
    head = {
        "head.mean": torch.zeros(dimensions),
        "head.deviation": torch.ones(dimensions),
        "head.layers.1.weight": torch.randn(classes, dimensions),
        "head.layers.1.bias": torch.zeros(classes),
        "means": torch.nn.functional.normalize(torch.randn(classes, dimensions), dim=1),
    }
    sys.path.append(str(settings.SM_SCRIPTS))
    described = {
        **about,
        "name": f"{name}, random weights",
        "arch": name,
        "backbones": [entry],
        "metrics": {},
    }
    import_module("fieldmark_ml.network.artifact").write(out, described, {**state, **head})


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
