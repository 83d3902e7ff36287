"""The entry point on SageMaker's PyTorch image: inference.py, with refusals in the form that this
server understands.

The toolkit answers any other exception with a 500, on which a whole batch transform fails. So with
FIELDMARK_REFUSALS=answer, which batch transforms set, a photo that cannot be used gets the answer
`{"error": {"code", "message"}}`.
"""

from __future__ import annotations

import importlib
import json
import os
from typing import Any

import inference
from inference import RequestError, model_fn, output_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]


def input_fn(request_body: bytes | bytearray, request_content_type: str) -> Any:
    """Return the photo in a request, or its refusal if refusals are answers."""
    try:
        return inference.input_fn(request_body, request_content_type)
    except RequestError as error:
        refused = {"error": {"code": error.code, "message": str(error)}}
        if os.environ.get("FIELDMARK_REFUSALS") == "answer":
            return refused
        raise _with_status(error, json.dumps(refused)) from error


def predict_fn(input_data: Any, model: Any) -> inference.Answer:
    """Return the answer to a photo; a refusal is returned as it is."""
    if isinstance(input_data, dict):
        return input_data
    return inference.predict_fn(input_data, model)


def _with_status(error: RequestError, body: str) -> Exception:
    """Return the toolkit's own exception, whose status reaches the client; only its container image
    has that package."""
    try:
        errors = importlib.import_module("sagemaker_inference.errors")
    except ImportError:
        return error
    toolkit_error: Exception = errors.BaseInferenceToolkitError(error.status, body, error.code)
    return toolkit_error
