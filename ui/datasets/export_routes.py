"""A dataset version as downloads: streamed while they are built, by their own HTTP routes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from core.datasets import export, store
from core.datasets.store import Version
from core.errors import FieldmarkError
from core.io.names import slug


def address(version: Version, name: str) -> str:
    """Return the address of a file of ROUTES for a version; relative, so that it also works behind
    a proxy's prefix."""
    return f"downloads/datasets/{version.dataset_id}/{version.id}/{name}"


async def photos(request: Request) -> Response:
    return await _answer(
        request,
        lambda version: (iterate_in_threadpool(export.stream(version)), "zip", "application/zip"),
    )


async def table(request: Request) -> Response:
    exact = "exact" in request.query_params
    kind = "text/csv; charset=utf-8"
    return await _answer(request, lambda of: (export.table(of, exact=exact).encode(), "csv", kind))


async def augmented(request: Request) -> Response:
    prefix, split = request.query_params.get("prefix", ""), request.path_params["split"]
    return await _answer(
        request,
        lambda version: (
            export.augmented(version, prefix, split).encode(),
            f"{split}.manifest",
            "application/jsonlines",
        ),
    )


async def _answer(request: Request, make: Callable[[Version], tuple[object, str, str]]) -> Response:
    """Answer with what `make` returns (body, suffix, media type), or with the reason as plain text
    and status 404."""
    try:
        version = await asyncio.to_thread(
            store.version, request.path_params["dataset_id"], request.path_params["version_id"]
        )
        body, suffix, media_type = await asyncio.to_thread(make, version)
        dataset = store.dataset(version.dataset_id)
        headers = attachment(dataset.name, f"-{version.id}.{suffix}")
    except FieldmarkError as error:
        return PlainTextResponse(str(error), status_code=404)
    if isinstance(body, bytes):
        return Response(body, media_type=media_type, headers=headers)
    return StreamingResponse(body, media_type=media_type, headers=headers)  # type: ignore[arg-type]


def attachment(name: str, ending: str) -> dict[str, str]:
    """Return the header that makes a browser save a file under this name: in Unicode (RFC 5987),
    with an ASCII fallback."""
    whole = re.sub(r'[/\\:*?"<>|]', "_", name).lstrip(".") + ending
    disposition = (
        f"attachment; filename=\"{slug(name)}{ending}\"; filename*=UTF-8''{quote(whole, safe='')}"
    )
    return {"Content-Disposition": disposition}


ROUTES = [
    Route("/downloads/datasets/{dataset_id}/{version_id}/photos.zip", photos),
    Route("/downloads/datasets/{dataset_id}/{version_id}/table.csv", table),
    Route("/downloads/datasets/{dataset_id}/{version_id}/{split}.manifest", augmented),
]
