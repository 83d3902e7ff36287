"""A real endpoint for a real model in a separate home, and a client that reports outcomes."""

from __future__ import annotations

import http.client
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from core import settings
from core.backends import LOCAL, Endpoint, EndpointState
from core.datasets.importing import run as importing
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, TrainingSpec
from core.models import store as models
from tests import shapes
from tests.conftest import SMALL, kill_processes_of
from tests.faults._requests import Sent, request

# Longer than any timeout of the server: a client that waits this long would wait for ever.
HANG_SECONDS = 60
MB = 2**20


@dataclass(frozen=True)
class Target:
    """A server under attack."""

    port: int
    process: psutil.Process
    log: Path

    @classmethod
    def of(cls, endpoint: Endpoint) -> Target:
        job = jobs.read(endpoint.id)
        port = int(endpoint.url.rsplit(":", 1)[1])
        return cls(port, psutil.Process(job.status.pid), job.folder.log)

    def megabytes(self) -> float:
        return round(self.process.memory_info().rss / MB)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), HANG_SECONDS)

    def raw(self, sent: Sent) -> bytes:
        return sent.data.replace(b"{host}", f"127.0.0.1:{self.port}".encode())

    def answer(self, body: bytes) -> list[tuple[str, float]]:
        """Return its answer for a good photo. Raises OSError or ValueError if there is none."""
        connection = self.connect()
        with connection:
            connection.sendall(self.raw(Sent(request(body))))
            found = json.loads(received(connection)[1])
        return [(one["label"], one["probability"]) for one in found["predictions"]]

    def ping(self) -> float:
        """Return the seconds that a liveness check takes over a new connection."""
        start = time.perf_counter()
        with self.connect() as connection:
            connection.sendall(self.raw(Sent(request(method="GET", path="/ping", kind=""))))
            received(connection)
        return time.perf_counter() - start


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request: a status, or "closed", "left" or "hang"."""

    what: str
    is_shaped: bool = True


def outcome(target: Target, sent: Sent) -> Outcome:
    try:
        with target.connect() as connection:
            return _outcome(connection, target.raw(sent), sent)
    except TimeoutError:
        return Outcome("hang")
    except (OSError, http.client.HTTPException):
        return Outcome("closed")


def _outcome(connection: socket.socket, data: bytes, sent: Sent) -> Outcome:
    # The server may refuse it before it is complete; the answer is still sent.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data)
    if sent.leaves:
        return Outcome("left")
    if sent.drip:
        _drip(connection, sent.drip)
    status, body = received(connection)
    is_head = data.startswith(b"HEAD")
    return Outcome(str(status), status < 400 or is_head or _has_error_shape(body))


def _drip(connection: socket.socket, drop: bytes) -> None:
    """Send until the server hangs up. Raises TimeoutError if it never does."""
    until = time.monotonic() + HANG_SECONDS
    while time.monotonic() < until:
        try:
            connection.sendall(drop)
        except OSError:
            return
        time.sleep(0.1)
    raise TimeoutError


def received(connection: socket.socket) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def _has_error_shape(body: bytes) -> bool:
    try:
        return set(json.loads(body)["error"]) == {"code", "message"}
    except (ValueError, KeyError, TypeError):
        return False


@contextmanager
def serving() -> Iterator[Target]:
    """Train a small model, serve it, and remove everything at the end."""
    with tempfile.TemporaryDirectory(prefix="fieldmark-fault-") as made:
        home = Path(made, "home")
        os.environ |= {settings.ENV_HOME: str(home), settings.ENV_IMPORT_ROOTS: made}
        os.environ[settings.ENV_PREPARE] = "0"
        try:
            yield Target.of(_deployed(_trained(Path(made))))
        finally:
            kill_processes_of(home)


def _trained(folder: Path) -> models.Model:
    photos = shapes.draw(folder / "shapes")
    version = importing.run_import(importing.ImportSource("folder", photos), "Shapes")
    job = LOCAL.train(TrainingSpec("Small", version.dataset_id, version.id, SMALL))
    while not (job := LOCAL.refresh(job)).state.is_finished:
        time.sleep(0.1)
    assert job.state is jobs.State.COMPLETED, job.status.reason
    return models.listing()[-1]


def _deployed(model: models.Model) -> Endpoint:
    LOCAL.deploy(EndpointSpec("Attacked", model.id, seconds=7200, capture_share=0.05))
    while (endpoint := LOCAL.endpoints()[0]).state is EndpointState.CREATING:
        time.sleep(0.1)
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    return endpoint
