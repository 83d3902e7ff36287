"""The file suffixes that may be photos; the bytes decide later."""

from __future__ import annotations

from pathlib import PurePath

PHOTOS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".heic", ".heif", ".hif", ".avif"),
)
RAW = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25"),
    *(".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2"),
    *(".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
# Picture formats that users have and that are not supported, by suffix.
UNREAD = dict.fromkeys(RAW, "RAW photo") | {
    ".jp2": "JPEG 2000",
    ".jxl": "JPEG XL",
    ".psb": "Photoshop file",
    ".psd": "Photoshop file",
    ".svg": "drawing",
}


def is_photo(name: str) -> bool:
    """Return whether a file of this name may be a photo."""
    return name.lower().endswith(PHOTOS)


def unread(name: str) -> str:
    """Return the name of an unsupported picture format with the suffix; empty for any other
    file."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in UNREAD:
        return ""
    return f"{UNREAD[suffix]} ({suffix}), which is not supported"
