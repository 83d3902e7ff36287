"""The server of the image: SageMaker's /ping and /invocations, as a WSGI application.

The model is loaded when this module is imported, so /ping answers only once there is a model.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

MODEL = os.environ.get("SM_MODEL_DIR", "/opt/ml/model")
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large",
           415: "Unsupported Media Type"}  # fmt: skip

sys.path.insert(0, f"{MODEL}/code")
inference = importlib.import_module("inference")
model = inference.model_fn(MODEL)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    status, body = 404, _error("not_found", "There are only /ping and /invocations.")
    if environ["PATH_INFO"] == "/ping":
        status, body = 200, "{}"
    elif environ["PATH_INFO"] == "/invocations":
        kind = environ.get("CONTENT_TYPE") or "application/x-image"
        status, body = _answer(environ["wsgi.input"].read(), kind)
    data = body.encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    start_response(f"{status} {REASONS.get(status, 'Error')}", headers)
    return [data]


def _answer(photo: bytes, kind: str) -> tuple[int, str]:
    """Return the status and the JSON for a photo.

    A batch sets FIELDMARK_REFUSALS=answer, because one error status would fail all of it.
    """
    try:
        found = inference.predict_fn(inference.input_fn(photo, kind), model)
        return 200, inference.output_fn(found, "application/json")
    except inference.RequestError as error:
        refused = _error(error.code, str(error))
        if os.environ.get("FIELDMARK_REFUSALS") == "answer":
            return 200, refused
        return error.status, refused


def _error(code: str, message: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}})
