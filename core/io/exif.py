"""The EXIF facts of a photo: time, location and camera."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

from core.io.names import printable

# EXIF is near the beginning of a file in every format that has it.
LOOKED_AT = 2**18
MAKE, MODEL, TIME, DIGITISED = 0x010F, 0x0110, 0x9003, 0x9004
EXIF, GPS = 0x8769, 0x8825
_TIME = re.compile(r"\d{4}[:-]\d\d[:-]\d\d \d\d:\d\d:\d\d")


def facts(data: bytes) -> dict[str, str]:
    """Return `captured_at` (local time as written), `camera`, `latitude` and `longitude` (degrees),
    as far as the photo has them; damaged values are skipped."""
    if b"Exif" not in data[:LOOKED_AT]:
        return {}
    try:
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            found = _captured(exif.get_ifd(EXIF)) | _camera(exif) | _place(exif.get_ifd(GPS))
    except Exception:
        return {}
    return found


def _captured(exif: Mapping[int, Any]) -> dict[str, str]:
    text = str(exif.get(TIME) or exif.get(DIGITISED) or "").strip("\0 ")
    if not _TIME.fullmatch(text) or text.startswith("0000"):
        return {}
    return {"captured_at": text[:10].replace(":", "-") + text[10:]}


def _camera(exif: Mapping[int, Any]) -> dict[str, str]:
    make, model = (_text(exif.get(tag)) for tag in (MAKE, MODEL))
    name = model if make and model.casefold().startswith(make.casefold()) else f"{make} {model}"
    return {"camera": name.strip()} if name.strip() else {}


def _text(value: Any) -> str:
    return printable(str(value).strip("\0 ")) if value is not None else ""


def _place(gps: Mapping[int, Any]) -> dict[str, str]:
    latitude = _degrees(gps.get(2), str(gps.get(1, "")), "S", 90)
    longitude = _degrees(gps.get(4), str(gps.get(3, "")), "W", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return {}
    return {"latitude": f"{latitude:.6f}", "longitude": f"{longitude:.6f}"}


def _degrees(parts: Any, side: str, negative: str, most: float) -> float | None:
    """Return degrees, minutes and seconds as one number, negative in the south and west."""
    if not isinstance(parts, tuple) or len(parts) != 3:
        return None
    degrees, minutes, seconds = map(float, parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value) or value > most:
        return None
    return -value if side.upper().startswith(negative) else value
