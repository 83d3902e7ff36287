"""The endpoint's process: serves one model on 127.0.0.1 with the artifact's own inference code.

    python -m core.backends.local.server RUN_FOLDER --lock FD

It says InService only after a smoke image came back through its own HTTP door, for an open port proves nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import io
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import jobs, models, settings
from core.backends.local import client, processes
from core.errors import FieldmarkError
from core.jobs import RunFolder, State, Status

MAX_WAITING = 32
BODY_SECONDS = 30
SMOKE_SECONDS = 60
ENDED = "The server was asked to end, as when the machine shuts down. Deploy the model again to serve it."


class Refused(Exception):
    """A request that is answered with one error shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Service:
    """The loaded model behind a bounded queue. Torch uses all cores for one image, so one runs at a time."""

    inference: ModuleType
    model: Any
    waiting: int = 0
    requests: int = 0
    errors: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: bytes, content_type: str) -> bytes:
        """One image's bytes to the answer's JSON, by the artifact's own four functions."""
        with self.lock:
            data = self.inference.input_fn(body, content_type)
            prediction = self.inference.predict_fn(data, self.model)
            answer = self.inference.output_fn(prediction, "application/json")
        text = answer[0] if isinstance(answer, tuple) else answer
        return text if isinstance(text, bytes) else str(text).encode()


def application(service: Service) -> Starlette:
    """The HTTP surface: `/ping` and `/invocations`, one error shape for everything else."""

    async def ping(_: Request) -> Response:
        return JSONResponse({"status": "healthy", "requests": service.requests, "errors": service.errors})

    async def invocations(request: Request) -> Response:
        service.requests += 1
        try:
            body = await asyncio.wait_for(read_body(request), BODY_SECONDS)
            return Response(await _answer(service, body, request.headers.get("content-type", "")), media_type="application/json")
        except Refused as error:
            service.errors += 1
            return failure(error.status, error.code, str(error))
        except TimeoutError:
            service.errors += 1
            return failure(408, "too_slow", f"The image did not arrive within {BODY_SECONDS} seconds.")
        except ClientDisconnect:
            return Response(status_code=499)

    async def on_error(_: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        service.errors += status == 500
        code, message = {404: ("not_found", "There is only /ping and /invocations here."), 405: ("method", "Use POST /invocations.")}.get(
            status, ("internal", "The model failed on this image; the endpoint's log has the details.")
        )
        return failure(status, code, message, getattr(error, "headers", None))

    routes = [Route("/ping", ping, methods=["GET"]), Route("/invocations", invocations, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={404: on_error, 405: on_error, 500: on_error})


async def read_body(request: Request) -> bytes:
    """The body, refused as soon as it is too large: by its declared length, or while it arrives."""
    too_large = Refused(413, "too_large", f"An image may have at most {settings.MAX_INVOCATION_BYTES:,} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > settings.MAX_INVOCATION_BYTES:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.MAX_INVOCATION_BYTES:
            raise too_large
    return bytes(body)


def failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status, headers=headers)


def load_service(model_folder: Path) -> Service:
    """The artifact's `inference.py` and its model, imported from the artifact and from nowhere else of the project."""
    code = model_folder / "code"
    sys.path.insert(0, str(code))
    spec = importlib.util.spec_from_file_location("inference", code / "inference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["inference"] = module
    spec.loader.exec_module(module)
    return Service(module, module.model_fn(str(model_folder)))


def smoke_image() -> bytes:
    """A small gradient: any answer to it proves the whole way from HTTP to the model."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def smoke(url: str) -> float:
    """Sends the smoke image over HTTP; milliseconds of the second, warm answer. Raises where none comes."""
    for _ in range(2):
        start = time.perf_counter()
        if not client.post_image(url, smoke_image(), "image/jpeg", SMOKE_SECONDS).get("predictions"):
            raise FieldmarkError("The smoke image came back without a prediction.")
    return (time.perf_counter() - start) * 1000


async def _answer(service: Service, body: bytes, content_type: str) -> bytes:
    if service.waiting >= MAX_WAITING:
        raise Refused(503, "busy", f"{MAX_WAITING} requests are waiting already. Try again in a moment.")
    service.waiting += 1
    try:
        return await run_in_threadpool(service.answer, body, content_type)
    except Exception as error:
        status, code = getattr(error, "status", None), getattr(error, "code", None)
        if isinstance(status, int) and isinstance(code, str):
            raise Refused(status, code, str(error)) from error
        raise
    finally:
        service.waiting -= 1


class Server:
    """Writes the endpoint's status while it loads, proves itself, serves and ends."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.job = jobs.read(folder.path.name)
        self.status = Status(State.IN_PROGRESS, started=time.time(), pid=os.getpid(), pid_created=processes.created(os.getpid()))

    def run(self) -> int:
        self._write()
        try:
            self._serve(self._load())
            self._write(state=State.STOPPED, reason=ENDED, ended=time.time())
            return 0
        except FieldmarkError as error:
            reason = str(error)
        except Exception as error:
            traceback.print_exc()
            reason = f"The model could not be served: {type(error).__name__}: {error}"
        self._write(state=State.FAILED, reason=reason[: settings.MAX_FAILURE_CHARS], ended=time.time(), progress={})
        return 1

    def _load(self) -> Service:
        started = time.perf_counter()
        models.unpack(models.read(str(self.job.spec["model_id"])).folder.artifact, self.folder.model)
        service = load_service(self.folder.model)
        print(f"Model loaded in {time.perf_counter() - started:.1f} s.", flush=True)
        return service

    def _serve(self, service: Service) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(application(service), log_level="warning", timeout_graceful_shutdown=10, access_log=False)
        server = uvicorn.Server(config)
        # Uvicorn ends gracefully and then raises the signal again, which would kill this process before it has said how it ended.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        proof: list[BaseException] = []
        threading.Thread(target=self._prove, args=(server, url, proof), daemon=True).start()
        server.run(sockets=[listener])
        if proof:
            raise FieldmarkError(f"The server started, but its smoke image failed: {proof[0]}")

    def _prove(self, server: uvicorn.Server, url: str, proof: list[BaseException]) -> None:
        try:
            milliseconds = smoke(url)
            self._write(progress={"url": url, "smoke_ms": round(milliseconds, 1)})
            print(f"In service at {url}; the smoke image took {milliseconds:.1f} ms.", flush=True)
        except Exception as error:
            proof.append(error)
            server.should_exit = True

    def _write(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        jobs.write_status(self.folder, self.status)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock", type=int, required=True, help="the inherited descriptor that holds the endpoint's lock")
    options = parser.parse_args(arguments)
    os.set_inheritable(options.lock, False)
    return Server(RunFolder(options.folder)).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
