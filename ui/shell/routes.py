"""HTTP routes beside the pages: thumbnails, which the browser caches, and large downloads; and what
the app does in the background."""

from __future__ import annotations

import asyncio
import importlib
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from core.backends import LOCAL
from core.backends.local import leftovers
from core.errors import FieldmarkError
from core.io import images
from core.models import explain
from core.training import feature_cache
from ui.datasets import export_routes
from ui.shared import downloads, photo_route

logger = logging.getLogger(__name__)

IMAGE_ID = re.compile(r"[0-9a-f]{64}")
ONE_YEAR = 31_536_000
TIDY_SECONDS = 3600
WARM_AFTER_SECONDS = 2.0


async def thumbnail(request: Request) -> Response:
    """Return the thumbnail of a photo. Its id is the hash of its bytes, so the browser may cache it
    for ever."""
    image_id = request.path_params["image_id"]
    path = images.thumbnail_path(image_id) if IMAGE_ID.fullmatch(image_id) else None
    if path is None or not path.is_file():
        made = images.unkept(image_id)
        headers = {"Cache-Control": "no-store"}
        return Response(made, 200 if made else 404, headers, media_type="image/jpeg")
    return FileResponse(
        path,
        media_type="image/jpeg",
        headers={"Cache-Control": f"private, max-age={ONE_YEAR}, immutable"},
    )


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Run the background tasks of the app. Jobs and endpoints have processes of their own that
    outlive it."""
    tasks = [
        asyncio.create_task(work)
        for work in (asyncio.to_thread(_import_first_page), _keep_warm(), _tidy())
    ]
    try:
        yield {}
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _import_first_page() -> None:
    """Import what the first page needs while the browser loads Streamlit's own files."""
    importlib.import_module("ui.overview.home")
    importlib.import_module("ui.shell.sidebar")


async def _keep_warm() -> None:
    """Run the process that lets jobs start at once. It uses a core for seconds, so it starts after
    the first page."""
    await asyncio.sleep(WARM_AFTER_SECONDS)
    warm = LOCAL.warm_up()
    try:
        await asyncio.Event().wait()
    finally:
        LOCAL.cool_down(warm)


async def _tidy() -> None:
    """Delete leftovers and trim the caches, soon after the start and then every hour."""
    await asyncio.sleep(WARM_AFTER_SECONDS)
    while True:
        for work in (leftovers.sweep, feature_cache.trim, explain.forget_uploads):
            try:
                await asyncio.to_thread(work)
            except (OSError, FieldmarkError) as error:
                # The disk may be full or read-only: the app continues and tries again later.
                logger.warning("Tidying up: %s", error)
        await asyncio.sleep(TIDY_SECONDS)


ROUTES = [
    Route("/thumbnails/{image_id}", thumbnail),
    *downloads.ROUTES,
    *export_routes.ROUTES,
    *photo_route.ROUTES,
]
