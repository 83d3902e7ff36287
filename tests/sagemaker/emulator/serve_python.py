"""Serves /opt/ml/model through AWS's own inference handler, without Java. Run by the interpreter of the container environment.

    EMULATOR_SOCKET=/tmp/x/socket python serve_python.py

As many workers as SAGEMAKER_MODEL_SERVER_WORKERS says load a model each. What is AWS's: sagemaker-inference and sagemaker-pytorch-inference, which find inference.py, load the model and answer. What is not: the
HTTP server, which is werkzeug's on a Unix socket, so that it can be reached in a container without a network. As TorchServe does, it says
that it is healthy before the model has answered anything, and keeps saying so when the model could not be loaded.

EMULATOR_HANDLER in a model's environment names another handler, `module:class`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
from importlib import import_module
from typing import Any

BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
CODE = f"{BASE}/model/code"
HANDLER = "sagemaker_pytorch_serving_container.handler_service:HandlerService"


class Context:
    """What the handler uses of TorchServe's Context."""

    def __init__(self, headers: dict[str, str | None]) -> None:
        self.system_properties = {"model_dir": f"{BASE}/model", "gpu_id": None}
        self.code, self.kind = 200, "application/json"
        self._headers = headers

    @property
    def request_processor(self) -> list[Context]:
        return [self]

    def get_request_properties(self) -> dict[str, str | None]:
        return self._headers

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.code = int(code)

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.kind = value


class Server:
    """A WSGI application. `service` is None if the model could not be loaded."""

    def __init__(self, service: Any, wrappers: Any) -> None:
        self._service, self._wrappers = service, wrappers

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = self._wrappers.Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Any) -> Any:
        if request.path == "/ping":
            return self._json({"status": "Healthy"}, 200)
        if self._service is None:
            return self._json(
                {"code": 500, "type": "InternalServerException", "message": "Worker died."}, 500
            )
        context = Context(
            {
                "Content-Type": request.headers.get("Content-Type"),
                "Accept": request.headers.get("Accept"),
            }
        )
        answer = self._service.handle([{"body": request.get_data()}], context)[0]
        return self._wrappers.Response(answer, context.code, content_type=context.kind)

    def _json(self, body: dict[str, Any], status: int) -> Any:
        return self._wrappers.Response(json.dumps(body), status, content_type="application/json")


def load() -> Any:
    """Return the handler with its model, or None with the reason in the log."""
    sys.path.insert(0, CODE)
    try:
        module, name = os.environ.get("EMULATOR_HANDLER", HANDLER).split(":")
        service = getattr(import_module(module), name)()
        service.initialize(Context({}))
    except Exception:
        traceback.print_exc()
        print("Backend worker process died.", flush=True)
        return None
    print("Model loaded.", flush=True)
    return service


def work(listener: socket.socket) -> None:
    """Be one worker: a model of its own, and requests from the one socket as they come."""
    serving, wrappers = import_module("werkzeug.serving"), import_module("werkzeug.wrappers")
    serving.make_server(
        f"unix://{os.environ['EMULATOR_SOCKET']}",
        0,
        Server(load(), wrappers),
        threaded=True,
        fd=listener.fileno(),
    ).serve_forever()


def main() -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.environ["EMULATOR_SOCKET"])
    listener.listen(128)
    # Of several, the one that is free takes the next request; the others go on waiting.
    listener.setblocking(False)
    for _ in range(int(os.environ["SAGEMAKER_MODEL_SERVER_WORKERS"]) - 1):
        if not os.fork():
            break
    work(listener)


if __name__ == "__main__":
    main()
