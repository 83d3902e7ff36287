"""The endpoint's HTTP surface under bad clients, over real sockets. The model behind it is a toy: it is not what is tested here."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import uvicorn

from core import settings
from core.backends.local.endpoints import server
from core.backends.local.endpoints.service import Service
from tests.backends.asking import SECONDS, Client, answer_of
from tests.backends.watching import until

BEGUN = ("POST /invocations HTTP/1.1", "Host: localhost", "Content-Type: image/png")


class Unsupported(ValueError):
    """A refusal as the artifact's inference.py makes it."""

    status, code = 415, "unsupported_type"


class Toy(ModuleType):
    """An `inference.py`: it refuses what is not an image, fails on the body `boom` and is held up on the body `wait`."""

    def __init__(self) -> None:
        super().__init__("toy")
        self.go_on = threading.Event()

    def input_fn(self, body: bytes, content_type: str) -> bytes:
        if not content_type.startswith("image/"):
            raise Unsupported(f"content type {content_type} is not accepted")
        return body

    def predict_fn(self, data: bytes, _model: None) -> dict[str, Any]:
        if data == b"boom":
            raise RuntimeError("a secret of the inside")
        if data == b"wait":
            assert self.go_on.wait(SECONDS)
        return {"predictions": [{"label": "cat", "probability": 1.0}]}

    def output_fn(self, prediction: dict[str, Any], _accept: str) -> str:
        return json.dumps(prediction)


@dataclass
class Served(Client):
    toy: Toy
    service: Service


@pytest.fixture
def served() -> Iterator[Served]:
    toy = Toy()
    service = Service(toy, None, workers=2)
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(
        uvicorn.Config(
            server.application(service), log_level="critical", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: running.started, "the server")
    yield Served(listener.getsockname()[1], toy, service)
    toy.go_on.set()
    running.should_exit = True
    thread.join(SECONDS)
    assert not thread.is_alive()
    listener.close()


def test_it_answers_and_counts(served: Served) -> None:
    assert json.loads(served.post(b"a photo").body)["predictions"][0]["label"] == "cat"
    assert served.post(b"boom").status == 500
    assert json.loads(served.ask("GET", "/ping").body) == {
        "status": "healthy",
        "requests": 2,
        "errors": 1,
    }


def test_fault_40_a_body_that_says_it_is_too_large_is_refused_unread(served: Served) -> None:
    connection = served.open(
        *BEGUN,
        f"Content-Length: {settings.MAX_INVOCATION_BYTES + 1}",
        "",
    )
    answer = answer_of(connection)
    assert (answer.status, answer.error) == (413, "too_large")


def test_fault_40_a_body_that_does_not_say_how_large_it_is_is_refused_when_it_is_too_large(
    served: Served,
) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 4 * settings.MAX_INVOCATION_BYTES:
            sent += 2**16
            yield bytes(2**16)

    try:
        answer = served.post(endless())
        assert (answer.status, answer.error) == (413, "too_large")
    except (BrokenPipeError, ConnectionResetError):
        assert sent < 4 * settings.MAX_INVOCATION_BYTES, "it hung up in the middle"
    assert served.service.errors == 1
    assert served.post(b"a photo").status == 200


def test_a_body_of_exactly_the_limit_is_taken(served: Served) -> None:
    assert served.post(bytes(settings.MAX_INVOCATION_BYTES)).status == 200


def test_fault_40_what_the_model_refuses_has_the_same_shape(served: Served) -> None:
    answer = served.post(b"a photo", "text/plain")
    assert (answer.status, answer.error) == (415, "unsupported_type")


def test_an_error_inside_the_model_is_told_without_its_inside(served: Served) -> None:
    answer = served.post(b"boom")
    assert (answer.status, answer.error) == (500, "internal")
    assert b"secret" not in answer.body
    assert served.post(b"a photo").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/models", 404),
        ("PUT", "/models", 404),
        ("POST", "/models?url=http://example.org/model.mar", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/ping/..%2f..%2fetc/passwd", 404),
        ("GET", "/invocations", 405),
        ("PUT", "/invocations", 405),
        ("DELETE", "/invocations", 405),
        ("POST", "/ping", 405),
    ],
)
def test_fault_41_there_is_nothing_else_here(
    served: Served, method: str, path: str, status: int
) -> None:
    answer = served.ask(method, path)
    assert answer.status == status
    assert answer.error


def test_fault_41_a_slow_client_is_given_up_and_holds_nobody_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 2 * SECONDS)
    body = (*BEGUN, "Content-Length: 1000", "", "a few bytes")
    with served.open(*body):
        assert served.post(b"a photo").status == 200, "nobody waits for the slow one"
    monkeypatch.setattr(server, "BODY_SECONDS", 1.0)
    answer = answer_of(served.open(*body))
    assert (answer.status, answer.error) == (408, "too_slow")


def test_a_client_that_hangs_up_is_forgotten(served: Served) -> None:
    served.open(*BEGUN, "Content-Length: 1000", "", "a few bytes").close()
    served.open("not HTTP at all", "").close()
    assert served.post(b"a photo").status == 200
    assert served.service.waiting == 0


def test_fault_41_who_comes_when_too_many_wait_is_told_to_come_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_WAITING", 3)
    with ThreadPoolExecutor(10) as pool:
        held = [pool.submit(served.post, b"wait") for _ in range(3)]
        until(lambda: served.service.waiting == 3, "three that wait", SECONDS)
        answer = served.post(b"a photo")
        assert (answer.status, answer.error) == (503, "busy")
        assert served.ask("GET", "/ping").status == 200, "its health is answered all the same"
        served.toy.go_on.set()
        assert [future.result().status for future in held] == [200, 200, 200]
    assert served.post(b"a photo").status == 200


def test_the_smoke_image_has_to_come_back_with_a_prediction(served: Served) -> None:
    assert server.smoke(f"http://127.0.0.1:{served.port}") > 0
    assert served.service.requests == 2
