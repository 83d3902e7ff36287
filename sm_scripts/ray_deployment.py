"""The application for SageMaker's Ray Serve container image: inference.py behind Ray, whose adapter
answers /ping and /invocations."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# Only the container image has Ray and Starlette.
serve = importlib.import_module("ray.serve")
responses = importlib.import_module("starlette.responses")


class Classifier:
    """The model of the archive that contains this file."""

    def __init__(self) -> None:
        sys.path.insert(0, str(HERE / "code"))
        self.inference = importlib.import_module("inference")
        self.model = self.inference.model_fn(str(HERE))

    async def __call__(self, request: Any) -> Any:
        kind = request.headers.get("content-type", "application/x-image")
        try:
            photo = self.inference.input_fn(await request.body(), kind)
        except self.inference.RequestError as error:
            body = json.dumps({"error": {"code": error.code, "message": str(error)}})
            status = 200 if os.environ.get("FIELDMARK_REFUSALS") == "answer" else error.status
            return responses.Response(body, status_code=status, media_type="application/json")
        answer = self.inference.output_fn(
            self.inference.predict_fn(photo, self.model), "application/json"
        )
        return responses.Response(answer, media_type="application/json")


app = serve.deployment(Classifier).bind()
