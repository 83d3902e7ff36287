"""The queue before an endpoint's model, and requests that hold several photos: order, refusals, bounds and counts."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import uvicorn

from core import settings
from core.backends.local.endpoints import server
from core.backends.local.endpoints.service import Service
from tests.backends.asking import SECONDS, Client
from tests.backends.watching import until


class Refusal(ValueError):
    status, code = 400, "bad_image"


@dataclass(frozen=True)
class Photo:
    pixels: bytes
    seconds: float = 0.0


class Toy(ModuleType):
    """An `inference.py` whose answer names the photo; `bad` is refused, `boom` fails, and batches are noted."""

    def __init__(self) -> None:
        super().__init__("toy")
        self.batches: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def input_fn(self, body: bytes, _content_type: str) -> Photo:
        if body == b"bad":
            raise Refusal("the photo cannot be used")
        return Photo(body)

    def predict_fn(self, photo: Photo, _model: None) -> dict[str, Any]:
        assert self.go_on.wait(SECONDS)
        if photo.pixels == b"boom":
            raise RuntimeError("a secret of the inside")
        return {"predictions": [{"label": photo.pixels.decode(), "probability": 1.0}]}

    def predict_batch(self, _model: None, photos: list[bytes]) -> list[dict[str, Any]]:
        self.batches.append(len(photos))
        return [self.predict_fn(Photo(pixels), None) for pixels in photos]

    def output_fn(self, prediction: dict[str, Any], _accept: str) -> str:
        return json.dumps(prediction)


@dataclass
class Served(Client):
    toy: Toy
    service: Service

    def form(self, *photos: bytes) -> Any:
        parts = [
            b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
            + photo
            + b"\r\n"
            for photo in photos
        ]
        return self.post(b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x")

    def json(self, *photos: bytes) -> Any:
        body = {"photos": [base64.b64encode(photo).decode() for photo in photos]}
        return self.post(json.dumps(body).encode(), "application/json")

    def figures(self) -> dict[str, Any]:
        return dict(json.loads(self.ask("GET", "/metrics").body))


@pytest.fixture
def served() -> Iterator[Served]:
    toy = Toy()
    service = Service(toy, None, batch=4, workers=1)
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(
        uvicorn.Config(
            server.application(service, {"form": "a toy"}),
            log_level="critical",
            timeout_graceful_shutdown=1,
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


def labels(answer: Any) -> list[str]:
    return [entry["predictions"][0]["label"] for entry in json.loads(answer.body)["answers"]]


@pytest.mark.parametrize("kind", ["form", "json"])
def test_several_photos_are_answered_in_their_order(served: Served, kind: str) -> None:
    names = [f"photo {number}".encode() for number in range(10)]
    answer = getattr(served, kind)(*names)
    assert answer.status == 200
    assert labels(answer) == [name.decode() for name in names]


def test_a_bad_photo_among_others_has_the_error_in_place_of_its_answer(served: Served) -> None:
    first, second, third, fourth = json.loads(served.form(b"one", b"bad", b"boom", b"two").body)[
        "answers"
    ]
    assert first["predictions"][0]["label"] == "one"
    assert second == {"error": {"code": "bad_image", "message": "the photo cannot be used"}}
    assert third["error"]["code"] == "internal"
    assert "secret" not in str(third)
    assert fourth["predictions"][0]["label"] == "two"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{}", "application/json", 400, "bad_json"),
        (b"[", "application/json", 400, "bad_json"),
        (b'{"photos": "YQ=="}', "application/json", 400, "bad_json"),
        (b'{"instances": [{"b64": "YQ=="}]}', "application/json", 400, "bad_json"),
        (b'{"photos": [' + b"[]," * 10**6 + b"[]]}", "application/json", 400, "bad_json"),
        (b'{"photos": []}', "application/json", 400, "no_photo"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 400, "no_photo"),
        (b"whatever", "multipart/form-data", 400, "bad_form"),
        (
            bytes(settings.MAX_INVOCATION_BYTES + 1),
            "multipart/form-data; boundary=x",
            413,
            "too_large",
        ),
    ],
    ids=[
        "no photos",
        "half",
        "a text",
        "instances",
        "a million lists",
        "none",
        "empty form",
        "no boundary",
        "7 MB",
    ],
)
def test_fault_40_a_request_for_several_that_cannot_be_read(
    served: Served, body: bytes, content_type: str, status: int, code: str
) -> None:
    try:
        answer = served.post(body, content_type)
        assert (answer.status, answer.error) == (status, code)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413, "only a body that is refused unread may find the door closed"
    assert served.post(b"a photo").status == 200


NAME = "Zaunkönig?>~".encode() * 20
PLAIN = base64.b64encode(NAME).decode()
SPELLINGS = {
    "wrapped": base64.encodebytes(NAME).decode(),
    "wrapped for Windows": base64.encodebytes(NAME).decode().replace("\n", "\r\n"),
    "a data URL": f"data:image/jpeg;base64,{PLAIN}",
    "a data URL with a name": f"data:image/jpeg;name=a.jpg;base64,{PLAIN}",
    "a wrapped data URL": "data:image/png;base64,\n" + base64.encodebytes(NAME).decode(),
    "URL-safe": base64.urlsafe_b64encode(NAME).decode(),
    "without padding": PLAIN.rstrip("="),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_base64_is_read_as_clients_write_it(served: Served, spelling: str) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        answer = served.post(
            mark + json.dumps({"photos": [SPELLINGS[spelling]]}).encode(),
            "application/json; charset=utf-8",
        )
        assert labels(answer) == [NAME.decode()]


@pytest.mark.parametrize(
    "bad", ["***", "", "YQ=A", "a", None, 7, ["YQ=="], {"b64": "YQ=="}, "data:image/png,abc", "ä"]
)
def test_one_bad_item_of_json_is_one_error(served: Served, bad: object) -> None:
    one, two = (base64.b64encode(name).decode() for name in (b"one", b"two"))
    answer = served.post(json.dumps({"photos": [one, bad, two]}).encode(), "application/json")
    assert answer.status == 200
    first, second, third = json.loads(answer.body)["answers"]
    assert (first["predictions"][0]["label"], third["predictions"][0]["label"]) == ("one", "two")
    assert second["error"]["code"] == "bad_base64"


def test_a_request_of_bad_items_only_has_an_error_for_each(served: Served) -> None:
    answer = served.post(b'{"photos": ["*", "*"]}', "application/json")
    assert [item["error"]["code"] for item in json.loads(answer.body)["answers"]] == [
        "bad_base64"
    ] * 2


def test_a_packed_body_is_refused_in_words(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    packed = {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"}
    connection.request("POST", "/invocations", b"packed", packed)
    answer = connection.getresponse()
    said = json.loads(answer.read())["error"]
    connection.close()
    assert (answer.status, said["code"]) == (415, "unsupported_encoding")
    assert "gzip" in said["message"]


def test_too_many_photos_in_one_request(served: Served) -> None:
    answer = served.json(*[b"a"] * (server.MAX_PHOTOS + 1))
    assert (answer.status, answer.error) == (413, "too_many")
    assert served.json(*[b"a"] * server.MAX_PHOTOS).status == 200


def test_photos_that_wait_together_are_answered_together_and_no_more_at_once(
    served: Served,
) -> None:
    served.json(*[b"a"] * 12)
    assert served.toy.batches
    assert max(served.toy.batches) <= 4


def test_a_request_that_does_not_fit_into_the_queue_is_refused_whole(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_WAITING", 5)
    answer = served.json(*[b"a"] * 6)
    assert (answer.status, answer.error) == (503, "busy")
    assert served.service.waiting == 0
    assert served.figures()["busy"] == 1


def test_too_many_open_requests_are_refused_before_they_are_read(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_OPEN", 1)
    served.toy.go_on.clear()
    held = threading.Thread(target=served.post, args=(b"held",))
    held.start()
    until(lambda: served.service.waiting == 1, "one that waits", SECONDS)
    answer = served.post(b"a photo")
    assert (answer.status, answer.error) == (503, "busy")
    served.toy.go_on.set()
    held.join(SECONDS)
    assert served.post(b"a photo").status == 200


def test_what_it_has_counted(served: Served) -> None:
    served.post(b"one")
    served.json(b"two", b"three")
    served.post(b"bad")
    found = served.figures()
    assert {name: found[name] for name in ("requests", "photos", "errors", "busy", "waiting", "timed", "form")} == {
        "requests": 3, "photos": 3, "errors": 1, "busy": 0, "waiting": 0, "timed": 2, "form": "a toy"
    }  # fmt: skip
    assert 0 < found["p50_ms"] <= found["p95_ms"]
    served.service.reset()
    assert served.figures()["p50_ms"] is None
