"""A Fieldmark model as a user of torchserve_handler.py would store it: a timm network with its
classifier.

    python -m benchmarks.peers.torchserve_export MODEL_DIR OUT_DIR

The head's standardisation and the temperature are folded into the classifier, so that both sides
give the same probabilities.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file

BACKBONE = "backbones.0.network."


def export(model: Path, out: Path) -> None:
    """`out`/model.pth and `out`/code/inference.py.

    ValueError for a model that is not a single backbone with a linear head.
    """
    about = json.loads((model / "model.json").read_bytes())
    if len(about["backbones"]) != 1 or about["head"] != "linear" or about["views"] != ["plain"]:
        raise ValueError("only a model of one backbone, one view and a linear head can be exported")
    stored, how = load_file(model / "model.safetensors"), about["backbones"][0]
    network: Any = timm.create_model(
        how["timm_name"].split(".")[0], num_classes=len(about["classes"])
    )
    state = {
        name.removeprefix(BACKBONE): value
        for name, value in stored.items()
        if name.startswith(BACKBONE)
    }
    weight, bias = classifier(stored, float(about["temperature"]))
    name = network.default_cfg["classifier"]
    network.load_state_dict({**state, f"{name}.weight": weight, f"{name}.bias": bias})
    (out / "code").mkdir(parents=True)
    kept = {key: how[key] for key in ("resize", "image_size", "mean", "std")}
    about_network = {
        "timm_name": how["timm_name"].split(".")[0],
        "classes": about["classes"],
        **kept,
    }
    torch.save({**about_network, "state": network.state_dict()}, out / "model.pth")
    shutil.copyfile(
        Path(__file__).with_name("torchserve_handler.py"), out / "code" / "inference.py"
    )


def classifier(
    stored: dict[str, torch.Tensor], temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias of the linear layer that equals standardisation, head and
    temperature."""
    weight, bias = (
        value
        for name, value in sorted(stored.items(), reverse=True)
        if name.startswith("head.layers.")
    )
    scaled = weight / stored["head.deviation"]
    return scaled / temperature, (bias - scaled @ stored["head.mean"]) / temperature


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
