"""Files that operating systems and programs leave beside photos: previews, trash folders, metadata.
Imports, batches, the unpacking of archives and training from folders skip them by name."""

from __future__ import annotations

# In lower case. Names that begin with a dot need no entry.
NAMES = frozenset(
    {
        # macOS
        "__macosx",
        "icon\r",
        "network trash folder",
        "temporary items",
        # Windows
        "$recycle.bin",
        "desktop.ini",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "picasa.ini",
        "system volume information",
        "thumbs.db",
        # Synology
        "@eadir",
        "@sharesnap",
        "@tmp",
        "#recycle",
        "#snapshot",
        # QNAP
        "@recently-snapshot",
        "@recycle",
        # Linux
        "lost+found",
        # Python
        "__pycache__",
    }
)
# Synology keeps a file's attributes beside it under these endings.
ENDINGS = ("@synoeastream", "@synoresource")


def is_junk(name: str) -> bool:
    """Return whether a file or folder of this name is hidden or a system file."""
    lower = name.casefold()
    return lower.startswith(".") or lower in NAMES or lower.endswith(ENDINGS)
