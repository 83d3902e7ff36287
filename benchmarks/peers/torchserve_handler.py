"""The `inference.py` that a careful user would deploy:
eager fp32, Pillow, torchvision's transforms, no gradients.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from typing import Any

import timm
import torch
from PIL import Image
from torchvision.transforms import v2


def model_fn(model_dir: str) -> Mapping[str, Any]:
    path = os.path.join(model_dir, "model.pth")  # noqa: PTH118
    stored = torch.load(path, map_location="cpu", weights_only=True)
    network = timm.create_model(stored["timm_name"], num_classes=len(stored["classes"]))
    network.load_state_dict(stored["state"])
    transform = v2.Compose(
        [
            v2.Resize(stored["resize"], interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(stored["image_size"]),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(stored["mean"], stored["std"]),
        ]
    )
    return {"network": network.eval(), "transform": transform, "classes": stored["classes"]}


def input_fn(request_body: bytes, request_content_type: str) -> Image.Image:
    if not request_content_type.startswith(("image/", "application/x-image")):
        raise ValueError(f"content type {request_content_type} is not accepted")
    return Image.open(io.BytesIO(request_body)).convert("RGB")


def predict_fn(photo: Image.Image, model: Mapping[str, Any]) -> Mapping[str, Any]:
    with torch.inference_mode():
        probabilities = model["network"](model["transform"](photo)[None]).softmax(1)[0]
    values, indices = probabilities.topk(min(5, len(probabilities)))
    return {
        "predictions": [
            {"label": model["classes"][index], "probability": value}
            for value, index in zip(values.tolist(), indices.tolist(), strict=True)
        ]
    }


def output_fn(prediction: Mapping[str, Any], accept: str) -> tuple[str, str]:
    return json.dumps(prediction), "application/json"
