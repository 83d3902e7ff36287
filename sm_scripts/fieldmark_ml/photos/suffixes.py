"""Which files are looked at as photos, by the ends of their names; their bytes decide later."""

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
# Pictures that people bring and that are not read: what each is called.
UNREAD = dict.fromkeys(RAW, "RAW photo") | {
    ".jp2": "JPEG 2000",
    ".jxl": "JPEG XL",
    ".psb": "Photoshop file",
    ".psd": "Photoshop file",
    ".svg": "drawing",
}


def is_photo(name: str) -> bool:
    """Whether a file of this name is looked at."""
    return name.lower().endswith(PHOTOS)


def unread(name: str) -> str:
    """What a picture is that is not read, with its suffix; empty for any other file."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in UNREAD:
        return ""
    return f"{UNREAD[suffix]} ({suffix}), which is not read"
