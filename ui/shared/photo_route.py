"""Whole photos over HTTP, for the photo viewer: the browser caches them and can prefetch the next.

A page hands out the address of each photo that it shows. The address is signed, so it opens that
one file and no other. The signing key lives as long as the app's process.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import secrets
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.datasets import remote
from core.errors import FieldmarkError
from core.io import files, images

# Formats that every browser draws. A larger file is sent as a JPEG of SIDE pixels instead.
AS_IS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
AS_IS_BYTES = 3_000_000
AS_IS_PIXELS = 24_000_000
SIDE = 2400
QUALITY = 88
CACHE = "private, max-age=604800"
_KEY = secrets.token_bytes(32)


def address(root: Path, path: str, image_id: str = "") -> str:
    """Return the address of the photo `path` below `root`; relative, so that it also works behind
    a proxy's prefix. `image_id` lets the browser tell a changed file from the one it cached."""
    parts = {"root": str(root), "path": path, "version": image_id[:16]}
    return f"photo-files?{urlencode({**parts, 'signature': _signature(**parts)})}"


async def photo(request: Request) -> Response:
    """Answer with the photo of a signed address, upright, in a format that a browser draws."""
    parts = {name: request.query_params.get(name, "") for name in ("root", "path", "version")}
    if not hmac.compare_digest(_signature(**parts), request.query_params.get("signature", "")):
        return PlainTextResponse("This address has expired. Reload the page.", 403)
    try:
        content, media_type = await asyncio.to_thread(_drawable, Path(parts["root"]), parts["path"])
    except FieldmarkError as error:
        return PlainTextResponse(str(error), 404)
    return Response(content, media_type=media_type, headers={"Cache-Control": CACHE})


def _signature(root: str, path: str, version: str) -> str:
    message = f"{root}\0{path}\0{version}".encode("utf-8", "surrogatepass")
    return hmac.new(_KEY, message, hashlib.sha256).hexdigest()


def _drawable(root: Path, path: str) -> tuple[bytes, str]:
    """Return the bytes to send and their media type. Raises FieldmarkError when the photo cannot
    be read."""
    remote.bring(root, [path])
    file = files.safe_join(root, path)
    media_type = _browser_type(file)
    if media_type:
        return file.read_bytes(), media_type
    image = images.open_image(file)
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=QUALITY)
    return content.getvalue(), "image/jpeg"


def _browser_type(file: Path) -> str:
    """Return the media type of a file that can be sent as it is, or '' when it has to be made
    smaller or converted."""
    try:
        if file.stat().st_size > AS_IS_BYTES:
            return ""
        with Image.open(file) as image:
            if image.width * image.height > AS_IS_PIXELS:
                return ""
            return AS_IS.get(image.format or "", "")
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""


ROUTES = [Route("/photo-files", photo)]
