"""The bounds of an endpoint's connections, over real sockets, with silent and slow clients."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from core import hosts, settings
from core.backends.local.endpoints import doors, server
from core.backends.local.endpoints.service import Service
from tests.backends.asking import SECONDS, answer_of
from tests.backends.test_server import Served, Toy
from tests.backends.watching import until

Patch = pytest.MonkeyPatch
Headers = dict[str, str]

# A toy server that may open few files, and has most of them open already. It says its port.
FEW_FILES = """
import os, resource, socket, sys
from core.backends.local.endpoints import doors, server
from core.backends.local.endpoints.service import Service
from tests.backends.test_server import Toy
listener = doors.Listener(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen()
running = doors.server(server.application(Service(Toy(), None)), 1)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(42 - len(os.listdir("/proc/self/fd")))]
print(listener.getsockname()[1], flush=True)
running.run([listener])
"""


@pytest.fixture
def served() -> Iterator[Served]:
    toy = Toy()
    service = Service(toy, None, workers=2)
    listener = socket.create_server(("127.0.0.1", 0))
    running = doors.server(server.application(service), 1)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: running.started, "the server")
    yield Served(listener.getsockname()[1], toy, service)
    toy.go_on.set()
    running.should_exit = True
    thread.join(SECONDS)
    assert not thread.is_alive()
    listener.close()


def post(host: str = "localhost", **headers: str) -> list[str]:
    lines = {"Host": host, "Content_Type": "image/png", "Content_Length": "7", **headers}
    given = [f"{name.replace('_', '-')}: {value}" for name, value in lines.items()]
    return ["POST /invocations HTTP/1.1", *given, "", "a photo"]


@pytest.mark.parametrize("lines", [[], ["POST /invocations HTTP/1.1", "Host: localhost"]])
def test_a_missing_head_is_given_up(served: Served, lines: list[str], monkeypatch: Patch) -> None:
    monkeypatch.setattr(doors, "HEAD_SECONDS", 0.5)
    answer = answer_of(served.open(*lines))
    assert (answer.status, answer.error) == (408, "too_slow")


def test_a_head_that_drips_is_given_up_all_the_same(served: Served, monkeypatch: Patch) -> None:
    monkeypatch.setattr(doors, "HEAD_SECONDS", 1)
    slow = served.open("POST /invocations HTTP/1.1", "Host: localhost")
    slow.settimeout(0.05)
    answered = b""
    with slow:
        until(lambda: bool(dripped(slow)), "the end of its patience", SECONDS)
    assert answered == b""


def dripped(connection: socket.socket) -> bytes:
    """What came back for one more header: an answer, or b"" while it is still listened to."""
    try:
        connection.sendall(b"X-More: of it\r\n")
        return connection.recv(1024) or b"closed"
    except TimeoutError:
        return b""
    except OSError:
        return b"closed"


def test_a_second_head_is_bounded_too(served: Served, monkeypatch: Patch) -> None:
    monkeypatch.setattr(doors, "HEAD_SECONDS", 1)
    first = "GET /ping HTTP/1.1", "Host: localhost", ""
    with served.open(*first, "GET /ping HTTP/1.1") as connection:
        received = b""
        while part := connection.recv(4096):
            received += part
    assert b"200 OK" in received
    assert b"too_slow" in received


def test_an_endless_body_ends_with_the_connection(served: Served, monkeypatch: Patch) -> None:
    monkeypatch.setattr(doors, "HEAD_SECONDS", 1)
    lines = ("POST /ping HTTP/1.1", "Host: localhost", "Content-Length: 100000000", "")
    with served.open(*lines) as connection:
        connection.settimeout(0.05)
        assert b" 405 " in connection.recv(4096)
        until(lambda: dripped(connection) == b"closed", "the end of it", SECONDS)


def test_silent_connections_shut_nobody_out(served: Served, monkeypatch: Patch) -> None:
    monkeypatch.setattr(doors, "MAX_CONNECTIONS", 20)
    silent = [served.open() for _ in range(60)]
    start = time.monotonic()
    assert served.post(b"a photo").status == 200
    assert served.ask("GET", "/ping").status == 200
    assert time.monotonic() - start < doors.HEAD_SECONDS / 2, "it did not wait for the silent ones"
    for connection in silent:
        connection.close()


def test_the_oldest_silent_connection_makes_room(served: Served, monkeypatch: Patch) -> None:
    monkeypatch.setattr(doors, "MAX_CONNECTIONS", 3)
    at_work = served.open(
        "POST /invocations HTTP/1.1", "Host: localhost", "Content-Type: image/png",
        "Content-Length: 4", "", "wait"[:4],
    )  # fmt: skip
    until(lambda: served.service.waiting == 1, "one that waits", SECONDS)
    silent = [served.open() for _ in range(4)]
    assert [silent[number].recv(1) for number in range(2)] == [b"", b""]
    served.toy.go_on.set()
    assert answer_of(at_work).status == 200
    assert answer_of_ping(silent[3]) == 200


def answer_of_ping(connection: socket.socket) -> int:
    connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return answer_of(connection).status


def test_requests_without_a_body_shut_nobody_out(served: Served, monkeypatch: Patch) -> None:
    monkeypatch.setattr(server, "MAX_OPEN", 5)
    silent = [served.open(*post(Content_Length="1000")) for _ in range(12)]
    start = time.monotonic()
    assert served.post(b"a photo").status == 200
    assert time.monotonic() - start < server.BODY_SECONDS / 3
    answer = answer_of(silent[0])
    assert (answer.status, answer.error) == (408, "too_slow")
    for connection in silent:
        connection.close()


def test_bodies_hold_no_more_memory_than_they_may(served: Served, monkeypatch: Patch) -> None:
    size = settings.MAX_INVOCATION_BYTES
    lines = post(Content_Length=str(size))[:-1]
    held = []
    for _ in range(server.MAX_WAITING + 4):
        connection = served.open(*lines)
        connection.sendall(bytes(size - 1))
        held.append(connection)
    answer = answer_of(held[0])
    assert (answer.status, answer.error) == (408, "too_slow")
    assert served.post(b"a photo").status == 200
    for connection in held:
        connection.close()


def test_a_post_that_asks_for_a_websocket_is_answered(served: Served) -> None:
    answer = answer_of(served.open(*post(Connection="Upgrade", Upgrade="websocket")))
    assert answer.status == 200
    lines = ("GET /ping HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket")
    assert answer_of(served.open(*lines, "Sec-WebSocket-Key: x", "")).status == 200


@pytest.mark.parametrize(
    "text",
    [
        "not HTTP at all\r\n\r\n",
        "GET /ping HTTP\r\nHost: localhost\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: localhost\r\nX: " + "x" * 100_000,
        "POST /invocations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01",
    ],
    ids=["words", "no version", "two hosts", "long head", "bad chunk", "negative length", "TLS"],
)
def test_malformed_http_has_the_same_shape_of_error(served: Served, text: str) -> None:
    connection = served.open()
    connection.sendall(f"{text}\r\n".encode("latin-1"))
    answer = answer_of(connection)
    assert (answer.status, answer.error) == (400, "bad_http")
    assert served.post(b"a photo").status == 200


def test_503_says_when_to_come_again(served: Served, monkeypatch: Patch) -> None:
    monkeypatch.setattr(server, "MAX_WAITING", 0)
    with served.open(*post()) as connection:
        assert b"retry-after: 1" in connection.recv(4096).lower()


def test_a_shortage_of_files_neither_fills_the_log_nor_ends_the_service() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FEW_FILES], cwd=settings.PROJECT, env=dict(os.environ), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout
    port = int(process.stdout.readline())
    crowd = [socket.create_connection(("127.0.0.1", port), SECONDS) for _ in range(60)]
    until(lambda: short_of_files(process.pid), "the shortage", SECONDS)
    time.sleep(1)
    for connection in crowd:
        connection.close()
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        assert answer_of_ping(connection) == 200
    process.terminate()
    log = process.communicate(timeout=30)[0]
    assert log.count("too many files are open") == 1, log[-2000:]
    assert len(log) < 1000


def short_of_files(pid: int) -> bool:
    return psutil.Process(pid).num_fds() >= 50


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "10.0.0.1", "", "localhost/x"])
def test_a_name_that_is_not_this_machines_is_refused(served: Served, host: str) -> None:
    answer = answer_of(served.open(*post(host)))
    assert (answer.status, answer.error) == (421, "unknown_host")
    assert served.service.requests == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:9"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data", "text/plain"])
def test_another_sites_page_sends_no_photo(served: Served, headers: Headers, kind: str) -> None:
    answer = answer_of(served.open(*post(Content_Type=kind, **headers)))
    assert (answer.status, answer.error) == (403, "foreign_origin")
    assert served.service.requests == 0


def test_its_own_page_and_programs_may_send_photos(served: Served) -> None:
    own = f"localhost:{served.port}"
    for headers in ({}, {"Origin": f"http://{own}", "Sec_Fetch_Site": "same-origin"}):
        assert answer_of(served.open(*post(own, **headers))).status == 200


def test_what_the_user_allows_is_answered(monkeypatch: Patch) -> None:
    monkeypatch.setenv(hosts.ENV_HOSTS, "birds.example")
    monkeypatch.setenv(hosts.ENV_ORIGINS, "https://lab.example")
    service = Service(Toy(), None)
    listener = socket.create_server(("127.0.0.1", 0))
    running = doors.server(server.application(service), 1)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: running.started, "the server")
    client = Served(listener.getsockname()[1], Toy(), service)
    with client.open(*post("birds.example", Origin="https://lab.example")) as connection:
        answer = connection.recv(4096).lower()
    assert b"200 ok" in answer
    assert b"access-control-allow-origin: https://lab.example" in answer
    refused = answer_of(client.open(*post("birds.example", Origin="https://other.example")))
    assert json.loads(refused.body)["error"]["code"] == "foreign_origin"
    running.should_exit = True
    thread.join(SECONDS)
    listener.close()
