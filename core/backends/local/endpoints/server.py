"""The HTTP surface of an endpoint, on 127.0.0.1.

    POST /invocations   image/* or application/x-image: one photo -> its answer
                        multipart/form-data: every file in it is a photo
                        -> {"answers": [...]}, in the order of the photos
                        application/json: {"photos": ["<base64>", ...]} -> the same;
                        base64 may be wrapped, URL-safe or a data URL
    GET  /ping          health, with the numbers of requests and errors
    GET  /metrics       the same with times and the engine

It accepts host names of this machine and of hosts.ENV_HOSTS, and photos only from its own pages and
those of hosts.ENV_ORIGINS.

A request has at most settings.MAX_INVOCATION_BYTES, as for InvokeEndpoint. Every error has the
shape `{"error": {"code", "message"}}`; among several photos, an unusable one has it in place of its
answer.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core import hosts, settings
from core.backends.local.endpoints import bodies, client, payloads
from core.backends.local.endpoints.service import Service, as_json, error_body
from core.errors import FieldmarkError
from core.jobs.status.endpoints import Answer

logger = logging.getLogger(__name__)

MAX_WAITING = 64
MAX_PHOTOS = 32
# Open requests, and their total memory.
MAX_OPEN = 128
MAX_HELD_BYTES = MAX_WAITING * settings.MAX_INVOCATION_BYTES
# Forms and JSON bodies parsed at a time: parsing takes many times their length.
MAX_PARSED = 2
PARSED_AT_ONCE = 2**16
# A million empty lists take 1.5 s to parse; a valid body needs two brackets.
MAX_BRACKETS = 1000
BODY_SECONDS = 30
SMOKE_SECONDS = 60
ONE_PHOTO = "application/x-image"
BAD_JSON = 'The body must be {"photos": ["<base64>", ...]}.'
TOO_SLOW = "The photo did not arrive within {} seconds, or the server had too many requests."
INSIDE = "The model failed on this photo. See the endpoint's log."
TOO_MANY = f"This request has {{}} photos; the limit is {MAX_PHOTOS}."

Photo = tuple[bytes, str]


class Refused(Exception):
    """A rejected request."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def application(service: Service, about: Mapping[str, Any] | None = None) -> Starlette:
    """Return the HTTP application. `about` is added to the counts in `/metrics`."""
    opened = bodies.Bodies(MAX_HELD_BYTES)
    parsing = asyncio.Semaphore(MAX_PARSED)

    async def ping(_: Request) -> Response:
        return JSONResponse(
            {"status": "healthy", "requests": service.requests, "errors": service.errors}
        )

    async def metrics(_: Request) -> Response:
        return JSONResponse({**(about or {}), **service.figures()})

    async def invocations(request: Request) -> Response:
        start = time.perf_counter()
        service.requests += 1
        try:
            async with opened.read(request, BODY_SECONDS, MAX_OPEN) as body:
                return await _invoked(service, request.headers, body, start, parsing)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            refused = _refusal(error)
            service.errors += 1
            service.busy += refused.status == 503
            return failure(refused.status, refused.code, str(refused))

    async def on_error(_: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        service.errors += status == 500
        code, message = {
            404: ("not_found", "Not found. Use /ping, /metrics or /invocations."),
            405: ("method", "Use POST /invocations."),
        }.get(status, ("internal", INSIDE))
        return failure(status, code, message, getattr(error, "headers", None))

    routes = [
        Route("/ping", ping, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/invocations", invocations, methods=["POST"]),
    ]
    handlers = {404: on_error, 405: on_error, 500: on_error}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=_middleware())


class Gate:
    """Rejects host names of other machines, and changes from pages of other sites."""

    def __init__(self, app: ASGIApp, names: Collection[str], origins: Collection[str]) -> None:
        self.app, self.names, self.origins = app, names, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = None
        if scope["type"] == "http":
            refused = self._refusal(Headers(scope=scope), scope["method"])
        await (refused or self.app)(scope, receive, send)

    def _refusal(self, headers: Headers, method: str) -> Response | None:
        if not hosts.is_allowed_host(headers.get("host", ""), self.names):
            message = f"This host name is not allowed. Add it to {hosts.ENV_HOSTS}."
            return failure(421, "unknown_host", message)
        if method not in ("GET", "HEAD") and not hosts.is_trusted_sender(headers, self.origins):
            message = f"Other sites can't send photos. Add the site to {hosts.ENV_ORIGINS}."
            return failure(403, "foreign_origin", message)
        return None


def _middleware() -> list[Middleware]:
    origins = hosts.configured(hosts.ENV_ORIGINS)
    found = [Middleware(Gate, hosts.configured(hosts.ENV_HOSTS), origins)]
    if origins:
        methods, headers = ["GET", "POST"], ["Content-Type"]
        found.append(Middleware(CORSMiddleware, list(origins), methods, headers))
    return found


async def _invoked(
    service: Service,
    headers: Headers,
    body: bytes,
    start: float,
    parsing: asyncio.Semaphore,
) -> Response:
    photos, several = await _photos_in(body, headers, parsing)
    if service.waiting + len(photos) > MAX_WAITING:
        raise Refused(
            503,
            "busy",
            f"The queue is full: {service.waiting} of {MAX_WAITING} photos are waiting. Try again "
            "in a second.",
        )
    answers = await _answers(service, photos)
    text = (
        as_json({"answers": list(map(_one_of_several, answers))})
        if several
        else service.as_text(_checked(answers[0]))
    )
    service.count(time.perf_counter() - start, len(photos))
    return Response(text, media_type="application/json")


async def _answers(
    service: Service, photos: Sequence[Photo | Refused]
) -> list[Answer | BaseException]:
    """Return the answers in the order of the photos; an unreadable photo keeps its error."""
    readable = [photo for photo in photos if not isinstance(photo, Refused)]
    given = iter(await service.answers(readable) if readable else [])
    return [photo if isinstance(photo, Refused) else next(given) for photo in photos]


def _refusal(error: Exception) -> Refused:
    """Return the rejection for `error`; any other error is raised again."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, bodies.TooMany):
        return Refused(503, "busy", f"{MAX_OPEN} requests are open. Try again in a second.")
    if isinstance(error, bodies.TooLarge):
        most = f"{settings.MAX_INVOCATION_BYTES:,}"
        return Refused(413, "too_large", f"The request is too large. The limit is {most} bytes.")
    if isinstance(error, TimeoutError):
        return Refused(408, "too_slow", TOO_SLOW.format(BODY_SECONDS))
    raise error


def failure(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    answer = JSONResponse(error_body(code, message), status_code=status, headers=headers)
    if status == 503:
        answer.headers["Retry-After"] = "1"
    return answer


def smoke_image() -> bytes:
    """Return a small gradient: any answer to it proves that HTTP and the model work."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def smoke(url: str) -> float:
    """Classify the smoke image over HTTP; return the milliseconds of the second, warm answer.
    Raises FieldmarkError, OSError or ValueError if there is none."""
    for _ in range(2):
        start = time.perf_counter()
        if not client.post_image(url, smoke_image(), "image/jpeg", SMOKE_SECONDS).get(
            "predictions"
        ):
            raise FieldmarkError("The smoke test returned no prediction.")
    return (time.perf_counter() - start) * 1000


async def _photos_in(
    body: bytes,
    headers: Headers,
    parsing: asyncio.Semaphore,
) -> tuple[list[Photo | Refused], bool]:
    """Return the photos of a request with their content types, and whether the request may have
    several."""
    photos: list[Photo | Refused]
    if (encoding := headers.get("content-encoding", "identity").strip().lower()) not in (
        "",
        "identity",
    ):
        words = f"Content-Encoding {encoding} is not supported. Send the body without it."
        raise Refused(415, "unsupported_encoding", words)
    content_type = headers.get("content-type", "")
    kind = content_type.split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with parsing:
            photos = [*await _in_form(body, headers)]
    elif kind == "application/json":
        if body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
            raise Refused(400, "bad_json", BAD_JSON)
        async with parsing:
            photos = await run_in_threadpool(_in_json, body)
    else:
        return [(body, content_type)], False
    if not photos:
        words = "This request has no photo. In a form, a photo is a part with a file name."
        raise Refused(400, "no_photo", words)
    if len(photos) > MAX_PHOTOS:
        raise Refused(413, "too_many", TOO_MANY.format(len(photos)))
    return photos, True


async def _in_form(body: bytes, headers: Headers) -> list[Photo]:
    async def whole() -> AsyncIterator[bytes]:
        for at in range(0, len(body), PARSED_AT_ONCE):
            yield body[at : at + PARSED_AT_ONCE]
            # Lets other requests continue.
            await asyncio.sleep(0)

    parser = MultiPartParser(headers, whole(), max_files=MAX_PHOTOS + 1)  # type: ignore[arg-type]
    # In memory only: the disk may be full or slow.
    parser.spool_max_size = settings.MAX_INVOCATION_BYTES
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise Refused(
            400, "bad_form", f"The form can't be read: {getattr(error, 'message', error)}"
        ) from error
    async with asyncio.timeout(BODY_SECONDS):
        found = [
            (await part.read(), ONE_PHOTO)
            for _, part in form.multi_items()
            if isinstance(part, UploadFile)
        ]
        await form.close()
    return found


def _in_json(body: bytes) -> list[Photo | Refused]:
    try:
        listed = json.loads(body)["photos"]
        if not isinstance(listed, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(400, "bad_json", BAD_JSON) from error
    if len(listed) > MAX_PHOTOS:
        # Counted before decoding.
        raise Refused(413, "too_many", TOO_MANY.format(len(listed)))
    return [_in_base64(text) for text in listed]


def _in_base64(text: object) -> Photo | Refused:
    try:
        return payloads.decode_base64(text), ONE_PHOTO
    except (TypeError, ValueError) as error:
        return Refused(400, "bad_base64", f"The photo cannot be used: {error}.")


def _one_of_several(answer: Answer | BaseException) -> Answer:
    try:
        return _checked(answer)
    except Refused as error:
        return error_body(error.code, str(error))
    except Exception as error:
        logger.exception("The model failed on a photo.", exc_info=error)
        return error_body("internal", INSIDE)


def _checked(answer: Answer | BaseException) -> Answer:
    """Return the answer. Raises Refused with the artifact's message if it rejected the photo; other
    errors are raised unchanged."""
    if not isinstance(answer, BaseException):
        return answer
    status, code = getattr(answer, "status", None), getattr(answer, "code", None)
    if isinstance(status, int) and isinstance(code, str):
        raise Refused(status, code, str(answer)) from answer
    raise answer
