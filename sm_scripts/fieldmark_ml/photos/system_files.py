"""What systems and programs leave beside photos: previews, waste baskets, notes of their own.

Whoever looks for photos leaves these out by name: the import, a batch, an archive on its way to the
disk, and training by hand.
"""

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
    """Whether a file or folder of this name is hidden, or a system's own."""
    lower = name.casefold()
    return lower.startswith(".") or lower in NAMES or lower.endswith(ENDINGS)
