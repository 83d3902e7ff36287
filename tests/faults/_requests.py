"""Bad requests, as the bytes of a connection, by name. Each maker takes a random.Random. "{host}"
in what it returns becomes the server's own name."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.faults import _photos

ONE = "application/x-image"
JSON = "application/json"
FORM = "multipart/form-data; boundary=x"
LIMIT = 6_291_456


@dataclass(frozen=True)
class Sent:
    """The bytes to send. After `data` the client waits for an answer, or hangs up if it `leaves`;
    `drip` is sent ten times a second until the server closes the connection."""

    data: bytes
    leaves: bool = False
    drip: bytes = b""


Maker = Callable[[random.Random], Sent]


def request(
    body: bytes = b"",
    kind: str = ONE,
    *,
    method: str = "POST",
    path: str = "/invocations",
    more: Sequence[str] = (),
    host: str = "{host}",
    length: str | None = None,
) -> bytes:
    """Return one request from its parts."""
    declared = str(len(body)) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", *[f"Host: {host}"] * bool(host)]
    lines += [f"Content-Type: {kind}"] * bool(kind)
    lines += [f"Content-Length: {declared}"] * bool(declared)
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1", "replace") + body


def form(*photos: bytes, name: str = "a.jpg") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="p"; filename="{name}"\r\n\r\n'.encode()
    return b"".join(head + photo + b"\r\n" for photo in photos) + b"--x--\r\n"


def listed(*photos: bytes) -> bytes:
    return json.dumps({"photos": [base64.b64encode(photo).decode() for photo in photos]}).encode()


def kinds() -> dict[str, Maker]:
    """Return every cheap kind. Slow and expensive ones are separate, because they are sent less
    often."""
    cheap = _photos.cheap()
    good = cheap["jpeg"]
    fixed = {
        **{f"photo: {name}": request(data) for name, data in cheap.items()},
        **{f"method: {name}": data for name, data in _methods(good).items()},
        **{f"path: {path[:20]!r}": request(good, path=path) for path in PATHS},
        **{f"head: {name}": data for name, data in _heads(good).items()},
        **{f"type: {kind[:20]!r}": request(good, kind) for kind in TYPES},
        **{f"json: {name}": request(body, JSON) for name, body in _json(good).items()},
        **{f"form: {name}": request(body, FORM) for name, body in _forms(good).items()},
        **{f"framing: {name}": data for name, data in _framings(good).items()},
    }
    made: dict[str, Maker] = {name: partial(_same, Sent(data)) for name, data in fixed.items()}
    for name, data in _abandoned(good).items():
        made[f"leaves: {name}"] = partial(_same, Sent(data, leaves=True))
    return made | _random(cheap)


def expensive() -> dict[str, Maker]:
    return {name: partial(_same, Sent(request(data))) for name, data in _photos.expensive().items()}


def slow() -> dict[str, Maker]:
    """Clients that keep a connection open as long as possible."""
    begun = b"POST /invocations HTTP/1.1\r\nHost: {host}\r\n"
    second = request(method="GET", path="/ping") + begun
    return {
        "slow: nothing at all": partial(_same, Sent(b"")),
        "slow: half a head": partial(_same, Sent(begun)),
        "slow: endless head": partial(_same, Sent(begun, drip=b"X-More: 1\r\n")),
        "slow: after an answer": partial(_same, Sent(second, drip=b"X-More: 1\r\n")),
    }


def _same(sent: Sent, _rng: random.Random) -> Sent:
    return sent


PATHS = (
    "/", "//", "/ping", "/metrics", "/models", "/invocations/", "//invocations", "/invocations?x=1",
    "/invocations#x", "/INVOCATIONS", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/%00",
    "/%",
    "/%zz", "*", "invocations", "http://evil.example/invocations", "/" + "a" * 8000,
    "/" + "a" * 40_000,
    "/invocations;x", "/.env", "/\xe9", "/ping/..%2finvocations", "/invocations/../invocations",
)  # fmt: skip

TYPES = (
    "", "text/plain", "image/", "image/svg+xml", "image/heic", "IMAGE/JPEG",
    "application/octet-stream",
    "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 9000,
    "multipart/mixed; boundary=x", "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "image/png; " + "x=1;" * 500, "\xff\xfe", "image/jpeg, image/png",
)  # fmt: skip


def _methods(good: bytes) -> dict[str, bytes]:
    names = ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "CONNECT", "PROPFIND")
    absurd = ("FOO", "post", "P" * 5000, "PO ST", "", "\x00", "POST\t")
    made = {name[:10]: request(good, method=name) for name in (*names, *absurd)}
    return made | {f"{name} of ping": request(method=name, path="/ping") for name in names}


def _heads(good: bytes) -> dict[str, bytes]:
    hosts = {"none": "", "evil": "evil.example", "rebound": "evil.example:80", "zeros": "0.0.0.0"}
    made = {f"host {name}": request(good, host=host) for name, host in hosts.items()}
    more = {
        "two hosts": ["Host: localhost"],
        "foreign origin": ["Origin: http://evil.example"],
        "null origin": ["Origin: null"],
        "cross-site": ["Sec-Fetch-Site: cross-site"],
        "64 KB": ["X: " + "x" * 65_536],
        "500 lines": [f"X-{number}: 1" for number in range(500)],
        "5,000 lines": [f"X-{number}: 1" for number in range(5000)],
        "no colon": ["nothing"],
        "empty name": [": x"],
        "NUL": ["X: \x00"],
        "folded": ["X: a", " b"],
        "not ASCII": ["X: \xff\xfe\xe9"],
        "websocket": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"],
        "h2c": ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
        "expects 100": ["Expect: 100-continue"],
        "expects junk": ["Expect: the-unexpected"],
        "forwarded": ["X-Forwarded-For: 8.8.8.8", "X-Forwarded-Proto: gopher"],
        "close": ["Connection: close"],
        "close and keep": ["Connection: close, keep-alive"],
        "trailers": ["TE: trailers", "Trailer: X"],
        "cookies": ["Cookie: a=" + "b" * 8000],
        "range": ["Range: bytes=0-1,5-"],
        "accept junk": ["Accept: text/csv;q=9", "Accept-Encoding: br, zstd"],
        "gzip": ["Content-Encoding: gzip"],
    }
    return made | {name: request(good, more=lines) for name, lines in more.items()}


def _json(good: bytes) -> dict[str, bytes]:
    text = base64.b64encode(good).decode()
    wrapped = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    values: dict[str, object] = {
        "object": {}, "list": [], "null": None, "null photos": {"photos": None},
        "number": {"photos": 1}, "a string": {"photos": text}, "numbers": {"photos": [1, 2]},
        "nulls": {"photos": [None]}, "nested": {"photos": [[text]]},
        "not base64": {"photos": ["***"]},
        "empty string": {"photos": [""]}, "wrapped": {"photos": [wrapped]},
        "data URL": {"photos": ["data:image/jpeg;base64," + text]}, "33": {"photos": [text] * 33},
        "one bad": {"photos": [text, "AAAA", text]}, "surrogate": {"photos": ["\ud800"]},
        "huge number": {"photos": 10**400}, "other key": {"images": [text]},
    }  # fmt: skip
    return {
        **{name: json.dumps(value).encode() for name, value in values.items()},
        "nothing": b"", "half": b'{"photos": ["', "deep": b"[" * 100_000, "NaN": b'{"photos": NaN}',
        "UTF-16": json.dumps({"photos": [text]}).encode("utf-16"), "bytes": bytes(range(256)),
        "a million lists": b'{"photos": [' + b"[]," * 1_000_000 + b"[]]}",
        "a number of a million": b'{"photos": [' + b"9" * 1_000_000 + b"]}",
    }  # fmt: skip


def _forms(good: bytes) -> dict[str, bytes]:
    field = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    return {
        "good": form(good), "two": form(good, good), "one bad": form(good, b"bad", good),
        "33": form(*[good] * 33), "empty file": form(b""), "nothing": b"",
        "no end": form(good)[:-6],
        "only an end": b"--x--\r\n", "field": field + b"--x--\r\n",
        "1,500 fields": field * 1500 + b"--x--\r\n",
        "traversal": form(good, name="../../../etc/passwd"),
        "long name": form(good, name="a" * 90_000),
        "quotes": form(good, name='"; filename*=utf-8\'\'%ff'),
        "no disposition": b"--x\r\n\r\nabc\r\n--x--\r\n",
        "wrong boundary": form(good).replace(b"--x", b"--y"),
        "preamble": b"\r\n" * 1_000_000 + form(good),
        "epilogue": form(good) + b"z" * 1_000_000, "dashes": b"--" * 1_000_000,
        "1 MB head": b"--x\r\nA: " + b"a" * 10**6,
    }  # fmt: skip


def _framings(good: bytes) -> dict[str, bytes]:
    chunked = ["Transfer-Encoding: chunked"]
    plain = partial(request, length="", more=chunked)
    whole = f"{len(good):x}\r\n".encode() + good + b"\r\n0\r\n\r\n"
    ping = request(method="GET", path="/ping", kind="", length="")
    bare = request(length="", more=chunked)
    return {
        "length too small": request(good, length="10"),
        "length negative": request(good, length="-1"),
        "length of words": request(good, length="many"),
        "length of 10^18": request(good, length="1" + "0" * 18),
        "length 7 MB": request(good, length=str(LIMIT + 1)),
        "two lengths": request(good, more=["Content-Length: 3"]),
        "length and chunks": request(whole, more=chunked),
        "gzip coding": request(good, more=["Transfer-Encoding: gzip"]),
        "no length": plain(), "chunks": bare + whole, "bad size": bare + b"zz\r\n" + good,
        "huge size": bare + b"ffffffffffffffffff\r\n" + good,
        "long extension": bare + b"5;" + b"x" * 40_000 + b"\r\n",
        "7 MB in chunks": bare + (b"10000\r\n" + bytes(65_536) + b"\r\n") * 110 + b"0\r\n\r\n",
        "ten in one": ping * 10, "photos in a row": request(good) * 5,
        "garbage after": ping + b"\x00\xff" * 50,
        "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(190),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/1.0": b"GET /ping HTTP/1.0\r\n\r\n", "HTTP/0.9": b"GET /ping\r\n\r\n",
        "words": b"hello\r\n\r\n",
        "empty lines": b"\r\n" * 50, "line feeds": b"GET /ping HTTP/1.1\nHost: localhost\n\n",
        "zeros": bytes(3000), "7 MB": request(bytes(LIMIT + 1)),
        "exactly the limit": request(bytes(LIMIT)),
    }  # fmt: skip


def _abandoned(good: bytes) -> dict[str, bytes]:
    return {
        "at once": b"", "in the head": b"POST /invocations HT",
        "in the body": request(good, length="5000000"),
        "in a chunk": request(length="", more=["Transfer-Encoding: chunked"]) + b"ffff\r\nabc",
        "before the answer": request(good), "after a form": request(form(good, good), FORM),
    }  # fmt: skip


def _random(photos: dict[str, bytes]) -> dict[str, Maker]:
    def flipped(name: str, rng: random.Random) -> Sent:
        return Sent(request(_photos.flipped(photos[name], rng)))

    def cut(name: str, rng: random.Random) -> Sent:
        return Sent(request(photos[name][: rng.randrange(len(photos[name]))]))

    def noise(rng: random.Random) -> Sent:
        return Sent(request(rng.randbytes(rng.randrange(5000))))

    def broken_http(rng: random.Random) -> Sent:
        return Sent(_photos.flipped(request(photos["jpeg"])[:200], rng, 4), leaves=True)

    names = ("jpeg", "progressive jpeg", "png", "gif", "webp", "bmp")
    makers: dict[str, Maker] = {f"flipped: {name}": partial(flipped, name) for name in names}
    makers |= {f"cut: {name}": partial(cut, name) for name in names}
    return makers | {"noise": noise, "flipped: HTTP": broken_http}
