"""Serves a trained model.

SageMaker's containers, Ray's adapter and Fieldmark's own server all call the same four functions.

    model = model_fn("/opt/ml/model")
    photo = input_fn(open("bird.jpg", "rb").read(), "image/jpeg")
    answer = output_fn(predict_fn(photo, model), "application/json")

It loads from `model_dir` alone and is independent of the server. It refuses a request with a
RequestError, whose `code` and `status` a server turns into `{"error": {"code": ..., "message":
...}}`.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A server may load this file without its folder being on the search path.
if str(Path(__file__).resolve().parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch

from fieldmark_ml.network import backbones
from fieldmark_ml.network import model as models
from fieldmark_ml.photos import images, preprocessing

# An answer's JSON object.
Answer = dict[str, Any]

MAX_BYTES = 6_291_456
TOP_K = 5


class RequestError(ValueError):
    """A request that cannot be answered. `status` is the HTTP status, `code` a word for
    programs.
    """

    code, status = "bad_request", 400


class BadImageRequest(RequestError):
    code, status = "bad_image", 400


class TooLarge(RequestError):
    code, status = "too_large", 413


class UnsupportedType(RequestError):
    code, status = "unsupported_type", 415


@dataclass(frozen=True)
class Photo:
    """A decoded photo, uint8 [3, height, width], and the duration of decoding."""

    pixels: torch.Tensor
    seconds: float = 0.0


def model_fn(model_dir: str) -> models.Model:
    """Return the model in `model_dir`, on the GPU if there is one."""
    folder = Path(model_dir)
    package = Path(__file__).resolve().parent / backbones.PACKAGE
    if not package.is_dir():
        package = folder / "code" / backbones.PACKAGE
    model = models.load(folder, package)
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def input_fn(request_body: bytes | bytearray, request_content_type: str) -> Photo:
    """Return the photo in a request. Raises UnsupportedType, TooLarge or BadImageRequest."""
    kind = (request_content_type or "").split(";")[0].strip().lower()
    if not kind.startswith("image/") and kind != "application/x-image":
        raise UnsupportedType(
            f"content type {kind or 'none'} is not accepted; send a photo as image/* or "
            "application/x-image"
        )
    if len(request_body) > MAX_BYTES:
        raise TooLarge(f"the photo has {len(request_body)} bytes; at most {MAX_BYTES} are accepted")
    start = time.perf_counter()
    try:
        return Photo(preprocessing.decode(bytes(request_body)), time.perf_counter() - start)
    except images.BadImage as error:
        raise BadImageRequest(f"the photo cannot be used: {error}") from None


def predict_fn(input_data: Photo, model: models.Model) -> Answer:
    """Return the answer for one photo: the TOP_K most probable classes."""
    start = time.perf_counter()
    answer = predict_batch(model, [input_data.pixels])[0]
    return {
        **answer,
        "latency_ms": round(1000 * (time.perf_counter() - start + input_data.seconds), 3),
    }


def output_fn(prediction: Answer, accept: str) -> str:
    """Return JSON for any `accept`; it is the only format."""
    return json.dumps(prediction)


def predict_batch(
    model: models.Model, photos: list[torch.Tensor], top_k: int = TOP_K
) -> list[Answer]:
    """Return answers for decoded photos (uint8 [3, height, width], any sizes), in their order."""
    probabilities, unfamiliar = score_batch(model, photos)
    best = probabilities.topk(min(top_k, probabilities.shape[1]), dim=1)
    threshold = model.info["unsure_threshold"]
    return [
        {
            "model": model.info["name"],
            "predictions": [
                {"label": model.classes[index], "probability": round(value, 6)}
                for value, index in zip(values, indices, strict=True)
            ],
            "unsure": values[0] < threshold,
            "unfamiliar": strange,
        }
        for values, indices, strange in zip(
            best.values.tolist(), best.indices.tolist(), unfamiliar, strict=True
        )
    ]


@torch.inference_mode()
def score_batch(model: models.Model, photos: list[torch.Tensor]) -> tuple[torch.Tensor, list[bool]]:
    """Return calibrated probabilities float32 [n, classes] on the CPU, and which photos are unlike
    everything seen in training."""
    features = model.features(model.inputs(photos))
    probabilities = model.probabilities(model.head(features))
    return probabilities.cpu(), model.unfamiliar(features).tolist()
